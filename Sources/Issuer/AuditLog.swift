package import Keys

/// The issuance log, in the same store as the jobs, so that a record and what it rests on are one transaction.
package protocol AuditLog: Sendable {
    /// Commits the records of tokens that are about to leave, all or none, and says so to `then`.
    ///
    /// The transaction reads again that the job lives at `now` with the facts of `revision`, that its runner was not
    /// revoked, that the keys which signed are still active, and that the rules which permit give the job another
    /// token. Where that is not so, the records are committed as refusals with the reason that is returned, and the
    /// tokens must be dropped.
    ///
    /// `then` is called once: after the commit on the thread that wrote, in the order of the records, all of one group
    /// in one go; or at once, on the caller's thread, where nothing can be queued. It must be quick and never block, for
    /// the next group waits for it, and a caller that waits for the log in it waits for ever.
    func commit(
        _ permits: [AuditRecord],
        of job: Job,
        at now: NumericDate,
        then: @escaping @Sendable (Result<CommitObstacle?, StoreError>) -> Void
    )
    /// Commits the records of SVIDs that are about to leave, all or none.
    ///
    /// The transaction reads again that the keys which signed are still active. Where one is not, the records are
    /// committed as refusals with the reason that is returned, and the SVIDs must be dropped.
    func commit(svids permits: [AuditRecord]) async throws(StoreError) -> RefusalReason?
    /// Commits the record of something that releases nothing.
    func append(_ record: AuditRecord) async throws(StoreError)
    /// The records in order, oldest first, beginning after `sequence`.
    func records(after sequence: Int64, limit: Int) async throws(StoreError) -> [StoredAuditRecord]
}

extension AuditLog {
    /// Commits the records of tokens that are about to leave, as ``commit(_:of:at:then:)`` does.
    package func commit(
        _ permits: [AuditRecord],
        of job: Job,
        at now: NumericDate
    ) async throws(StoreError) -> CommitObstacle? {
        let result: Result<CommitObstacle?, StoreError> = await withCheckedContinuation { continuation in
            commit(permits, of: job, at: now) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }
}
