import Issuer
import Keys
import Storage

/// All that an issuer keeps, in one store of whatever engine.
protocol IssuerStore: KeyStore, RunnerStore, RepositoryStore, JobStore, AuditLog, PublicationStore, BackupSource,
    SecretStore, KeyUseLog, AuditChains
{
    /// Whether a token's record could be committed now.
    var isWritable: Bool { get }
    /// Whether our clock and the store's say the same.
    var isClockRight: Bool { get }
    /// How many jobs live, for the metrics.
    var liveJobCount: Int { get }
    /// Looks after itself; asked once a second.
    func tend() async
    func setProviderMetadata(_ document: [UInt8]) async throws(StoreError)
    /// Removes some of the jobs that ended before `end`; answers whether that was the last of them.
    func removeSomeJobs(endedBefore end: NumericDate) async throws(StoreError) -> Bool
    func close()
}

extension SQLiteStore: IssuerStore {
    /// It has no clock but ours.
    var isClockRight: Bool { true }

    func tend() async {
        stopIfMoved()
    }

    func removeSomeJobs(endedBefore end: NumericDate) async throws(StoreError) -> Bool {
        try await removeSomeJobs(endedBefore: end, lookingAt: 500)
    }
}
