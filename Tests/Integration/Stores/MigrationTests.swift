// A store of the release before is taken over with all that it holds.

import Foundation
import Issuer
import JOSE
import Keys
import Logging
import Storage
import TestSupport
import Testing

@Suite struct MigrationTests {
    /// The tables as the release of migration 1 made them.
    private static let schema1 = """
        CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
        INSERT INTO grdb_migrations VALUES ('1');
        CREATE TABLE key_ring (
            one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, document BLOB NOT NULL
        ) STRICT;
        CREATE TABLE sealed_secret (name BLOB PRIMARY KEY NOT NULL, sealed BLOB NOT NULL) STRICT;
        CREATE TABLE runner (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL, credential_digest BLOB NOT NULL UNIQUE,
            patterns BLOB NOT NULL, added_at INTEGER NOT NULL, revoked_at INTEGER
        ) STRICT;
        CREATE UNIQUE INDEX runner_live_name ON runner (name) WHERE revoked_at IS NULL;
        CREATE TABLE repository (
            name BLOB PRIMARY KEY NOT NULL, id BLOB NOT NULL UNIQUE, owner_id BLOB, pinned_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE job (
            id BLOB PRIMARY KEY NOT NULL, runner INTEGER NOT NULL REFERENCES runner (id), reference BLOB,
            registration BLOB NOT NULL, facts BLOB NOT NULL, revision INTEGER NOT NULL,
            registered_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, lease_expires_at INTEGER,
            has_token INTEGER NOT NULL DEFAULT 0, ended_at INTEGER, end_reason TEXT
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX job_reference ON job (runner, reference) WHERE reference IS NOT NULL;
        CREATE INDEX job_live_expiry ON job (expires_at) WHERE ended_at IS NULL;
        CREATE INDEX job_live_lease ON job (lease_expires_at)
            WHERE ended_at IS NULL AND lease_expires_at IS NOT NULL;
        CREATE TABLE audit (sequence INTEGER PRIMARY KEY, document BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
        """

    /// What migration 2 made of them.
    private static let schema2 = """
        INSERT INTO grdb_migrations VALUES ('2 keys that rotate');
        ALTER TABLE key_ring ADD COLUMN digest BLOB;
        ALTER TABLE key_ring ADD COLUMN replaced_at INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE key_use (
            kid BLOB PRIMARY KEY NOT NULL, first_sequence INTEGER NOT NULL, tokens_expire_by INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE sighting (
            place BLOB NOT NULL, kid BLOB NOT NULL, first_seen_at INTEGER NOT NULL, PRIMARY KEY (place, kid)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE setting (name TEXT PRIMARY KEY NOT NULL, document BLOB NOT NULL) STRICT, WITHOUT ROWID;
        """

    private let folder: TemporaryFolder
    private let files: StoreFiles

    init() throws {
        folder = try TemporaryFolder()
        files = StoreFiles(database: folder.path + "/store.sqlite")
        try files.prepareFolder()
        try RawDatabase.run(Self.schema1, in: files.database)
    }

