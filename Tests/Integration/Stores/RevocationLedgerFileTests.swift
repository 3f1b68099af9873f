// The ledger of revocations: what it says once, it says for ever (threats G09, G12).

import Foundation
import JOSE
import Keys
import Storage
import Testing

@Suite struct RevocationLedgerFileTests {
    private let folder: TemporaryFolder
    private let path: String
    private let ledger: RevocationLedgerFile

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path + "/revocations"
        ledger = RevocationLedgerFile(path: path)
    }

    private func write(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func text() throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    @Test func `where there is no file nothing was revoked`() throws {
        #expect(try ledger.revocations().isEmpty)
        #expect(try folder.contents.isEmpty)
    }

    @Test func `what is added is there for every reader, with its time, for its owner alone`() throws {
        try ledger.add([.key("k1")], at: time(1_795_255_200))
        #expect(try text() == #"{"at":"2026-11-21T10:00:00Z","key":"k1"}"# + "\n")
        #expect(try folder.mode("revocations") == 0o600)
        try ledger.add([.credential("c1"), .key("k2")], at: time(1_795_255_260))
        let all: Set<Revocation> = [.key("k1"), .key("k2"), .credential("c1")]
        #expect(try RevocationLedgerFile(path: path).revocations() == all)
    }

    @Test func `a line that is there stays as it is`() throws {
        try ledger.add([.key("k1")], at: time(0))
        let before = try text()
        try ledger.add([.key("k1")], at: time(99))
        #expect(try text() == before)
        try ledger.add([], at: time(99))
        #expect(try text() == before)
        try ledger.add([.key("k2"), .key("k1")], at: time(99))
        #expect(try text().hasPrefix(before))
        #expect(try text().split(separator: "\n").count == 2)
    }

    @Test func `no name breaks a line`() throws {
        let names: [ByteString] = ["a\nb", "\"},{", "\u{E9}\u{2028}", "#", "", ByteString([0xFF, 0x00])]
        for name in names { try? ledger.add([.key(name)], at: time(0)) }
        let read = try ledger.revocations()
        for name in names.dropLast() { #expect(read.contains(.key(name))) }
    }

    // MARK: Crashes

    @Test func `a line that was torn by a crash was never said, and the next ones are whole`() throws {
        let line = #"{"at":"1970-01-01T00:00:00Z","key":"k1"}"#
        for count in 1...line.count {
            try write(line + "\n" + line.replacing("k1", with: "k2").prefix(count))
            #expect(try ledger.revocations() == [.key("k1")])
            try ledger.add([.key("k3")], at: time(0))
            #expect(try ledger.revocations() == [.key("k1"), .key("k3")])
            try ledger.add([.key("k2")], at: time(0))
            #expect(try ledger.revocations() == [.key("k1"), .key("k2"), .key("k3")])
        }
    }

    @Test func `an empty file is an empty ledger`() throws {
        try write("")
        #expect(try ledger.revocations().isEmpty)
        try ledger.add([.key("k1")], at: time(0))
        #expect(try ledger.revocations() == [.key("k1")])
    }

    // MARK: What is not ours

    @Test(arguments: [
        "x\n", "{}\n", "[]\n", "\n", #"{"at":"1970-01-01T00:00:00Z"}"# + "\n", #"{"key":5}"# + "\n",
        #"{"key":"k","key":"j"}"# + "\n", "\u{FEFF}" + #"{"key":"k"}"# + "\n",
        #"{"at":"1970-01-01T00:00:00Z","key":"k1"}"# + "\nx\n" + #"{"key":"k2"}"# + "\n",
    ])
    func `a line that cannot be read is an error and not nothing`(text: String) throws {
        try write(text)
        #expect(throws: RevocationLedgerError.self) { try ledger.revocations() }
        #expect(throws: RevocationLedgerError.self) { try ledger.add([.key("k3")], at: time(0)) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(text.utf8))
    }

    @Test func `a link in the ledger's place is refused`() throws {
        let other = folder.path + "/other"
        try Data().write(to: URL(fileURLWithPath: other))
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: other)
        #expect(throws: RevocationLedgerError.self) { try ledger.add([.key("k1")], at: time(0)) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: other)).isEmpty)
    }

    @Test func `a link to nowhere is not an empty ledger`() throws {
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder.path + "/unmounted/ledger")
        #expect(throws: RevocationLedgerError.self) { try ledger.revocations() }
    }

    @Test func `a folder in the ledger's place is refused`() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(throws: RevocationLedgerError.self) { try ledger.revocations() }
        #expect(throws: RevocationLedgerError.self) { try ledger.add([.key("k1")], at: time(0)) }
    }

    @Test func `a ledger whose folder is not there says which file`() throws {
        let lost = RevocationLedgerFile(path: folder.path + "/gone/ledger")
        let error = #expect(throws: RevocationLedgerError.self) { try lost.add([.key("k1")], at: time(0)) }
        #expect(error?.explanation.string.contains("/gone/ledger") == true)
    }

    // MARK: Many at once

    @Test func `of many that add at once nothing is lost`() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask { [path] in
                    let kid = ByteString("k\(number)-" + String(repeating: "x", count: 200))
                    try RevocationLedgerFile(path: path).add([.key(kid)], at: time(0))
                }
            }
            try await group.waitForAll()
        }
        #expect(try ledger.revocations().count == 50)
    }
}
