package import JOSE
package import Keys

/// Where jobs lie.
///
/// Every change is acknowledged only after it is durable.
package protocol JobStore: Sendable {
    func job(_ id: JobID) async throws(StoreError) -> Job?
    /// The live job as memory holds it, without a wait; nil where the store must be asked.
    func heldJob(_ id: JobID) -> Job?
    func job(runner: Int64, reference: ByteString) async throws(StoreError) -> Job?
    /// Stores the job, the pins of its repository and the records of its named tokens, all or none.
    ///
    /// Refused where `maximum` jobs of its runner live already.
    func register(
        _ job: Job,
        permits: [AuditRecord],
        liveJobs maximum: Int
    ) async throws(StoreError) -> RegistrationOutcome
    /// Sets facts of a live job of which no token was issued, and what it is to wait for then; answers why not.
    func setFacts(
        _ facts: JobFacts,
        approval: Approval?,
        of job: Job,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason?
    /// Approves a live job that is still as it was when that was decided; answers why not.
    ///
    /// `record` is committed with it.
    func approve(
        _ job: Job,
        as approval: Approval,
        recording record: AuditRecord,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason?
    /// The jobs that nobody has ended and that have an environment, in no order.
    func jobsWithEnvironment() async throws(StoreError) -> [Job]
    /// Moves the lease of a live job; answers why not.
    func extendLease(
        of job: JobID,
        to leaseExpiresAt: NumericDate,
        at now: NumericDate
    ) async throws(StoreError)
        -> RefusalReason?
    /// Ends the job, if it was not over yet.
    func end(_ job: JobID, at now: NumericDate) async throws(StoreError)
    /// Marks the jobs whose time or lease is over at `now`, each with its audit record; answers how many.
    func endLapsedJobs(at now: NumericDate) async throws(StoreError) -> Int
    /// Ends every job; answers how many.
    func endAllJobs(because reason: JobEnd.Reason, at now: NumericDate) async throws(StoreError) -> Int
}

extension JobStore {
    /// Nothing is held: the store is asked.
    package func heldJob(_ id: JobID) -> Job? { nil }

    /// Stores the job of a runner of which nothing was said about how many may live.
    package func register(_ job: Job, permits: [AuditRecord]) async throws(StoreError) -> RegistrationOutcome {
        try await register(job, permits: permits, liveJobs: RunnerBounds.standardLiveJobs)
    }
}
