// A store in a folder of its own, gone with the test.

import Foundation
import Issuer
import JOSE
import Keys
import Logging
import Policy
import Storage

final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "jobsworth-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func mode(_ name: String) throws -> Int? {
        let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue
    }

    var contents: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}

/// A store with one runner, `builder` for `acme/*`; closed with the test, which ends its thread.
final class TemporaryStore: Sendable {
    let folder: TemporaryFolder
    let store: any TestedStore
    let runner: Runner

    deinit {
        store.close()
    }

    var files: StoreFiles {
        StoreFiles(database: folder.path + "/store.sqlite")
    }

    init() async throws {
        folder = try TemporaryFolder()
        store = try Self.open(folder)
        runner = try await Self.addRunner("builder", digit: 1, to: store)
    }

    static func open(_ folder: TemporaryFolder) throws -> any TestedStore {
        #if PostgreSQL
        if StoreEngine.current == .postgres { return try TemporaryCluster.open(folder) }
        #endif
        let files = StoreFiles(database: folder.path + "/store.sqlite")
        try files.prepareFolder()
        return try SQLiteStore(path: files.database, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// The same file, as the next process sees it.
    func reopened() throws -> any TestedStore {
        store.close()
        return try Self.open(folder)
    }

    static func digest(_ digit: UInt8) -> CredentialDigest {
        CredentialDigest(bytes: [UInt8](repeating: digit, count: 32))
    }

    @discardableResult
    static func addRunner(_ name: ByteString, digit: UInt8, to store: any TestedStore) async throws -> Runner {
        let patterns = [try RepositoryPattern("acme/*")]
        guard
            try await store.addRunner(
                named: name,
                patterns: patterns,
                bounds: .none,
                digest: digest(digit),
                at: time(500)
            ),
            let runner = try await store.runner(digest(digit))
        else { throw Missing() }
        return runner
    }

    struct Missing: Error {}

    /// The SQL that takes the migration "5 approvals" back.
    static let withoutApprovals = """
        ALTER TABLE job DROP COLUMN approval_required;
        ALTER TABLE job DROP COLUMN waits_since;
        ALTER TABLE job DROP COLUMN waits_until;
        ALTER TABLE job DROP COLUMN approved_by;
        ALTER TABLE job DROP COLUMN approved_at;
        DELETE FROM grdb_migrations WHERE identifier = '5 approvals';

        """

    // MARK: Jobs

    func job(
        _ members: [(ByteString, JSONValue)] = [],
        facts: [(ByteString, JSONValue)] = [],
        of runner: Runner? = nil,
        at now: NumericDate = time(1000)
    ) throws -> Job {
        try Self.job(members, facts: facts, of: runner ?? self.runner, at: now)
    }

    static func job(
        _ members: [(ByteString, JSONValue)] = [],
        facts: [(ByteString, JSONValue)] = [],
        of runner: Runner,
        at now: NumericDate = time(1000)
    ) throws -> Job {
        var random = SystemRandomNumberGenerator()
        var job = JSONObject([
            ("repository", "acme/widgets"), ("ref", "refs/heads/main"), ("workflow", "deploy"), ("run_id", "1001"),
        ])
        for (name, value) in facts { job[name] = value }
        var body = JSONObject([("job", .object(job))])
        for (name, value) in members { body[name] = value }
        let registration = try JobRegistration(parsing: body)
        return try Job(id: .random(using: &random), runner: runner, registration: registration, at: now)
    }

    /// Registers a job and expects it to be accepted.
    func registered(
        _ members: [(ByteString, JSONValue)] = [],
        facts: [(ByteString, JSONValue)] = [],
        at now: NumericDate = time(1000)
    ) async throws -> Job {
        let job = try job(members, facts: facts, at: now)
        guard try await store.register(job, permits: [Self.registration(of: job)]) == .registered else {
            throw Missing()
        }
        return job
    }

    static func registration(of job: Job) -> AuditRecord {
        AuditRecord(
            at: job.registeredAt,
            operation: .registration,
            decision: .permit,
            reason: "ok",
            runner: job.runnerName,
            job: job.id,
            repository: job.facts.repository.name
        )
    }

    static func permit(of job: Job, kid: ByteString? = nil, jti: ByteString = "j1") -> AuditRecord {
        AuditRecord(
            at: time(1000),
            operation: .token,
            decision: .permit,
            reason: "ok",
            runner: job.runnerName,
            job: job.id,
            repository: job.facts.repository.name,
            subject: "s",
            audiences: ["a"],
            jti: jti,
            kid: kid,
            expiresAt: time(1300)
        )
    }

    // MARK: The log

    /// The members of every record, oldest first.
    func records(_ other: (any TestedStore)? = nil) async throws -> [JSONObject] {
        try await (other ?? store).records(after: 0, limit: 100_000).map { record in
            guard case .object(let object) = try JSONReader.read(record.document) else { throw Missing() }
            return object
        }
    }

    /// `operation decision reason` of the last records.
    func lastRecords(_ count: Int) async throws -> [String] {
        try await lastRecordsOf(store, count)
    }

    func lastRecordsOf(_ store: any TestedStore, _ count: Int) async throws -> [String] {
        try await records(store).suffix(count).map { record in
            ["operation", "decision", "reason"].map { record[$0]?.stringValue?.string ?? "" }.joined(separator: " ")
        }
    }
}

func time(_ seconds: Int64) -> NumericDate {
    NumericDate(secondsSinceEpoch: seconds)
}

/// Keys for the tests, made once a run; the sealed halves are of no use.
enum TestKeys {
    static let pool: Result<[SigningKey], any Error> = Result {
        let sealer = try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 7, count: 32))
        let maker = KeyMaker(sealer: sealer)
        return try (0..<6).map { _ in try maker.makeKey(.ES256, preparedAt: time(1)) }
    }

    static func key(_ index: Int) throws -> SigningKey {
        try pool.get()[index]
    }

    /// Version 3: one key signs, the next stands by.
    static func ring() throws -> KeyRing {
        try KeyRing().preparing(key(0)).activating(key(0).kid, at: time(2)).preparing(key(1))
    }
}

extension JobStore {
    /// Facts of a job that waits for nothing.
    func setFacts(_ facts: JobFacts, of job: Job, at now: NumericDate) async throws(StoreError) -> RefusalReason? {
        try await setFacts(facts, approval: job.approval, of: job, at: now)
    }
}
