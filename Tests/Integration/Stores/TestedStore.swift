// What the conformance suite asks of a store besides the ports.

import Issuer
import Keys
import Storage

protocol TestedStore: KeyStore, JobStore, AuditLog, RunnerStore, RepositoryStore, SecretStore, KeyUseLog,
    PublicationStore, BackupSource, AuditChains
{
    var isWritable: Bool { get }
    var liveJobCount: Int { get }
    func close()
    func setProviderMetadata(_ document: [UInt8]) async throws(StoreError)
    func removeSomeJobs(endedBefore end: NumericDate, lookingAt count: Int) async throws(StoreError) -> Bool
}

extension TestedStore {
    func removeSomeJobs(endedBefore end: NumericDate) async throws(StoreError) -> Bool {
        try await removeSomeJobs(endedBefore: end, lookingAt: 500)
    }
}

extension SQLiteStore: TestedStore {}
