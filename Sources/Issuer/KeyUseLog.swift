package import JOSE

/// The part of the audit log that says what a key signed.
package protocol KeyUseLog: Sendable {
    /// A page of the records of tokens and SVIDs that `kid` signed, oldest first.
    func tokens(signedBy kid: ByteString, after sequence: Int64) async throws(StoreError) -> KeyUsePage
}

/// Some of the records of tokens and SVIDs that a key signed.
package struct KeyUsePage: Sendable {
    package let records: [StoredAuditRecord]
    /// After which sequence the next page begins; nil for the last page.
    package let through: Int64?

    package init(records: [StoredAuditRecord], through: Int64?) {
        self.records = records
        self.through = through
    }
}
