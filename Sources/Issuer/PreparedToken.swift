package import JOSE
package import Keys

/// A token whose claims were decided and checked: the only thing that can be signed.
package struct PreparedToken: Sendable {
    /// The longest token, in bytes: it travels in headers.
    package static let maximumLength = 4096

    package let jti: ByteString
    package let subject: ByteString
    package let audiences: Audiences
    package let expiresAt: NumericDate
    package let algorithm: SigningAlgorithm
    /// The rules that permitted it.
    let rules: [ByteString]
    let uses: [GrantUse]
    /// Whether it bears the claims of a token that was made before.
    let isRepeat: Bool
    let payload: [UInt8]
    /// The variable that it is handed to the job in; nil for a token that was asked for.
    package private(set) var variable: ByteString?

    /// Only ``TokenIssuer`` prepares tokens.
    init(
        constant claims: JSONObject,
        audiences: Audiences,
        plan: TokenPlan,
        jti: ByteString,
        issuedAt: NumericDate,
        deadline: NumericDate
    ) throws(Refusal) {
        let expiresAt = min(issuedAt.advanced(bySeconds: plan.lifetime), deadline)
        var claims = claims
        claims["aud"] = audiences.claim
        claims["exp"] = .integer(expiresAt.secondsSinceEpoch)
        claims["iat"] = .integer(issuedAt.secondsSinceEpoch)
        // Clocks of relying parties run late; one job in ten failed somewhere for lack of this minute.
        claims["nbf"] = .integer(issuedAt.advanced(bySeconds: -60).secondsSinceEpoch)
        claims["jti"] = .string(jti)
        self.jti = jti
        subject = claims["sub"]?.stringValue ?? ""
        self.audiences = audiences
        self.expiresAt = expiresAt
        algorithm = plan.algorithm
        let payload = claims.serialized
        self.payload = payload
        rules = plan.ruleNames
        uses = plan.limits.map { limit in
            GrantUse(rule: limit.rule, maximumTokens: limit.maximumTokens, audiences: audiences, claims: payload)
        }
        isRepeat = false
        guard Self.signedLength(payload: payload.count) <= Self.maximumLength else { throw Refusal(.tokenTooLarge) }
    }

    /// The same request answered again: `claims` are those of the token that was made for it before.
    init(repeating claims: [UInt8], instead token: PreparedToken) throws(Refusal) {
        guard case .object(let object)? = try? JSONReader.read(claims), let jti = object["jti"]?.stringValue,
            let subject = object["sub"]?.stringValue, let expiresAt = object["exp"]?.integerValue
        else { throw Refusal(.grantUsed) }
        self.jti = jti
        self.subject = subject
        audiences = token.audiences
        self.expiresAt = NumericDate(secondsSinceEpoch: expiresAt)
        algorithm = token.algorithm
        rules = token.rules
        uses = token.uses.map { use in
            GrantUse(rule: use.rule, maximumTokens: use.maximumTokens, audiences: token.audiences, claims: claims)
        }
        isRepeat = true
        variable = token.variable
        payload = claims
    }

    func named(_ variable: ByteString) -> PreparedToken {
        var named = self
        named.variable = variable
        return named
    }

    package func signed(with keys: SigningKeys) throws -> SignedToken {
        let signer = try keys.signer(algorithm)
        let header = JSONObject([
            ("alg", .string(ByteString(algorithm.rawValue))), ("kid", .string(signer.kid)), ("typ", .string("JWT")),
        ])
        var compact = Base64URL.encode(header.serialized)
        compact.append(UInt8(ascii: "."))
        compact += Base64URL.encode(payload)
        let signature = try signer.key.signature(over: compact)
        compact.append(UInt8(ascii: "."))
        compact += Base64URL.encode(signature)
        return SignedToken(compact: ByteString(compact), kid: signer.kid, prepared: self)
    }

    /// An upper bound: the header is below 96 bytes, an RS256 signature of 256 bytes the longest.
    private static func signedLength(payload: Int) -> Int {
        128 + (payload * 4 + 2) / 3 + 343
    }
}
