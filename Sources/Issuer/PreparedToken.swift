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
    private let claims: RenderedClaims
    /// What follows the claims that the job's tokens share.
    private let tail: [UInt8]
    /// The variable that it is handed to the job in; nil for a token that was asked for.
    package private(set) var variable: ByteString?

    /// Only ``TokenIssuer`` prepares tokens.
    init(
        _ template: TokenTemplate,
        jti: ByteString,
        issuedAt: NumericDate,
        deadline: NumericDate
    ) throws(Refusal) {
        let expiresAt = min(issuedAt.advanced(bySeconds: template.lifetime), deadline)
        self.jti = jti
        subject = template.subject
        audiences = template.audiences
        self.expiresAt = expiresAt
        algorithm = template.algorithm
        rules = template.rules
        claims = template.claims
        let tail = Self.tail(expiresAt: expiresAt, issuedAt: issuedAt, jti: jti)
        self.tail = tail
        uses = template.limits.map { limit in
            GrantUse(
                rule: limit.rule,
                maximumTokens: limit.maximumTokens,
                audiences: template.audiences,
                claims: template.claims.text + tail
            )
        }
        isRepeat = false
        guard Self.signedLength(payload: claims.text.count + tail.count) <= Self.maximumLength else {
            throw Refusal(.tokenTooLarge)
        }
    }

    /// The last members of the payload, those of the single token, and its end.
    private static func tail(expiresAt: NumericDate, issuedAt: NumericDate, jti: ByteString) -> [UInt8] {
        var tail: [UInt8] = []
        tail.reserveCapacity(112)
        // Clocks of relying parties run late; one job in ten failed somewhere for lack of this minute.
        let notBefore = issuedAt.advanced(bySeconds: -60)
        func add(_ name: StaticString, _ date: NumericDate) {
            name.withUTF8Buffer { tail.append(contentsOf: $0) }
            Decimal.append(date.secondsSinceEpoch, to: &tail)
        }
        add("\"exp\":", expiresAt)
        add(",\"iat\":", issuedAt)
        add(",\"nbf\":", notBefore)
        let name: StaticString = ",\"jti\":"
        name.withUTF8Buffer { tail.append(contentsOf: $0) }
        tail += JSONValue.string(jti).serialized
        tail.append(UInt8(ascii: "}"))
        return tail
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
        self.claims = RenderedClaims(whole: claims)
        tail = []
    }

    func named(_ variable: ByteString) -> PreparedToken {
        var named = self
        named.variable = variable
        return named
    }

    func signed(with keys: TokenSigners) throws -> SignedToken {
        let signer = try keys.signer(algorithm)
        var compact: [UInt8] = []
        compact.reserveCapacity(Self.signedLength(payload: claims.text.count + tail.count))
        compact += signer.header
        claims.append(followedBy: tail, to: &compact)
        let signature = try signer.key.signature(over: compact)
        compact.append(UInt8(ascii: "."))
        Base64URL.append(signature[...], to: &compact)
        return SignedToken(compact: ByteString(compact), kid: signer.kid, prepared: self)
    }

    /// An upper bound: the header is below 96 bytes, an RS256 signature of 256 bytes the longest.
    private static func signedLength(payload: Int) -> Int {
        128 + (payload * 4 + 2) / 3 + 343
    }
}
