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
        try await writer.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM runner ORDER BY id").map(Runner.init(row:))
        }
    }

    package func lapsedCredentials(at now: NumericDate) async throws(StoreError) -> Set<CredentialDigest> {
        liveRunners.withLock { runners in Set(runners.values.flatMap { $0.lapsedCredentials(at: now) }) }
    }

    package func addRunner(
        named name: ByteString,
        patterns: [RepositoryPattern],
        bounds: RunnerBounds,
        digest: CredentialDigest,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        try await writer.write { transaction -> Runner? in
            let database = transaction.database
            let taken = try Bool.fetchOne(
                database,
                sql: "SELECT 1 FROM runner WHERE name = ? AND revoked_at IS NULL",
                arguments: [Data(name.bytes)]
            )
            guard taken == nil else { return nil }
            let credential = KnownCredential(digest: digest, validity: bounds.validity, at: now)
            try database.execute(
                sql: """
                    INSERT INTO runner (name, credential_digest, valid_until, patterns, bounds, added_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    Data(name.bytes), Data(digest.bytes), credential.validUntil?.secondsSinceEpoch,
                    Data(Runner.write(patterns)), Data(bounds.document.serialized), now.secondsSinceEpoch,
                ]
            )
            let id = database.lastInsertedRowID
            let record = AuditRecord(at: now, operation: .runnerAdd, decision: .permit, reason: "ok", runner: name)
            try transaction.append(record)
            return Runner(
                id: id,
                name: name,
                patterns: patterns,
                bounds: bounds,
                credentials: [credential],
                addedAt: now,
                revokedAt: nil
            )
        } committed: { [self] runner in
            if let runner { liveRunners.withLock { $0[digest] = runner } }
        } != nil
    }

    package func runner(named name: ByteString) async throws(StoreError) -> Runner? {
        liveRunners.withLock { runners in runners.values.first { $0.name == name } }
    }

    package func rotateCredential(
        of runner: Runner,
        to next: Runner,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        guard let known = runner.credentials.first, let credential = next.credentials.first else { return false }
        let former = next.credentials.dropFirst().first
        return try await writer.write { transaction in
            let database = transaction.database
            try database.execute(
                sql: """
                    UPDATE runner SET credential_digest = ?, valid_until = ?, former_digest = ?, former_valid_until = ?
                    WHERE id = ? AND credential_digest = ? AND revoked_at IS NULL
                    """,
                arguments: [
                    Data(credential.digest.bytes), credential.validUntil?.secondsSinceEpoch,
                    former.map { Data($0.digest.bytes) }, former?.validUntil?.secondsSinceEpoch,
                    runner.id, Data(known.digest.bytes),
                ]
            )
            guard database.changesCount == 1 else { return false }
            let name = runner.name
            let record = AuditRecord(at: now, operation: .runnerRotate, decision: .permit, reason: "ok", runner: name)
            try transaction.append(record)
            return true
        } committed: { [self] isDone in
            guard isDone else { return }
            liveRunners.withLock { runners in
                runners = runners.filter { $0.value.id != next.id }
                for credential in next.credentials { runners[credential.digest] = next }
            }
        }
    }

    package func revokeRunner(named name: ByteString, at now: NumericDate) async throws(StoreError) -> Int? {
        let revoked = try await writer.write { transaction -> (id: Int64, jobs: Int)? in
            let database = transaction.database
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
            try transaction.append(record)
            return (id, jobs)
        } committed: { [self] revoked in
            guard let revoked else { return }
            liveRunners.withLock { runners in runners = runners.filter { $0.value.id != revoked.id } }
            liveJobs.withLock { $0.removeAll { $0.runner == revoked.id } }
            liveCounts.withLock { $0[revoked.id] = nil }
        }
        return revoked?.jobs
    }
}

extension Runner {
    /// The live runners, each under the digests of its credentials.
    static func live(in database: Database) throws -> [CredentialDigest: Runner] {
        let runners = try Row.fetchAll(database, sql: "SELECT * FROM runner WHERE revoked_at IS NULL")
            .map(Runner.init(row:))
        return Dictionary(
            runners.flatMap { runner in runner.credentials.map { ($0.digest, runner) } },
            uniquingKeysWith: { first, _ in first }
        )
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
            bounds: try Self.bounds(row["bounds"]),
            credentials: Self.credentials(row),
            addedAt: NumericDate(secondsSinceEpoch: row["added_at"]),
            revokedAt: (row["revoked_at"] as Int64?).map(NumericDate.init(secondsSinceEpoch:))
        )
    }

    /// Escapes make what is stored longer than what was sent.
    private static let limits = JSONReader.Limits(maximumBytes: 1_048_576)

    /// A runner of before there were bounds has none; bounds that can't be read are an error, never none.
    private static func bounds(_ data: Data?) throws -> RunnerBounds {
        guard let data else { return .none }
        guard case .object(let object) = try JSONReader.read([UInt8](data), limits: limits) else {
            throw RowError.malformed
        }
        return try RunnerBounds(parsing: object)
    }

    private static func credentials(_ row: Row) -> [KnownCredential] {
        [("credential_digest", "valid_until"), ("former_digest", "former_valid_until")].compactMap { digest, end in
            (row[digest] as Data?).map { bytes in
                KnownCredential(
                    digest: CredentialDigest(bytes: [UInt8](bytes)),
                    validUntil: (row[end] as Int64?).map(NumericDate.init(secondsSinceEpoch:))
                )
            }
        }
    }
}
