package import JOSE

/// A head of the log whose signature is that of the key it names.
///
/// Whether that key is one of ours says ``AuditHeadCheck``, unless it was chosen from keys that the caller believes.
package struct VerifiedAuditHead: Sendable {
    /// The longest head, in bytes: some thousand chains.
    package static let maximumBytes = 1_048_576

    package let head: AuditHead
    package let kid: ByteString
    /// Whether the caller chose the key.
    let isKeyBelieved: Bool

    /// Reads a head and verifies its signature: with the key of `believed` that it names, or, where there are none, with
    /// the key that it carries.
    ///
    /// A carried key is not believed by being there: its name is its thumbprint (RFC 7638), by which the log knows the
    /// keys of this issuer.
    package init(parsing bytes: [UInt8], believing believed: JWKSet? = nil) throws(AuditHeadFault) {
        let (token, payload) = try Self.parts(of: bytes)
        guard let kid = token.keyID, let carried = payload["key"]?.objectValue,
            let key = try? JWK(parsing: carried), key.thumbprint == kid
        else { throw .malformed }
        let keys = believed ?? JWKSet([key])
        do throws(VerificationError) {
            _ = try TokenVerifier(keys: keys).verifySignature(token)
        } catch {
            throw error == .unknownKey ? .keyUnknown(kid) : .signatureInvalid
        }
        head = try AuditHead(parsing: payload)
        self.kid = kid
        isKeyBelieved = believed != nil
    }

    private static func parts(of bytes: [UInt8]) throws(AuditHeadFault) -> (UnverifiedToken, JSONObject) {
        let token: UnverifiedToken
        do throws(VerificationError) {
            token = try UnverifiedToken(parsing: bytes, types: [PreparedAuditHead.type], upTo: maximumBytes)
        } catch {
            throw error == .typNotAllowed ? .notAHead : .malformed
        }
        // Without a type it could be anything that the key has signed.
        guard token.headerObject["typ"] != nil else { throw .notAHead }
        let limits = JSONReader.Limits(maximumBytes: maximumBytes, maximumElements: maximumBytes)
        guard case .object(let payload)? = try? JSONReader.read(token.payload, limits: limits) else {
            throw .malformed
        }
        return (token, payload)
    }
}
