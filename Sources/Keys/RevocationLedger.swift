package import JOSE

/// What was revoked, kept outside the store: a restored backup must not bring it back.
package protocol RevocationLedger: Sendable {
    /// All that was ever revoked.
    func revocations() throws -> Set<Revocation>
    /// Adds to the ledger; durable when it returns.
    func add(_ revocations: Set<Revocation>, at now: NumericDate) throws
}

/// One thing that must never be trusted again.
package enum Revocation: Hashable, Sendable {
    /// A signing key, by its `kid`.
    case key(ByteString)
    /// A runner's credential, by its digest in base64url.
    case credential(ByteString)
}
