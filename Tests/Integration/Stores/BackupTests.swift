// Copies while the store works, and what comes back from them (threats G12, H05).

import Foundation
import Issuer
import JOSE
import Keys
import Logging
import TestSupport
import Testing

@testable import Storage

@Suite struct BackupTests {
    private let temporary: TemporaryStore
    private let backup: String

    init() async throws {
        temporary = try await TemporaryStore()
        backup = temporary.folder.path + "/backup"
    }

    private var store: any TestedStore { temporary.store }

    private func kid(_ index: Int) throws -> ByteString {
        try TestKeys.key(index).kid
    }

    private func backUp() async throws -> BackupReport {
        try await store.backUp(to: ByteString(backup))
    }

    private func storeRing(_ ring: KeyRing) async throws {
        let version = try await store.keyRing().version
        #expect(try await store.replaceKeyRing(with: ring, expecting: version))
    }

    // MARK: Backing up

    @Test func `a backup is one file of its owner's that says what it holds`() async throws {
        let ring = try TestKeys.ring()
        try await storeRing(ring)
        _ = try await store.secret(named: "s", orStore: SealedSecret(bytes: [1, 2]))
        _ = try await temporary.registered(at: time(1_795_255_200))
        let report = try await backUp()
        #expect(report == BackupReport(ringVersion: 3, records: 2, lastRecordAt: "2026-11-21T10:00:00Z"))
        #expect(try temporary.folder.mode("backup") == 0o600)
        #expect(try temporary.folder.contents.filter { $0.hasPrefix("backup") } == ["backup"])
        let summary = try StoreBackup(path: backup).summary
        #expect(summary.ring == ring)
        #expect(summary.records == 2)
        #expect(summary.lastRecordAt == "2026-11-21T10:00:00Z")
        #expect(summary.secrets == ["s": SealedSecret(bytes: [1, 2])])
        // Reading left nothing beside it.
        #expect(try temporary.folder.contents.filter { $0.hasPrefix("backup") } == ["backup"])
    }

    @Test func `a file that is there is not replaced`() async throws {
        try Data("precious".utf8).write(to: URL(fileURLWithPath: backup))
        await #expect(throws: Refusal(.alreadyExists, ByteString(backup))) { try await backUp() }
        #expect(try Data(contentsOf: URL(fileURLWithPath: backup)) == Data("precious".utf8))
    }

    @Test func `a backup that cannot be written is refused and leaves nothing`() async throws {
        let lost = ByteString(temporary.folder.path + "/gone/backup")
        do {
            _ = try await store.backUp(to: lost)
            Issue.record("there is no such folder")
        } catch let refusal as Refusal {
            #expect(refusal.reason == .fileNotWritten)
        }
        #expect(try !temporary.folder.contents.contains { $0.hasPrefix("backup") })
    }

