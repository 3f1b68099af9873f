package import JOSE
package import Keys

/// A JWT whose subject is a SPIFFE ID (JWT-SVID).
package struct JWTSVID: Sendable {
    package let id: SPIFFEID
    /// The compact serialisation (RFC 7515 §7.1).
    package let compact: ByteString
    package let expiresAt: NumericDate

    package init(id: SPIFFEID, compact: ByteString, expiresAt: NumericDate) {
        self.id = id
        self.compact = compact
        self.expiresAt = expiresAt
    }
}

extension JWTSVID: CustomStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
