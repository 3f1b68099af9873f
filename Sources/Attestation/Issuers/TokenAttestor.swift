package import JOSE
package import Keys

/// Finds out who presents a token: a pure decision, made anew for each token and changed by none.
package struct TokenAttestor: Sendable {
    private let issuers: TrustedIssuers

    /// Thumbprints with which some issuers, GitHub among them, name their key a second time; they choose nothing here.
    static let ignoredHeaderMembers: Set<ByteString> = ["x5t", "x5t#S256"]

    package init(_ issuers: TrustedIssuers) {
        self.issuers = issuers
    }

    /// Takes evidence apart and refuses what needs no key to be refused.
    ///
    /// The unverified `iss` only chooses among the configured issuers: nothing else follows from it, and no key is fetched
    /// for another (CVE-2025-52477).
    package func examine(_ evidence: Evidence, at now: NumericDate) throws(SVIDRefusal) -> UnverifiedEvidence {
        let token = try Self.token(evidence)
        guard case .object(let claims)? = try? JSONReader.read(token.payload) else {
            throw .evidenceRefused(.malformedClaims)
        }
        guard let name = claims["iss"]?.stringValue else { throw .evidenceRefused(.issuerMismatch) }
        guard let issuer = issuers[name] else { throw .evidenceNotTrusted }
        guard issuer.algorithms.contains(token.algorithm) else { throw .evidenceRefused(.algorithmNotAllowed) }
        guard let expiry = claims["exp"]?.integerValue else { throw .evidenceRefused(.expiryMissing) }
        guard now < NumericDate(secondsSinceEpoch: expiry).advanced(bySeconds: issuer.clockSkew) else {
            throw .evidenceRefused(.expired)
        }
        return UnverifiedEvidence(issuer: issuer, token: token, audience: try Self.audience(of: claims, for: issuer))
    }

    /// Verifies the evidence with its issuer's keys; facts are read from the verified bytes only.
    ///
    /// - Throws: `evidenceRefused(.unknownKey)` where newer keys could make a difference.
    package func attest(
        _ evidence: UnverifiedEvidence,
        with keys: JWKSet,
        at now: NumericDate
    ) throws(SVIDRefusal) -> AttestedWorkload {
        let issuer = evidence.issuer
        let claims = try Self.verified(evidence, with: keys, at: now)
        guard let issuedAt = claims["iat"]?.integerValue,
            NumericDate(secondsSinceEpoch: issuedAt).advanced(bySeconds: issuer.maximumAge)
                .advanced(bySeconds: issuer.clockSkew) >= now
        else { throw .evidenceRefused(.tooOld) }
        guard let expiry = claims["exp"]?.integerValue else { throw .evidenceRefused(.expiryMissing) }
        guard issuer.requiredClaims.allSatisfy({ $0.isSatisfied(by: claims) }) else { throw .evidenceNotTrusted }
        return AttestedWorkload(claims: claims, expiresAt: NumericDate(secondsSinceEpoch: expiry))
    }

    private static func token(_ evidence: Evidence) throws(SVIDRefusal) -> UnverifiedToken {
        do throws(VerificationError) {
            return try UnverifiedToken(parsing: evidence.token.bytes, ignoring: ignoredHeaderMembers)
        } catch {
            throw .evidenceRefused(error)
        }
    }

    private static func verified(
        _ evidence: UnverifiedEvidence,
        with keys: JWKSet,
        at now: NumericDate
    ) throws(SVIDRefusal) -> JSONObject {
        let issuer = evidence.issuer
        do throws(VerificationError) {
            return try TokenVerifier(keys: keys, allowed: issuer.algorithms)
                .verify(
                    evidence.token,
                    issuer: issuer.name,
                    audience: evidence.audience,
                    at: now.secondsSinceEpoch,
                    leeway: issuer.clockSkew
                ).claims
        } catch {
            throw .evidenceRefused(error)
        }
    }

    /// Which of the issuer's audiences the token names, in the order of the configuration.
    private static func audience(
        of claims: JSONObject,
        for issuer: TrustedIssuer
    ) throws(SVIDRefusal) -> ByteString {
        let named: [JSONValue]
        switch claims["aud"] {
        case nil: throw .evidenceRefused(.audienceMissing)
        case .array(let elements)?: named = elements
        case let single?: named = [single]
        }
        guard let audience = issuer.audiences.first(where: { named.contains(.string($0)) }) else {
            throw .evidenceRefused(.audienceMismatch)
        }
        return audience
    }
}
