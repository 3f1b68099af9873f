package import JOSE
package import Keys

/// A JWT-SVID that was verified for an audience.
package struct VerifiedJWTSVID: Hashable, Sendable {
    package let id: SPIFFEID
    package let audiences: [ByteString]
    package let expiresAt: NumericDate
    /// All claims, as the token has them.
    package let claims: JSONObject

    init(id: SPIFFEID, audiences: [ByteString], expiresAt: NumericDate, claims: JSONObject) {
        self.id = id
        self.audiences = audiences
        self.expiresAt = expiresAt
        self.claims = claims
    }
}
