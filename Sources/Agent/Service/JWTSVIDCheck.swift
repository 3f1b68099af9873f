package import JOSE
package import Keys
package import SPIFFE

/// The rules of JWT-SVIDs as the Workload API applies them for a caller.
package struct JWTSVIDCheck: Sendable {
    /// What is true of a token that is valid.
    package struct Finding: Hashable, Sendable {
        package let id: SPIFFEID
        package let claims: JSONObject

        package init(id: SPIFFEID, claims: JSONObject) {
            self.id = id
            self.claims = claims
        }
    }

    /// Why a token is not valid, for the caller; it never quotes the token beyond its audience.
    package struct Invalid: Error, Hashable, Sendable {
        package let reason: String

        package init(reason: String) {
            self.reason = reason
        }
    }

    /// The JWK Set of a bundle's JWT keys, as JSON (Workload API §6.2.2).
    package let document: @Sendable (TrustBundle) -> [UInt8]
    /// Verifies a token for an audience with a bundle's keys at a time.
    package let validate:
        @Sendable (_ token: ByteString, _ audience: ByteString, TrustBundle, NumericDate) throws(Invalid) -> Finding

    package init(
        document: @escaping @Sendable (TrustBundle) -> [UInt8],
        validate:
            @escaping @Sendable (ByteString, ByteString, TrustBundle, NumericDate) throws(Invalid) -> Finding
    ) {
        self.document = document
        self.validate = validate
    }
}
