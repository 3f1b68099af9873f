import GRDB
import Issuer
import JOSE
import Keys

/// What the file says, at the moment a token's record is committed, of whether its job may have one.
struct JobStanding {
    /// Whether a token was issued to it before.
    let hasToken: Bool
    private let revision: Int64
    private let expiresAt: NumericDate
    private let leaseExpiresAt: NumericDate?
    private let isEnded: Bool
    private let approval: Approval?
    private let isRunnerRevoked: Bool

    static let query = """
        SELECT job.revision, job.expires_at, job.lease_expires_at, job.ended_at, job.has_token,
            runner.revoked_at, \(Approval.columns)
        FROM job JOIN runner ON runner.id = job.runner WHERE job.id = ?
        """

    /// Nil for a job that the file does not have.
    init?(of job: JobID, in transaction: Transaction) throws {
        let statement = transaction.statements.jobStanding
        guard let standing = try statement.first(.bytes(job.text.bytes), read: JobStanding.init(row:)) else {
            return nil
        }
        self = standing
    }

    private init(row: BoundRow) {
        revision = row.integer(0) ?? 0
        expiresAt = NumericDate(secondsSinceEpoch: row.integer(1) ?? 0)
        leaseExpiresAt = row.integer(2).map(NumericDate.init(secondsSinceEpoch:))
        isEnded = row.integer(3) != nil
        hasToken = row.integer(4) != 0
        isRunnerRevoked = row.integer(5) != nil
        approval = Approval(row: row, from: 6)
    }

    /// Why a token of the job as it was at `revision` may not leave at `now`; nil where it may.
    func refusal(revision: Int64, at now: NumericDate) -> RefusalReason? {
        if isEnded || expiresAt <= now { return .jobEnded }
        if let leaseExpiresAt, leaseExpiresAt <= now { return .jobEnded }
        if isRunnerRevoked { return .runnerRevoked }
        if self.revision != revision { return .factsChanged }
        return approval?.isWaiting(at: now) == true ? .waitingApproval : nil
    }
}
