import Foundation
import GRDB
import Issuer
import JOSE
import Keys
import Logging

extension Job {
    private static let select =
        "SELECT job.*, runner.name AS runner_name FROM job JOIN runner ON runner.id = job.runner"

    /// The jobs that nobody has ended yet.
    ///
    /// One that cannot be read gets no more tokens; the others are served.
    static func live(in database: Database, logger: Logger) throws -> [Job] {
        let jobs = try fetchAll("ended_at IS NULL", arguments: [], in: database)
        let stored = try Int.fetchOne(database, sql: "SELECT count(*) FROM job WHERE ended_at IS NULL") ?? 0
        if stored > jobs.count {
            logger.critical("jobs cannot be read and get no tokens", metadata: ["count": "\(stored - jobs.count)"])
        }
        return jobs
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
