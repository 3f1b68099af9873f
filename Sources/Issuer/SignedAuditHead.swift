import JOSE

/// A head of the log that one of our keys has signed.
struct SignedAuditHead: Sendable {
    /// The compact serialisation (RFC 7515 §7.1).
    let compact: ByteString
    let kid: ByteString
    let head: AuditHead
}