    private func open() throws -> SQLiteStore {
        try SQLiteStore(path: files.database, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func store(_ ring: KeyRing) throws {
        let document = RawDatabase.blob(KeyRingDocument.write(ring))
        try RawDatabase.run("INSERT INTO key_ring VALUES (1, \(ring.version), \(document))", in: files.database)
    }

    private func append(_ records: [AuditRecord]) throws {
        var previous = AuditChain.beginning
        for (sequence, record) in zip(Int64(1)..., records) {
            let document = record.document.serialized
            previous = AuditChain.digest(after: previous, sequence: sequence, document: document)
            let values = "\(sequence), \(RawDatabase.blob(document)), \(RawDatabase.blob(previous))"
            try RawDatabase.run("INSERT INTO audit VALUES (\(values))", in: files.database)
        }
    }

    private func token(_ kid: ByteString, until expiresAt: Int64) -> AuditRecord {
        AuditRecord(
            at: time(1000),
            operation: .token,
            decision: .permit,
            reason: "ok",
            jti: "j",
            kid: kid,
            expiresAt: time(expiresAt)
        )
    }

    @Test func `ring, runners and log are there, and the log's chain holds`() async throws {
        let ring = try TestKeys.ring()
        let kid = try TestKeys.key(0).kid
        try store(ring)
        try append([token(kid, until: 1300), token(kid, until: 1299)])
        let digest = RawDatabase.blob(TemporaryStore.digest(1).bytes)
        try RawDatabase.run(
            "INSERT INTO runner VALUES (1, CAST('b' AS BLOB), \(digest), CAST('[\"acme/*\"]' AS BLOB), 5, NULL)",
            in: files.database
        )
        let store = try open()
        defer { store.close() }
        #expect(try await store.keyRing() == ring)
        #expect(try await store.runner(TemporaryStore.digest(1))?.name == "b")
        let records = try await store.records(after: 0, limit: 10)
        #expect(records.count == 2)
        #expect(AuditChain.firstBreak(in: records, after: nil) == nil)
    }

    @Test func `tokens that were issued before hold their keys`() async throws {
        let ring = try TestKeys.ring()
        let (first, second) = (try TestKeys.key(0).kid, try TestKeys.key(1).kid)
        try store(ring)
        let registration = AuditRecord(at: time(1000), operation: .registration, decision: .permit, reason: "ok")
        try append([
            registration, token(first, until: 1300), token(second, until: 500), token(first, until: 1299),
            token(first, until: 9000).denied(.jobEnded),
        ])
        let store = try open()
        defer { store.close() }
        #expect(try await store.rotationState().tokensExpireBy == [first: time(1300), second: time(500)])
        #expect(try await store.tokens(signedBy: first, after: 0).records.map(\.sequence) == [2, 4])
        let retiring = try ring.activating(second, at: time(1002))
        #expect(try await store.replaceKeyRing(with: retiring, expecting: ring.version))
        let retired = try retiring.retiring(first, at: time(1299))
        await #expect(throws: (any Error).self) {
            try await store.replaceKeyRing(with: retired, expecting: retiring.version)
        }
    }

    @Test func `an empty store of the release before is one that has never begun`() async throws {
        let store = try open()
        defer { store.close() }
        let state = try await store.rotationState()
        #expect(state == RotationState(ring: KeyRing()))
        #expect(try await store.trustedClock() == nil)
    }

    @Test func `a runner of before there were bounds has none, and its credential no end`() async throws {
        let digest = TemporaryStore.digest(1)
        try RawDatabase.run(
            Self.schema2 + """
                INSERT INTO runner VALUES
                    (1, CAST('b' AS BLOB), \(RawDatabase.blob(digest.bytes)), CAST('["acme/*"]' AS BLOB), 5, NULL);
                """,
            in: files.database
        )
        let store = try open()
        defer { store.close() }
        let runner = try #require(try await store.runner(digest))
        #expect(runner.bounds == .none)
        #expect(runner.credentials == [KnownCredential(digest: digest, validUntil: nil)])
        let known = KnownCredential(digest: TemporaryStore.digest(2), validUntil: nil)
        let next = runner.rotating(to: known, overlap: 60, at: time(1000))
        #expect(try await store.rotateCredential(of: runner, to: next, at: time(1000)))
        #expect(try await store.runner(digest) == next)
    }

    @Test func `a job of before there were approvals waits for none by itself`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered(facts: [("environment", "production")])
        temporary.store.close()
        // What migration 5 added, taken away.
        try RawDatabase.run(TemporaryStore.withoutApprovals, in: temporary.files.database)
        let store = try TemporaryStore.open(temporary.folder)
        defer { store.close() }
        #expect(try await store.job(job.id) == job)
        #expect(try await store.jobsWithEnvironment() == [job])
    }

    @Test func `a store is taken over once`() async throws {
        try store(TestKeys.ring())
        try open().close()
        let store = try open()
        defer { store.close() }
        #expect(try await store.keyRing() == TestKeys.ring())
        let applied = try RawDatabase.run("SELECT identifier FROM grdb_migrations", in: files.database)
        #expect(applied.count == 7)
    }

    @Test func `a store of a newer release is left alone`() throws {
        try RawDatabase.run("INSERT INTO grdb_migrations VALUES ('99 to come')", in: files.database)
        #expect(throws: StoreFileError.newerSchema) { try open() }
        let tables = try RawDatabase.run("SELECT name FROM sqlite_master WHERE name = 'key_use'", in: files.database)
        #expect(tables.isEmpty)
    }
}
