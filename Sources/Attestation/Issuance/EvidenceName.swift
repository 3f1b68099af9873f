package import JOSE

/// What evidence is called in logs and records: never the token itself.
package struct EvidenceName: Hashable, Sendable {
    package let issuer: ByteString?
    package let subject: ByteString?
    package let jti: ByteString?

    /// By the claims of verified evidence.
    package init(_ claims: JSONObject) {
        issuer = claims["iss"]?.stringValue
        subject = claims["sub"]?.stringValue
        jti = claims["jti"]?.stringValue
    }
}
