import Foundation
import GRDB
package import Issuer
package import JOSE
package import Keys
import Synchronization

extension SQLiteStore: RunnerStore {
    package func runner(_ digest: CredentialDigest) async throws(StoreError) -> Runner? {
        liveRunners.withLock { $0[digest] }
    }

    package func runners() async throws(StoreError) -> [Runner] {
        try await writer.write { database in
            try Row.fetchAll(database, sql: "SELECT * FROM runner ORDER BY id").map(Runner.init(row:))
        }
    }

    package func addRunner(
        named name: ByteString,
        patterns: [RepositoryPattern],
        digest: CredentialDigest,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        try await writer.write { database -> Runner? in
            let taken = try Bool.fetchOne(
                database,
                sql: "SELECT 1 FROM runner WHERE name = ? AND revoked_at IS NULL",
                arguments: [Data(name.bytes)]
            )
            guard taken == nil else { return nil }
            try database.execute(
                sql: "INSERT INTO runner (name, credential_digest, patterns, added_at) VALUES (?, ?, ?, ?)",
                arguments: [
                    Data(name.bytes), Data(digest.bytes), Data(Runner.write(patterns)), now.secondsSinceEpoch,
                ]
            )
            let id = database.lastInsertedRowID
            let record = AuditRecord(at: now, operation: .runnerAdd, decision: .permit, reason: "ok", runner: name)
            try Self.append(record, in: database)
            return Runner(id: id, name: name, patterns: patterns, addedAt: now, revokedAt: nil)
        } committed: { [self] runner in
            if let runner { liveRunners.withLock { $0[digest] = runner } }
        } != nil
    }

    package func credentialDigest(ofRunner name: ByteString) async throws(StoreError) -> CredentialDigest? {
        liveRunners.withLock { runners in runners.first { $0.value.name == name }?.key }
    }

    package func revokeRunner(named name: ByteString, at now: NumericDate) async throws(StoreError) -> Int? {
        let revoked = try await writer.write { database -> (id: Int64, jobs: Int)? in
            let id = try Int64.fetchOne(
                database,
                sql: "UPDATE runner SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL RETURNING id",
                arguments: [now.secondsSinceEpoch, Data(name.bytes)]
            )
            guard let id else { return nil }
            try database.execute(
                sql: "UPDATE job SET ended_at = ?, end_reason = ? WHERE runner = ? AND ended_at IS NULL",
                arguments: [now.secondsSinceEpoch, JobEnd.Reason.runnerRevoked.rawValue, id]
            )
            let jobs = database.changesCount
            let record = AuditRecord(at: now, operation: .runnerRevoke, decision: .permit, reason: "ok", runner: name)
            try Self.append(record, in: database)
            return (id, jobs)
        } committed: { [self] revoked in
            guard let revoked else { return }
            liveRunners.withLock { runners in runners = runners.filter { $0.value.id != revoked.id } }
            liveJobs.withLock { jobs in jobs = jobs.filter { $0.value.runner != revoked.id } }
        }
        return revoked?.jobs
    }
}

extension Runner {
    /// The live runners with the digests of their credentials.
    static func live(in database: Database) throws -> [(CredentialDigest, Runner)] {
        try Row.fetchAll(database, sql: "SELECT * FROM runner WHERE revoked_at IS NULL").map { row in
            (CredentialDigest(bytes: [UInt8](row["credential_digest"] as Data)), try Runner(row: row))
        }
    }

    static func write(_ patterns: [RepositoryPattern]) -> [UInt8] {
        JSONValue.array(patterns.map { .string($0.text) }).serialized
    }

    init(row: Row) throws {
        let patterns: [RepositoryPattern]
        if case .array(let values) = try JSONReader.read([UInt8](row["patterns"] as Data)) {
            patterns = try values.compactMap { value in
                if case .string(let text) = value { try RepositoryPattern(text) } else { nil }
            }
        } else {
            patterns = []
        }
        self.init(
            id: row["id"],
            name: ByteString([UInt8](row["name"] as Data)),
            patterns: patterns,
            addedAt: NumericDate(secondsSinceEpoch: row["added_at"]),
            revokedAt: (row["revoked_at"] as Int64?).map(NumericDate.init(secondsSinceEpoch:))
        )
    }
}
