import JOSE

/// A signed token that has not been released: outside this module nobody can read it.
///
/// It becomes a ``ReleasedToken`` once its audit record is durable.
package struct SignedToken: Sendable {
    /// The compact serialisation (RFC 7515 §7.1).
    let compact: ByteString
    let kid: ByteString
    package let prepared: PreparedToken

    init(compact: ByteString, kid: ByteString, prepared: PreparedToken) {
        self.compact = compact
        self.kid = kid
        self.prepared = prepared
    }
}

extension SignedToken: CustomStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
