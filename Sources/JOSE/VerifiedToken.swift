// Proof that a token was verified: only ``TokenVerifier`` makes one.

/// A token whose signature, issuer, audience and times have been verified.
package struct VerifiedToken: Sendable {
    /// The verified header.
    package let header: JSONObject

    /// The verified payload, byte for byte.
    package let payload: [UInt8]

    /// The claims, read from exactly ``payload``.
    ///
    /// Only `iss`, `aud`, `exp`, `iat` and `nbf` have been looked at.
    package let claims: JSONObject

    /// For ``TokenVerifier`` alone; `package` code cannot call it.
    init(header: JSONObject, payload: [UInt8], claims: JSONObject) {
        self.header = header
        self.payload = payload
        self.claims = claims
    }
}
