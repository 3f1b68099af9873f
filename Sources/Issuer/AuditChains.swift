package import JOSE

/// An issuance log that several processes write, each its own chain of records.
package protocol AuditChains: Sendable {
    /// The end of each chain, by the chains' names.
    func auditChains() async throws(StoreError) -> [AuditChainHead]
    /// The records of one chain in order, oldest first, beginning after `sequence`.
    func records(
        of chain: ByteString,
        after sequence: Int64,
        limit: Int
    ) async throws(StoreError) -> [StoredAuditRecord]
}

/// Where a chain of records ends, as the store says.
package struct AuditChainHead: Hashable, Sendable {
    /// The replica whose records they are.
    package let name: ByteString
    /// That of the last record; 0 for a chain without one.
    package let sequence: Int64
    /// That of the last record; ``AuditChain/beginning`` for a chain without one.
    package let digest: [UInt8]

    package init(name: ByteString, sequence: Int64, digest: [UInt8]) {
        self.name = name
        self.sequence = sequence
        self.digest = digest
    }
}
