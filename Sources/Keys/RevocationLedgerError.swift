package import JOSE

/// The ledger of revocations can't be read or written; nothing was changed.
package struct RevocationLedgerError: Error, Hashable, Sendable {
    /// Which file, and how to mend it.
    package let explanation: ByteString

    package init(explanation: ByteString) {
        self.explanation = explanation
    }
}
