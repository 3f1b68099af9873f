import Issuer
import JOSE
import Keys

/// What the database says of a job whose row this transaction has locked: until it ends, nobody changes it.
struct PostgresJobStanding {
    let runner: Int64
    let runnerName: ByteString?
    private let facts: [UInt8]?
    /// Whether a token was issued to it before.
    let hasToken: Bool
    let revision: Int64
    private let expiresAt: NumericDate
    private let leaseExpiresAt: NumericDate?
    private let endedAt: NumericDate?
    private let approval: Approval?
    private let isRunnerRevoked: Bool

    /// The rows in the order of their ids, whatever the order asked for: who locks several never waits in a circle.
    static func locking(_ jobs: [JobID], forUpdate: Bool) -> PostgresStatement {
        let ids = PostgresValue.byteArrays(jobs.map(\.text.bytes))
        return PostgresStatement(forUpdate ? lockingForUpdate : lockingShared, ids)
    }

    private static let columns = """
        id, runner, has_token, revision, expires_at, lease_expires_at, ended_at, \(Approval.columns),
            (SELECT revoked_at IS NOT NULL FROM runner WHERE runner.id = job.runner) AS is_runner_revoked
        """
    private static let lockingShared = "SELECT \(columns) FROM job WHERE id = ANY($1) ORDER BY id FOR SHARE"
    /// With what the record of its end says of it.
    private static let lockingForUpdate = """
        SELECT \(columns), facts, (SELECT name FROM runner WHERE runner.id = job.runner) AS runner_name
        FROM job WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
        """

    init(row: PostgresRow) {
        runner = row.integer("runner") ?? 0
        runnerName = row.bytes("runner_name").map { ByteString($0) }
        facts = row.bytes("facts")
        hasToken = row.bool("has_token")
        revision = row.integer("revision") ?? 0
        expiresAt = NumericDate(secondsSinceEpoch: row.integer("expires_at") ?? 0)
        leaseExpiresAt = row.instant("lease_expires_at")
        endedAt = row.instant("ended_at")
        approval = Approval(row: row)
        isRunnerRevoked = row.bool("is_runner_revoked")
    }

    /// Why the job is over at `now`; nil while it lives.
    func end(at now: NumericDate) -> JobEnd? {
        if let endedAt { return JobEnd(reason: .ended, at: endedAt) }
        if let leaseExpiresAt, leaseExpiresAt <= now, leaseExpiresAt < expiresAt {
            return JobEnd(reason: .leaseLost, at: leaseExpiresAt)
        }
        return expiresAt <= now ? JobEnd(reason: .expired, at: expiresAt) : nil
    }

    var isEnded: Bool {
        endedAt != nil
    }

    /// The name of its repository, where the row was locked to be written.
    var repository: ByteString? {
        guard let facts, case .object(let object)? = try? JSONReader.read(facts) else { return nil }
        return object["repository"]?.stringValue
    }

    /// Why a token of the job as it was at `revision` may not leave at `now`; nil where it may.
    func refusal(revision: Int64, at now: NumericDate) -> RefusalReason? {
        if end(at: now) != nil { return .jobEnded }
        if isRunnerRevoked { return .runnerRevoked }
        if self.revision != revision { return .factsChanged }
        return approval?.isWaiting(at: now) == true ? .waitingApproval : nil
    }
}
