// Tokens as an attacker or a careless issuer would make them: any header, any payload, a real signature.

import JOSE

/// Makes tokens that ``UnverifiedToken`` may or may not accept.
enum TestToken {
    static let issuer: ByteString = "https://ci.example.test"
    static let audience: ByteString = "sts.example.test"
    static let now: Int64 = 1_800_000_000

    static let goodClaims = JSONObject([
        ("iss", .string(issuer)), ("sub", "repo:acme/widgets:ref:refs/heads/main"), ("aud", .string(audience)),
        ("exp", .integer(now + 300)), ("iat", .integer(now)), ("nbf", .integer(now - 60)),
    ])

    /// The header our own tokens have.
    static func goodHeader(_ algorithm: SigningAlgorithm = .ES256) throws -> JSONObject {
        JSONObject([
            ("alg", .string(ByteString(algorithm.rawValue))),
            ("kid", .string(try TestKeys.key(algorithm).publicKey.thumbprint)),
            ("typ", "JWT"),
        ])
    }

    /// Header and payload as given, signed with the real key.
    static func signed(header: [UInt8], payload: [UInt8], by algorithm: SigningAlgorithm = .ES256) throws -> [UInt8] {
        try signed(header: header, payload: payload) { try TestKeys.key(algorithm).signature(over: $0) }
    }

    static func signed(
        header: [UInt8],
        payload: [UInt8],
        with sign: ([UInt8]) throws -> [UInt8]
    ) throws -> [UInt8] {
        let input = Base64URL.encode(header) + [UInt8(ascii: ".")] + Base64URL.encode(payload)
        return try input + [UInt8(ascii: ".")] + Base64URL.encode(sign(input))
    }

    /// A good token, changed.
    static func changed(
        header changeHeader: (inout JSONObject) -> Void = { _ in },
        claims changeClaims: (inout JSONObject) -> Void = { _ in },
        by algorithm: SigningAlgorithm = .ES256
    ) throws -> [UInt8] {
        var header = try goodHeader(algorithm)
        var claims = goodClaims
        changeHeader(&header)
        changeClaims(&claims)
        return try signed(header: header.serialized, payload: claims.serialized, by: algorithm)
    }

    /// The verifier of our two keys.
    static func verifier() throws -> TokenVerifier {
        TokenVerifier(keys: JWKSet([try TestKeys.es256.get().publicKey, try TestKeys.rs256.get().publicKey]))
    }

    /// What comes of a token; `nil` if it is accepted.
    static func refusal(
        of token: [UInt8],
        by verifier: TokenVerifier? = nil,
        issuer: ByteString = issuer,
        audience: ByteString = audience,
        at now: Int64 = now,
        leeway: Int64 = 60
    ) throws -> VerificationError? {
        let verifier = try verifier ?? Self.verifier()
        do throws(VerificationError) {
            let unverified = try UnverifiedToken(parsing: token)
            _ = try verifier.verify(unverified, issuer: issuer, audience: audience, at: now, leeway: leeway)
            return nil
        } catch {
            return error
        }
    }
}
