// Files: who may read them, who owns them, what is refused (threats A18, G11, G21, H13).

import Foundation
import Issuer
import JOSE
import Keys
import Logging
import Storage
import Testing

@Suite struct StoreFilesTests {
    private let folder: TemporaryFolder
    private let files: StoreFiles

    init() throws {
        folder = try TemporaryFolder()
        files = StoreFiles(database: folder.path + "/sub/store.sqlite")
    }

    private func write(_ text: String, mode: Int = 0o600) throws -> String {
        let path = folder.path + "/key"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    @Test func `files are their owner's alone`() async throws {
        try files.prepareFolder()
        let lock = try StoreLock(files)
        lock.publish(adminSocket: files.adminSocket)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try SQLiteStore(path: files.database, logger: logger)
        _ = try SealingKeyFile(path: files.sealingKey).makeDraft()
        try SealingKeyFile(path: files.sealingKey).promoteDraft()
        try await store.append(AuditRecord(at: time(1), operation: .token, decision: .deny, reason: "x"))
        #expect(try folder.mode("sub") == 0o700)
        // The write-ahead log and its index are there while the store is open.
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/sub").sorted()
        #expect(
            names == [
                "store.sqlite", "store.sqlite-shm", "store.sqlite-wal", "store.sqlite.lock", "store.sqlite.sealing-key",
            ]
        )
        for name in names { #expect(try folder.mode("sub/" + name) == 0o600, "\(name)") }
        store.close()
    }

    // MARK: Ownership

    @Test func `a second owner is refused until the first is gone`() throws {
        try files.prepareFolder()
        do {
            let lock = try StoreLock(files)
            #expect(throws: StoreFileError.ownedByAnother(files.database)) { try StoreLock(files) }
            #expect(StoreLock.adminSocket(of: files) == nil)
            lock.publish(adminSocket: "/run/a long one.sock")
            lock.publish(adminSocket: "/run/short.sock")
            #expect(StoreLock.adminSocket(of: files) == "/run/short.sock")
            withExtendedLifetime(lock) {}
        }
        #expect(throws: Never.self) { try StoreLock(files) }
    }

    @Test func `a lock in a folder that is not there says so`() {
        #expect(throws: StoreFileError.system(files.lock, "No such file or directory")) { try StoreLock(files) }
        #expect(StoreLock.adminSocket(of: files) == nil)
    }

    // MARK: The database

    @Test(arguments: ["not a database, and longer than the header of one is: " + String(repeating: "x", count: 200)])
    func `a file that is no store is refused and left as it is`(text: String) throws {
        try files.prepareFolder()
        try Data(text.utf8).write(to: URL(fileURLWithPath: files.database))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        #expect(throws: StoreFileError.self) { try SQLiteStore(path: files.database, logger: logger) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: files.database)) == Data(text.utf8))
    }

    @Test func `a folder in the place of the store is refused`() throws {
        try FileManager.default.createDirectory(atPath: files.database, withIntermediateDirectories: true)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        #expect(throws: StoreFileError.self) { try SQLiteStore(path: files.database, logger: logger) }
    }

    // MARK: The sealing key

    @Test func `a new sealing key is a draft until it is promoted`() throws {
        try files.prepareFolder()
        let file = SealingKeyFile(path: files.sealingKey)
        #expect(throws: StoreFileError.sealingKeyMissing(files.sealingKey)) { try file.key() }
        let key = try file.makeDraft()
        #expect(key.count == 32)
        #expect(!file.exists)
        #expect(try file.draft.key() == key)
        try file.promoteDraft()
        #expect(try file.key() == key)
        #expect(try file.makeDraft() != key)
        #expect(try file.key() == key)
        file.removeDraft()
        // No draft is left behind.
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path + "/sub") == ["store.sqlite.sealing-key"]
        )
    }

    @Test(arguments: [
        // base64 and base64url of 32 bytes, with and without padding, as openssl, head and base64 write them.
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd/v8=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd_v8",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd_v8=\n", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd/v8=\r\n",
    ])
    func `a sealing key is 32 bytes in either base64`(text: String) throws {
        let key = try SealingKeyFile(path: write(text)).key()
        #expect(key == (0..<30).map { UInt8($0) } + [0xFE, 0xFF])
    }

    @Test(arguments: [
        "", "\n", "secret", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
        // Bits that carry nothing, another alphabet, hex, two keys.
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd_v9", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd.v8",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd/v8=\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd/v8=\n",
    ])
    func `anything else is malformed, and is not replaced`(text: String) throws {
        let path = try write(text)
        #expect(throws: StoreFileError.sealingKeyMalformed(path)) { try SealingKeyFile(path: path).key() }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(text.utf8))
    }

    @Test(arguments: [0o604, 0o640, 0o644, 0o660, 0o606, 0o666, 0o611, 0o777])
    func `a sealing key that others can reach is refused`(mode: Int) throws {
        let path = try write("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd/v8=", mode: mode)
        #expect(throws: StoreFileError.permissionsTooOpen(path)) { try SealingKeyFile(path: path).key() }
    }

    @Test func `one with the mode that systemd shows is taken if it is root's alone`() throws {
        let path = try write("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd/v8=", mode: 0o440)
        guard chown(path, 0, 0) == 0 else {
            // Who is not root cannot make such a file: this one is its own.
            #expect(throws: StoreFileError.permissionsTooOpen(path)) { try SealingKeyFile(path: path).key() }
            return
        }
        #expect(try SealingKeyFile(path: path).key().count == 32)
        #expect(chown(path, 0, 1) == 0)
        #expect(throws: StoreFileError.permissionsTooOpen(path)) { try SealingKeyFile(path: path).key() }
        #expect(chown(path, 1, 0) == 0)
        #expect(throws: StoreFileError.permissionsTooOpen(path)) { try SealingKeyFile(path: path).key() }
    }

    @Test(arguments: [0o600, 0o400, 0o700])
    func `one that only its owner can reach is not`(mode: Int) throws {
        let path = try write("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd/v8=", mode: mode)
        #expect(try SealingKeyFile(path: path).key().count == 32)
    }

    @Test func `every error says how to mend it`() {
        let errors: [StoreFileError] = [
            .unreadable("p", "m"), .notDurable, .newerSchema, .ownedByAnother("p"), .networkFileSystem("p"),
            .permissionsTooOpen("p"), .sealingKeyMissing("p"), .sealingKeyMalformed("p"), .system("p", "m"),
        ]
        #expect(Set(errors.map(\.description)).count == errors.count)
    }
}
