import JOSE
package import Keys
package import Policy

extension TokenIssuer {
    /// Whether the job has to wait for a token, by its registration or by the policy in force.
    package func isWaiting(_ job: Job, at now: NumericDate) throws(Refusal) -> Bool {
        try approval(of: job)?.isWaiting(at: now) ?? false
    }

    /// What stands between the job and its tokens; nil for nothing.
    package func approval(of job: Job) throws(Refusal) -> Approval? {
        try currentPlanner.approval(of: job)
    }

    /// The rule of the job's environment in the policy in force.
    package func environment(of job: Job) throws(Refusal) -> EnvironmentRule? {
        try currentPlanner.environment(of: job)
    }

    /// The job's approval as one of those gives it whom the policy in force names, in this name or as the only one.
    func approval(
        of job: Job,
        by name: ByteString?,
        at now: NumericDate
    ) throws(Refusal) -> (approval: Approval, given: Approval.Given) {
        guard let approval = try approval(of: job), approval.isMissing else { throw Refusal(.approvalNotNeeded) }
        let approver = try Approval.approver(name, of: job, among: environment(of: job)?.approvers ?? [])
        let given = Approval.Given(by: approver, at: now)
        return (approval.given(given), given)
    }

    /// Refuses while somebody has to approve, or the wait is not over.
    static func refuseWaiting(_ job: Job, for approval: Approval?, at now: NumericDate) throws(Refusal) {
        guard let approval, approval.isWaiting(at: now) else { return }
        let environment = job.facts[.environment] ?? ""
        throw Refusal(.waitingApproval, approval.isMissing ? environment : "until " + approval.waitsUntil.internetDate)
    }
}