    @Test func `a backup is whole while tokens are issued`() async throws {
        try await storeRing(TestKeys.ring())
        let job = try await temporary.registered()
        let kid = try kid(0)
        let copies = try await withThrowingTaskGroup(of: BackupReport?.self) { group in
            for number in 0..<400 {
                group.addTask { [store] in
                    let permit = TemporaryStore.permit(of: job, kid: kid, jti: ByteString("\(number)"))
                    let reason = try await store.commit([permit], of: job, at: time(1001))
                    #expect(reason == nil)
                    return nil
                }
                if number % 100 == 50 {
                    group.addTask { [store, backup] in try await store.backUp(to: ByteString("\(backup)-\(number)")) }
                }
            }
            return try await group.reduce(into: []) { $0 += $1.map { [$0] } ?? [] }
        }
        #expect(copies.count == 4)
        let all = try await store.records(after: 0, limit: 1000)
        for number in [50, 150, 250, 350] {
            let path = "\(backup)-\(number)"
            let summary = try StoreBackup(path: path).summary
            let copy = try SQLiteStore(path: path, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let records = try await copy.records(after: 0, limit: 1000)
            copy.close()
            // A prefix of the log, with its chain whole.
            #expect(Int64(records.count) == summary.records)
            #expect(records == Array(all.prefix(records.count)))
            #expect(AuditChain.firstBreak(in: records, after: nil) == nil)
            #expect(copies.contains { $0.records == summary.records })
        }
    }

    // MARK: What is no backup

    @Test func `what is no backup is not restored`() async throws {
        #expect(throws: StoreFileError.notABackup(backup, "there is no such file")) { try StoreBackup(path: backup) }
        for text in ["", "not a database, " + String(repeating: "x", count: 200)] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: backup))
            #expect(throws: StoreFileError.self) { try StoreBackup(path: backup) }
            try FileManager.default.removeItem(atPath: backup)
        }
        try RawDatabase.run("CREATE TABLE other (x)", in: backup)
        #expect(throws: StoreFileError.self) { try StoreBackup(path: backup) }
    }

    @Test func `a backup of a newer release is named as such`() async throws {
        _ = try await backUp()
        try RawDatabase.run("INSERT INTO grdb_migrations VALUES ('99 to come')", in: backup)
        #expect(throws: StoreFileError.newerSchema) { try StoreBackup(path: backup) }
    }

    @Test func `a damaged backup is refused wherever the damage lies`() async throws {
        try await storeRing(TestKeys.ring())
        for _ in 0..<30 { _ = try await temporary.registered() }
        _ = try await backUp()
        let whole = try Data(contentsOf: URL(fileURLWithPath: backup))
        for offset in stride(from: 0, to: whole.count, by: 4096) {
            var damaged = whole
            damaged.replaceSubrange(offset..<(offset + 64), with: Data(repeating: 0xA5, count: 64))
            try damaged.write(to: URL(fileURLWithPath: backup))
            #expect(throws: StoreFileError.self, "page \(offset / 4096)") { try StoreBackup(path: backup) }
        }
        for count in [1, 100, 4096, whole.count / 2, whole.count - 4096] {
            try whole.prefix(count).write(to: URL(fileURLWithPath: backup))
            #expect(throws: StoreFileError.self, "\(count) bytes") { try StoreBackup(path: backup) }
        }
    }

    // MARK: Restoring

    private func restore(
        refusing revocations: Set<Revocation> = [],
        above version: Int64 = 0,
        at now: Int64 = 2000
    ) throws -> (keys: Int, runners: Int) {
        store.close()
        return try StoreRestoration(StoreBackup(path: backup), to: temporary.files)
            .perform(refusing: revocations, above: version, at: time(now))
    }

    private func reopened() throws -> any TestedStore {
        try TemporaryStore.open(temporary.folder)
    }

    @Test func `a restored store is the backup with all jobs ended, and says so in a log whose chain holds`()
        async throws
    {
        try await storeRing(TestKeys.ring())
        _ = try await store.secret(named: "s", orStore: SealedSecret(bytes: [1]))
        let job = try await temporary.registered()
        _ = try await backUp()
        let before = try await store.records(after: 0, limit: 100)
        let later = try await temporary.registered()
        try await store.replaceSecret(named: "s", with: SealedSecret(bytes: [2]))
        _ = try restore()
        let restored = try reopened()
        defer { restored.close() }
        #expect(try await restored.job(job.id)?.end == JobEnd(reason: .restored, at: time(2000)))
        #expect(try await restored.job(later.id) == nil)
        #expect(restored.liveJobCount == 0)
        #expect(try await restored.sealedSecrets() == ["s": SealedSecret(bytes: [1])])
        #expect(try await restored.runner(TemporaryStore.digest(1))?.name == "builder")
        let records = try await restored.records(after: 0, limit: 100)
        #expect(records.prefix(before.count) == before[...])
        #expect(AuditChain.firstBreak(in: records, after: nil) == nil)
        #expect(
            try await temporary.lastRecordsOf(restored, 2) == ["job_end permit restored", "restore permit ok"]
        )
        #expect(try temporary.folder.mode("store.sqlite") == 0o600)
        #expect(try !temporary.folder.contents.contains { $0.contains(".restoring") })
    }

    @Test func `a restored ring has a version above both, and its standbys wait again`() async throws {
        let ring = try TestKeys.ring().publishing(kid(1), at: time(3))
        try await storeRing(ring)
        _ = try await backUp()
        _ = try restore(above: 40)
        let restored = try reopened()
        let after = try await restored.keyRing()
        #expect(after.version == 41)
        #expect(after.violations.isEmpty)
        #expect(try after.active(.ES256)?.kid == kid(0))
        #expect(try after.key(kid(1))?.publishedAt == nil)
        restored.close()
        // Again, from a store that is not ahead.
        _ = try restore(above: 0)
        let again = try reopened()
        defer { again.close() }
        #expect(try await again.keyRing().version == ring.version + 1)
    }

    @Test func `sightings are forgotten, what keys signed is not`() async throws {
        try await storeRing(TestKeys.ring())
        try await store.noteSighting(of: [kid(1)], at: "web", at: time(5))
        let job = try await temporary.registered()
        let permit = TemporaryStore.permit(of: job, kid: try kid(0))
        #expect(try await store.commit([permit], of: job, at: time(1001)) == nil)
        _ = try await backUp()
        _ = try restore()
        let restored = try reopened()
        defer { restored.close() }
        let state = try await restored.rotationState()
        #expect(state.sightings.isEmpty)
        #expect(try state.tokensExpireBy == [kid(0): time(1310)])
    }

    @Test func `what was revoked since does not come back`() async throws {
        try await TemporaryStore.addRunner("second", digit: 2, to: store)
        try await storeRing(TestKeys.ring())
        _ = try await backUp()
        let credential = Revocation.credential(ByteString(Base64URL.encode(TemporaryStore.digest(2).bytes)))
        let refused = try restore(refusing: [.key(kid(0)), .key("elsewhere"), credential, .credential("?")])
        #expect(refused == (1, 1))
        let restored = try reopened()
        defer { restored.close() }
        let ring = try await restored.keyRing()
        #expect(try ring.key(kid(0))?.state == .revoked)
        #expect(try ring.key(kid(0))?.sealedPrivateKey == nil)
        #expect(ring.violations.isEmpty)
        #expect(try await restored.runner(TemporaryStore.digest(2)) == nil)
        #expect(try await restored.runner(TemporaryStore.digest(1))?.name == "builder")
        #expect(try await temporary.lastRecordsOf(restored, 3).first == "key_revoke permit ledger")
    }

    @Test func `of a rotation, the credential that died since does not come back`() async throws {
        try await TemporaryStore.addRunner("second", digit: 2, to: store)
        let runner = try #require(try await store.runner(named: "second"))
        let known = KnownCredential(digest: TemporaryStore.digest(3), validUntil: nil)
        let next = runner.rotating(to: known, overlap: 3600, at: time(600))
        #expect(try await store.rotateCredential(of: runner, to: next, at: time(600)))
        _ = try await backUp()
        // The one before was followed by another: its runner goes on.
        let former = Revocation.credential(ByteString(Base64URL.encode(TemporaryStore.digest(2).bytes)))
        #expect(try restore(refusing: [former]).runners == 0)
        let restored = try reopened()
        #expect(try await restored.runner(TemporaryStore.digest(2)) == nil)
        #expect(try await restored.runner(TemporaryStore.digest(3))?.name == "second")
        restored.close()
        // The one that it has now: the runner is gone.
        let current = Revocation.credential(ByteString(Base64URL.encode(TemporaryStore.digest(3).bytes)))
        #expect(try restore(refusing: [current]).runners == 1)
        let again = try reopened()
        defer { again.close() }
        #expect(try await again.runner(TemporaryStore.digest(2)) == nil)
        #expect(try await again.runner(TemporaryStore.digest(3)) == nil)
    }

    @Test func `a backup of the release before is restored`() async throws {
        try await storeRing(TestKeys.ring())
        store.close()
        // What migrations 3 to 5 added, taken away.
        try RawDatabase.run(
            TemporaryStore.withoutApprovals + """
                DROP INDEX runner_former_digest;
                ALTER TABLE runner DROP COLUMN bounds;
                ALTER TABLE runner DROP COLUMN valid_until;
                ALTER TABLE runner DROP COLUMN former_digest;
                ALTER TABLE runner DROP COLUMN former_valid_until;
                DROP TABLE grant_use;
                DELETE FROM grdb_migrations WHERE identifier IN ('3 runner bounds', '4 grants');
                """,
            in: temporary.files.database
        )
        _ = try StoreBackup.write(from: temporary.files.database, to: backup)
        let credential = Revocation.credential(ByteString(Base64URL.encode(TemporaryStore.digest(9).bytes)))
        #expect(try restore(refusing: [credential]).runners == 0)
        let restored = try reopened()
        defer { restored.close() }
        #expect(try await restored.runner(TemporaryStore.digest(1)) == temporary.runner)
    }

    @Test func `a revoked standby and a revoked retiring key do not come back either`() async throws {
        try await storeRing(TestKeys.ring().activating(kid(1), at: time(5)).preparing(TestKeys.key(2)))
        _ = try await backUp()
        #expect(try restore(refusing: [.key(kid(0)), .key(kid(2))]).keys == 2)
        let restored = try reopened()
        defer { restored.close() }
        let ring = try await restored.keyRing()
        #expect(try ring.publishedKids == [kid(1)])
        #expect(try ring.active(.ES256)?.kid == kid(1))
    }

    @Test func `a store is restored where there is none`() async throws {
        try await storeRing(TestKeys.ring())
        _ = try await backUp()
        store.close()
        let elsewhere = StoreFiles(database: temporary.folder.path + "/new.sqlite")
        let restoration = StoreRestoration(try StoreBackup(path: backup), to: elsewhere)
        #expect(try restoration.present() == nil)
        _ = try restoration.perform(refusing: [], above: 0, at: time(2000))
        #expect(try restoration.present()?.ring.version == 4)
        #expect(try temporary.folder.mode("new.sqlite") == 0o600)
    }

    @Test func `an empty store's backup is restored, too`() async throws {
        _ = try await backUp()
        _ = try restore()
        let restored = try reopened()
        defer { restored.close() }
        #expect(try await restored.keyRing() == KeyRing())
    }

    // MARK: Restorations that fail

    @Test func `what is present is told before anything is done`() async throws {
        try await storeRing(TestKeys.ring())
        _ = try await backUp()
        _ = try await temporary.registered()
        store.close()
        let present = try StoreRestoration(StoreBackup(path: backup), to: temporary.files).present()
        #expect(present?.records == 2)
        #expect(present?.ring.version == 3)
    }

    @Test func `a damaged store is named, with what to do`() async throws {
        _ = try await backUp()
        store.close()
        try Data(repeating: 0xA5, count: 8192).write(to: URL(fileURLWithPath: temporary.files.database))
        #expect(throws: StoreFileError.self) {
            try StoreRestoration(StoreBackup(path: backup), to: temporary.files).present()
        }
    }

    @Test func `a restoration that another program holds up leaves the store as it is`() async throws {
        try await storeRing(TestKeys.ring())
        _ = try await backUp()
        let later = try await temporary.registered()
        store.close()
        try RawDatabase.holding(temporary.files.database, "BEGIN IMMEDIATE") {
            _ = #expect(throws: StoreFileError.self) { try restore() }
        }
        let present = try reopened()
        defer { present.close() }
        #expect(try await present.job(later.id)?.end == nil)
        #expect(try await present.keyRing() == TestKeys.ring())
        #expect(try !temporary.folder.contents.contains { $0.contains(".restoring") })
    }

    @Test func `what a killed restoration left behind is in nobody's way`() async throws {
        try await storeRing(TestKeys.ring())
        let job = try await temporary.registered()
        _ = try await backUp()
        store.close()
        let draft = temporary.files.database + ".restoring"
        for suffix in ["", "-wal", "-shm", "-journal"] {
            try Data(repeating: 0xA5, count: 5000).write(to: URL(fileURLWithPath: draft + suffix))
        }
        // The old store goes on.
        let old = try reopened()
        #expect(try await old.job(job.id)?.end == nil)
        old.close()
        // And a second try restores.
        _ = try restore()
        let restored = try reopened()
        defer { restored.close() }
        #expect(try await restored.job(job.id)?.end?.reason == .restored)
        #expect(try !temporary.folder.contents.contains { $0.contains(".restoring") })
    }

    @Test func `a store that was killed with a full log is restored over`() async throws {
        try await storeRing(TestKeys.ring())
        _ = try await backUp()
        for _ in 0..<50 { _ = try await temporary.registered() }
        // A copy with its log, as a killed process leaves it.
        let files = StoreFiles(database: temporary.folder.path + "/killed.sqlite")
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(
                atPath: temporary.files.database + suffix,
                toPath: files.database + suffix
            )
        }
        let restoration = StoreRestoration(try StoreBackup(path: backup), to: files)
        #expect(try restoration.present()?.records == 51)
        _ = try restoration.perform(refusing: [], above: 3, at: time(2000))
        #expect(try restoration.present()?.records == 3)
        #expect(try restoration.present()?.ring.version == 4)
    }
}
