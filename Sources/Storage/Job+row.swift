import Foundation
import GRDB
import Issuer
import JOSE
import Keys
import Policy

extension Job {
    private static let select =
        "SELECT job.*, runner.name AS runner_name FROM job JOIN runner ON runner.id = job.runner"

    /// How many jobs of each runner nobody has ended yet; from an index alone.
    static func liveCounts(in database: Database) throws -> [Int64: Int] {
        var counts: [Int64: Int] = [:]
        let sql = "SELECT runner FROM job INDEXED BY job_live_expiry WHERE ended_at IS NULL"
        try database.makeStatement(sql: sql).each { row in
            if let runner = row.integer(0) { counts[runner, default: 0] += 1 }
        }
        return counts
    }

    /// Of a page of live jobs those that have an environment, and where the next page begins.
    static func withEnvironment(
        after last: (expiresAt: Int64, id: Data),
        in database: Database
    ) throws -> (jobs: [Job], last: (expiresAt: Int64, id: Data)?) {
        let rows = try Row.fetchAll(
            database.cachedStatement(
                sql: select + """
                     WHERE ended_at IS NULL AND (expires_at, job.id) > (?, ?) ORDER BY expires_at, job.id LIMIT 500
                    """
            ),
            arguments: [last.expiresAt, last.id]
        )
        let jobs = rows.compactMap { try? Job(row: $0) }.filter { $0.facts[.environment] != nil }
        return (jobs, rows.count < 500 ? nil : rows.last.map { ($0["expires_at"], $0["id"]) })
    }

    static func fetch(_ id: JobID, in database: Database) throws -> Job? {
        try Row.fetchOne(
            database.cachedStatement(sql: select + " WHERE job.id = ?"),
            arguments: [Data(id.text.bytes)]
        ).map(Job.init(row:))
    }

    static func fetch(runner: Int64, reference: ByteString, in database: Database) throws -> Job? {
        try Row.fetchOne(
            database.cachedStatement(sql: select + " WHERE job.runner = ? AND job.reference = ?"),
            arguments: [runner, Data(reference.bytes)]
        ).map(Job.init(row:))
    }

    static func fetchAll(
        _ condition: String,
        arguments: StatementArguments,
        in database: Database
    ) throws -> [Job] {
        try Row.fetchAll(database.cachedStatement(sql: select + " WHERE " + condition), arguments: arguments)
            .compactMap { try? Job(row: $0) }
    }

    /// Removes, of the `count` jobs that follow `last` by id, those that ended before `end`; answers the last id that was
    /// looked at, nil at the end of the table.
    ///
    /// What they used of their grants goes with them.
    static func removeEnded(
        before end: NumericDate,
        after last: Data,
        count: Int,
        in database: Database
    ) throws -> Data? {
        let ids = try Data.fetchAll(
            database.cachedStatement(sql: "SELECT id FROM job WHERE id > ? ORDER BY id LIMIT ?"),
            arguments: [last, count]
        )
        guard let first = ids.first, let final = ids.last else { return nil }
        try database.cachedStatement(sql: "DELETE FROM job WHERE id BETWEEN ? AND ? AND ended_at < ?")
            .execute(arguments: [first, final, end.secondsSinceEpoch])
        return ids.count < count ? nil : final
    }

    func insert(hasToken: Bool, in database: Database) throws {
        let arguments: StatementArguments = [
            Data(id.text.bytes), runner, registration.reference.map { Data($0.bytes) },
            Data(registration.document), Data(facts.document.serialized), revision,
            registeredAt.secondsSinceEpoch, expiresAt.secondsSinceEpoch, leaseExpiresAt?.secondsSinceEpoch, hasToken,
        ]
        try database.cachedStatement(
            sql: """
                INSERT INTO job (id, runner, reference, registration, facts, revision, registered_at, expires_at,
                    lease_expires_at, has_token, \(Approval.columns))
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: arguments + Approval.arguments(of: approval))
    }

    private init(row: Row) throws {
        let idText = [UInt8](row["id"] as Data)
        guard let id = JobID(idText) else { throw RowError.malformed }
        let registration = try JobRegistration(parsing: Self.object(row["registration"]))
        self.init(
            id: id,
            runner: row["runner"],
            runnerName: ByteString(row["runner_name"] as Data),
            registration: registration,
            facts: try JobFacts(parsing: Self.object(row["facts"])),
            revision: row["revision"],
            registeredAt: NumericDate(secondsSinceEpoch: row["registered_at"]),
            expiresAt: NumericDate(secondsSinceEpoch: row["expires_at"]),
            leaseExpiresAt: (row["lease_expires_at"] as Int64?).map(NumericDate.init(secondsSinceEpoch:)),
            end: Self.end(row),
            approval: Approval(row: row)
        )
    }

    private static func end(_ row: Row) -> JobEnd? {
        guard let at = row["ended_at"] as Int64? else { return nil }
        let reason = (row["end_reason"] as String?).flatMap(JobEnd.Reason.init(rawValue:)) ?? .ended
        return JobEnd(reason: reason, at: NumericDate(secondsSinceEpoch: at))
    }

    /// Escapes make a stored document longer than the body it was read from.
    private static let limits = JSONReader.Limits(maximumBytes: 1_048_576)

    private static func object(_ data: Data) throws -> JSONObject {
        guard case .object(let object) = try JSONReader.read([UInt8](data), limits: limits) else {
            throw RowError.malformed
        }
        return object
    }
}

/// A row that this version did not write.
enum RowError: Error {
    case malformed
}
