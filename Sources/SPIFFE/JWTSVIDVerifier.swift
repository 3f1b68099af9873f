package import JOSE
package import Keys

/// Verifies JWT-SVIDs by the bundles of the trust domains that are known (JWT-SVID §4, Workload API §6.3).
package struct JWTSVIDVerifier: Sendable {
    /// The algorithms of JWT-SVID §2.1; EdDSA is none of them.
    package static let algorithms: Set<SignatureAlgorithm> = [
        .RS256, .RS384, .RS512, .ES256, .ES384, .ES512, .PS256, .PS384, .PS512,
    ]
    /// The types of JWT-SVID §2.3, in lower case.
    private static let types: Set<ByteString> = ["jwt", "jose"]
    /// How far `nbf` and `iat` may lie ahead.
    ///
    /// Clocks differ; but an expired token is expired.
    private static let leeway: Int64 = 60

    private let bundles: [TrustDomain: TrustBundle]

    package init(bundles: [TrustBundle]) {
        self.bundles = Dictionary(bundles.map { ($0.trustDomain, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Whose token this is, if it is for `audience` and good at `now`.
    ///
    /// The keys are those of the subject's trust domain and of no other.
    package func verify(
        _ token: ByteString,
        audience: ByteString,
        at now: NumericDate
    ) throws(JWTSVIDError) -> VerifiedJWTSVID {
        let token = try Self.parse(token)
        guard let kid = token.keyID else { throw .keyIDMissing }
        guard case .object(let claims)? = try? JSONReader.read(token.payload) else { throw .claimsMalformed }
        let id = try Self.subject(claims)
        guard let expiresAt = try Self.time("exp", claims) else { throw .expiryMissing }
        try verifySignature(token, kid, of: id.trustDomain)
        try Self.checkTimes(claims, expiresAt, at: now)
        let audiences = try Self.audiences(claims)
        guard audiences.contains(audience) else { throw .audienceMismatch(expected: audience, actual: audiences) }
        return VerifiedJWTSVID(id: id, audiences: audiences, expiresAt: expiresAt, claims: claims)
    }

    private static func parse(_ token: ByteString) throws(JWTSVIDError) -> UnverifiedToken {
        do throws(VerificationError) {
            return try UnverifiedToken(parsing: token.bytes, types: types)
        } catch {
            switch error {
            case .headerMemberNotAllowed, .typNotAllowed: throw .headerNotAllowed
            case .algorithmNotAllowed: throw .algorithmNotAllowed
            case .keyIDInvalid: throw .keyIDMissing
            default: throw .malformed
            }
        }
    }

    private func verifySignature(
        _ token: UnverifiedToken,
        _ kid: ByteString,
        of trustDomain: TrustDomain
    ) throws(JWTSVIDError) {
        guard let bundle = bundles[trustDomain] else { throw .trustDomainUnknown(trustDomain) }
        do throws(VerificationError) {
            _ = try TokenVerifier(keys: bundle.jwtAuthorities, allowed: Self.algorithms).verifySignature(token)
        } catch {
            switch error {
            case .unknownKey: throw .keyUnknown(kid, trustDomain)
            case .algorithmNotAllowed, .algorithmMismatch: throw .algorithmNotAllowed
            default: throw .signatureInvalid
            }
        }
    }

    private static func subject(_ claims: JSONObject) throws(JWTSVIDError) -> SPIFFEID {
        guard let value = claims["sub"] else { throw .subjectMissing }
        guard let text = value.stringValue, let id = try? SPIFFEID(parsing: text) else { throw .subjectInvalid }
        return id
    }

    private static func audiences(_ claims: JSONObject) throws(JWTSVIDError) -> [ByteString] {
        switch claims["aud"] {
        case .string(let audience)?: return [audience]
        case .array(let values)?:
            let audiences = values.compactMap(\.stringValue)
            guard audiences.count == values.count else { throw .claimsMalformed }
            guard !audiences.isEmpty else { throw .audienceMissing }
            return audiences
        case nil: throw .audienceMissing
        default: throw .claimsMalformed
        }
    }

    private static func checkTimes(
        _ claims: JSONObject,
        _ expiresAt: NumericDate,
        at now: NumericDate
    ) throws(JWTSVIDError) {
        guard expiresAt > now else { throw .expired }
        let latest = now.advanced(bySeconds: leeway)
        if let notBefore = try time("nbf", claims), notBefore > latest { throw .notYetValid }
        if let issuedAt = try time("iat", claims), issuedAt > latest { throw .issuedInFuture }
    }

    private static func time(_ name: ByteString, _ claims: JSONObject) throws(JWTSVIDError) -> NumericDate? {
        guard let value = claims[name] else { return nil }
        guard let seconds = value.integerValue else { throw .claimsMalformed }
        return NumericDate(secondsSinceEpoch: seconds)
    }
}
