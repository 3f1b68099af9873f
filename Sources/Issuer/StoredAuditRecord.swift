/// A record as it lies in the log: chained to the one before it by its hash.
package struct StoredAuditRecord: Hashable, Sendable {
    package let sequence: Int64
    /// The bytes of ``AuditRecord/document``.
    package let document: [UInt8]
    /// SHA-256 over the digest of the record before (32 zero bytes before the first), the sequence (8 bytes,
    /// big-endian) and the document.
    package let digest: [UInt8]

    package init(sequence: Int64, document: [UInt8], digest: [UInt8]) {
        self.sequence = sequence
        self.document = document
        self.digest = digest
    }
}
