// Whether to believe a token. A pure value: no state depends on a token it has seen.

/// Verifies the tokens of one issuer with that issuer's keys.
///
/// Keys, algorithms, issuer and audience come from the caller and never from the token (RFC 8725 §3.1, §3.8, §3.9). A set
/// belongs to one issuer: choose it by the configured issuer, not by a `kid`.
package struct TokenVerifier: Sendable {
    private let keys: [JWK]
    private let keysByID: [ByteString: JWK]
    private let allowed: Set<SignatureAlgorithm>

    /// The longest time a token may have been around, whatever its `exp` says: 24 hours in seconds.
    package static let maximumAge: Int64 = 86_400

    /// The longest time the clocks may differ: 60 seconds.
    package static let maximumLeeway: Int64 = 60

    /// Creates a verifier.
    ///
    /// - Parameters:
    ///   - keys: The issuer's keys.
    ///   - allowed: The algorithms tokens may be signed with, from configuration.
    package init(keys: JWKSet, allowed: Set<SignatureAlgorithm> = [.RS256, .ES256]) {
        self.keys = keys.keys
        // A set has no `kid` twice.
        keysByID = Dictionary(
            keys.keys.compactMap { key in key.keyID.map { ($0, key) } },
            uniquingKeysWith: { first, _ in first }
        )
        self.allowed = allowed
    }

    /// Verifies the signature alone.
    ///
    /// The header's `alg` has to be allowed, fit the key's type and curve, and be the key's own `alg` if it has one. `kid`
    /// chooses the key. A token without `kid` is verified only if exactly one key of the set fits an allowed algorithm
    /// (OpenID Connect Core §10.1).
    ///
    /// - Returns: The payload's bytes, which may be anything.
    /// - Throws: ``VerificationError``: `algorithmNotAllowed`, `unknownKey`, `keyIDMissing`, `algorithmMismatch` or
    ///   `signatureInvalid`.
    package func verifySignature(_ token: UnverifiedToken) throws(VerificationError) -> [UInt8] {
        guard allowed.contains(token.algorithm) else { throw .algorithmNotAllowed }
        let key = try key(for: token)
        guard Self.canUse(key, with: token.algorithm) else { throw .algorithmMismatch }
        guard key.isValid(token.signature, over: token.signingInput, by: token.algorithm) else {
            throw .signatureInvalid
        }
        return token.payload
    }

    /// Verifies the signature and then the claims every token has to have.
    ///
    /// `iss` is a string of exactly the expected bytes. `aud` is a string or an array of strings, none empty, one of them
    /// of exactly the expected bytes. `exp` and `iat` are required and `nbf` is checked if present; all are JSON integers
    /// in seconds since 1970 (RFC 7519 §2, without its fractions). With the leeway, `exp` is in the future, `nbf` and `iat`
    /// are not, and `iat` is at most ``maximumAge`` ago. Other claims are not looked at.
    ///
    /// - Parameters:
    ///   - token: The token.
    ///   - issuer: The expected issuer; an empty one matches no token.
    ///   - audience: The expected audience; an empty one matches no token.
    ///   - now: The time in seconds since 1970.
    ///   - leeway: How much the clocks may differ, in seconds, 0 to ``maximumLeeway``; values beyond count as the nearest.
    /// - Returns: The token with its claims, read from the verified bytes.
    /// - Throws: ``VerificationError``: those of ``verifySignature(_:)`` first, then `malformedClaims`, and those of `iss`,
    ///   `aud`, `exp`, `nbf` and `iat` in this order.
    package func verify(
        _ token: UnverifiedToken,
        issuer: ByteString,
        audience: ByteString,
        at now: Int64,
        leeway: Int64 = 60
    ) throws(VerificationError) -> VerifiedToken {
        let payload = try verifySignature(token)
        guard case .object(let claims)? = try? JSONReader.read(payload) else { throw .malformedClaims }
        try Self.checkIssuer(in: claims, is: issuer)
        try Self.checkAudience(in: claims, contains: audience)
        try Self.checkTimes(in: claims, at: now, leeway: min(max(leeway, 0), Self.maximumLeeway))
        return VerifiedToken(header: token.headerObject, payload: payload, claims: claims)
    }

    // MARK: Keys

    private func key(for token: UnverifiedToken) throws(VerificationError) -> JWK {
        if let keyID = token.keyID {
            guard let key = keysByID[keyID] else { throw .unknownKey }
            return key
        }
        let usable = keys.filter { key in allowed.contains { Self.canUse(key, with: $0) } }
        guard let key = usable.first, usable.count == 1 else { throw .keyIDMissing }
        return key
    }

    private static func canUse(_ key: JWK, with algorithm: SignatureAlgorithm) -> Bool {
        (key.algorithm ?? algorithm) == algorithm && algorithm.fits(key.material)
    }

    // MARK: Claims

    private static func checkIssuer(in claims: JSONObject, is issuer: ByteString) throws(VerificationError) {
        guard !issuer.isEmpty, claims["iss"]?.stringValue == issuer else { throw .issuerMismatch }
    }

    private static func checkAudience(in claims: JSONObject, contains audience: ByteString) throws(VerificationError) {
        let audiences: [ByteString]
        switch claims["aud"] {
        case nil: throw .audienceMissing
        case .string(let single): audiences = [single]
        case .array(let elements):
            audiences = elements.compactMap(\.stringValue)
            guard audiences.count == elements.count else { throw .malformedClaims }
        default: throw .malformedClaims
        }
        guard !audiences.isEmpty, !audiences.contains(where: \.isEmpty) else { throw .audienceMissing }
        guard audiences.contains(audience) else { throw .audienceMismatch }
    }

    private static func checkTimes(
        in claims: JSONObject,
        at now: Int64,
        leeway: Int64
    ) throws(VerificationError) {
        guard let expiry = try time("exp", in: claims) else { throw .expiryMissing }
        guard expiry > saturating(now.subtractingReportingOverflow(leeway), .min) else { throw .expired }
        let latest = saturating(now.addingReportingOverflow(leeway), .max)
        if let notBefore = try time("nbf", in: claims), notBefore > latest { throw .notYetValid }
        guard let issuedAt = try time("iat", in: claims) else { throw .issuedAtMissing }
        guard issuedAt <= latest else { throw .issuedInFuture }
        guard issuedAt >= saturating(now.subtractingReportingOverflow(maximumAge), .min) else { throw .tooOld }
    }

    private static func time(_ name: ByteString, in claims: JSONObject) throws(VerificationError) -> Int64? {
        guard let value = claims[name] else { return nil }
        guard let time = value.integerValue else { throw .malformedClaims }
        return time
    }

    private static func saturating(_ sum: (partialValue: Int64, overflow: Bool), _ bound: Int64) -> Int64 {
        sum.overflow ? bound : sum.partialValue
    }
}
