package import JOSE

/// A token whose audit record was committed: the only one whose bytes the planes can see.
package struct ReleasedToken: Sendable {
    /// The compact serialisation (RFC 7515 §7.1).
    package let compact: ByteString
    package let kid: ByteString
    package let prepared: PreparedToken

    /// Only after the commit of the token's record.
    init(recorded token: SignedToken) {
        compact = token.compact
        kid = token.kid
        prepared = token.prepared
    }
}

extension ReleasedToken: CustomStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
