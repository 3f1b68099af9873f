package import Keys

/// The issuance log, in the same store as the jobs, so that a record and what it rests on are one transaction.
package protocol AuditLog: Sendable {
    /// Commits the records of tokens that are about to leave, all or none.
    ///
    /// The transaction reads again that the job lives at `now` with the facts of `revision`, that its runner was not
    /// revoked, that the keys which signed are still active, and that the rules which permit give the job another
    /// token. Where that is not so, the records are committed as refusals with the reason that is returned, and the
    /// tokens must be dropped.
    func commit(_ permits: [AuditRecord], of job: Job, at now: NumericDate) async throws(StoreError) -> CommitObstacle?
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
