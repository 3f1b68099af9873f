// Believing tokens: keys, algorithms, claims and times (threats D01 to D06, D14, D16 to D20).

import Crypto
import CryptoExtras
import JOSE
import Testing

@Suite struct TokenVerifierTests {
    static func verifySignature(
        _ token: some StringProtocol,
        _ key: JWK,
        allowed: Set<SignatureAlgorithm> = Set(SignatureAlgorithm.allCases)
    ) throws -> [UInt8] {
        let verifier = TokenVerifier(keys: JWKSet([key]), allowed: allowed)
        return try verifier.verifySignature(UnverifiedToken(parsing: Array(token.utf8)))
    }

    // MARK: Good tokens

    @Test(arguments: [
        (RFC7515.a2, RFC7515.a2Key, RFC7515.payload), (RFC7515.a3, RFC7515.a3Key, RFC7515.payload),
        (RFC7515.a4, RFC7515.a4Key, "UGF5bG9hZA"),
        (RFC7515.ed25519, RFC7515.ed25519Key, "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"),
    ])
    func `the RFCs' tokens verify`(token: String, key: String, payload: String) throws {
        let key = try RFC7515.key(key)
        #expect(try Base64URL.encode(Self.verifySignature(token, key)) == Array(payload.utf8))
        let changed = token.replacing("9.", with: "9.e", maxReplacements: 1)
        #expect(throws: VerificationError.self) { try Self.verifySignature(changed, key) }
    }

    @Test func `RFC 7515 A.3's claims are long expired`() throws {
        let verifier = TokenVerifier(keys: JWKSet([try RFC7515.key(RFC7515.a3Key)]))
        let token = Array(RFC7515.a3.utf8)
        #expect(try TestToken.refusal(of: token, by: verifier, issuer: "joe") == .audienceMissing)
    }

    @Test(arguments: SigningAlgorithm.allCases)
    func `our own token is verified, with its header, payload and claims`(algorithm: SigningAlgorithm) throws {
        let token = try UnverifiedToken(parsing: TestToken.changed(by: algorithm))
        let verified = try TestToken.verifier().verify(
            token,
            issuer: TestToken.issuer,
            audience: TestToken.audience,
            at: TestToken.now
        )
        #expect(verified.header == (try TestToken.goodHeader(algorithm)))
        #expect(verified.claims == TestToken.goodClaims)
        #expect(verified.payload == TestToken.goodClaims.serialized)
    }

    // MARK: Algorithms and keys

    @Test func `an algorithm has to be the header's, the key's and allowed (D03)`() throws {
        for keyAlgorithm in SignatureAlgorithm.allCases {
            let material = try TestKeys.material(for: keyAlgorithm)
            let bound = try JWK(material: material, algorithm: keyAlgorithm, keyID: "k")
            let unbound = try JWK(material: material, algorithm: nil, keyID: "k")
            for algorithm in SignatureAlgorithm.allCases {
                let header = JSONObject([("alg", .string(ByteString(algorithm.rawValue))), ("kid", "k")]).serialized
                let token = try TestToken.signed(header: header, payload: TestToken.goodClaims.serialized) {
                    try TestKeys.signature(by: algorithm, over: $0)
                }
                let all = Set(SignatureAlgorithm.allCases)
                func refusal(_ key: JWK, _ allowed: Set<SignatureAlgorithm>) throws -> VerificationError? {
                    try TestToken.refusal(of: token, by: TokenVerifier(keys: JWKSet([key]), allowed: allowed))
                }
                #expect(try refusal(bound, all) == (algorithm == keyAlgorithm ? nil : .algorithmMismatch))
                #expect(try refusal(unbound, all) == (algorithm.fits(material) ? nil : .algorithmMismatch))
                #expect(try refusal(bound, all.subtracting([algorithm])) == .algorithmNotAllowed)
                #expect(try refusal(bound, []) == .algorithmNotAllowed)
            }
        }
    }

    @Test func `only RS256 and ES256 are allowed unless configured`() throws {
        for algorithm in SignatureAlgorithm.allCases {
            let key = try JWK(material: TestKeys.material(for: algorithm), algorithm: algorithm, keyID: "k")
            let header = JSONObject([("alg", .string(ByteString(algorithm.rawValue))), ("kid", "k")]).serialized
            let token = try TestToken.signed(header: header, payload: TestToken.goodClaims.serialized) {
                try TestKeys.signature(by: algorithm, over: $0)
            }
            let expected: VerificationError? = algorithm == .RS256 || algorithm == .ES256 ? nil : .algorithmNotAllowed
            #expect(try TestToken.refusal(of: token, by: TokenVerifier(keys: JWKSet([key]))) == expected)
        }
    }

    @Test(arguments: ["none", "None", "NONE", "nOnE", "HS256"])
    func `a token without a signature, or with a real one, is refused for its alg (D01)`(algorithm: String) throws {
        let name = JSONValue.string(ByteString(algorithm))
        let real = try TestToken.changed(header: { $0["alg"] = name })
        #expect(try TestToken.refusal(of: real) == .algorithmNotAllowed)
        let unsigned = real.prefix { $0 != 0x2E } + [0x2E] + Base64URL.encode(TestToken.goodClaims.serialized) + [0x2E]
        #expect(try TestToken.refusal(of: Array(unsigned)) == .algorithmNotAllowed)
    }

    @Test func `a signature taken away or cut is refused (D01)`() throws {
        for algorithm in SigningAlgorithm.allCases {
            let token = try UnverifiedToken(parsing: TestToken.changed(by: algorithm))
            for signature in [[], Array(token.signature.dropLast()), token.signature + [0], [0] + token.signature] {
                let bytes = token.signingInput + [0x2E] + Base64URL.encode(signature)
                #expect(try TestToken.refusal(of: bytes) == .signatureInvalid)
            }
        }
    }

    @Test func `the public key is no secret to sign with (D02)`() throws {
        let key = try TestKeys.rs256.get().publicKey
        guard case .rsa(let modulus, _) = key.material else { return }
        let der = [UInt8](try TestKeys.rsa().publicKey.derRepresentation)
        let pem = Array(try TestKeys.rsa().publicKey.pemRepresentation.utf8)
        let jwk = key.published.serialized
        for secret in [modulus, der, pem, pem + [0x0A], jwk, Base64URL.encode(modulus), []] {
            for name in ["HS256", "RS256", "ES256"] {
                var header = try TestToken.goodHeader(.RS256)
                header["alg"] = .string(ByteString(name))
                let token = try TestToken.signed(header: header.serialized, payload: TestToken.goodClaims.serialized) {
                    [UInt8](HMAC<SHA256>.authenticationCode(for: $0, using: SymmetricKey(data: secret)))
                }
                #expect(try TestToken.refusal(of: token) != nil)
            }
        }
    }

    @Test(
        arguments: [
            "../../etc/passwd", "/dev/null", "' OR '1'='1", "1; DROP TABLE keys", "*)(uid=*", "${jndi:ldap://x}",
            "http://127.0.0.1/",
            "file:///etc/passwd", "a\u{0}", "\u{0}", " ", "\n", "%00", "0", "-1", "null", "undefined", "__proto__",
            "kid", "*", "a b",
        ] as [ByteString]
    )
    func `kid is only looked up (D04, D05)`(keyID: ByteString) throws {
        #expect(try TestToken.refusal(of: TestToken.changed(header: { $0["kid"] = .string(keyID) })) == .unknownKey)
    }

    @Test func `a known key does not verify under another kid, not even nearly the same (D05)`() throws {
        let thumbprint = try TestKeys.es256.get().publicKey.thumbprint
        for keyID in [
            thumbprint + "=", thumbprint + " ", ByteString(thumbprint.string.lowercased()),
            try TestKeys.rs256.get().publicKey.thumbprint,
        ] {
            let error = try TestToken.refusal(of: TestToken.changed(header: { $0["kid"] = .string(keyID) }))
            #expect(error == .unknownKey || error == .algorithmMismatch)
        }
        let other = TokenVerifier(keys: JWKSet([try TestKeys.otherES256.get().publicKey]))
        #expect(try TestToken.refusal(of: TestToken.changed(), by: other) == .unknownKey)
        #expect(try TestToken.refusal(of: TestToken.changed(), by: TokenVerifier(keys: JWKSet([]))) == .unknownKey)
    }

    @Test func `another key of the right kid does not verify`() throws {
        let keyID = try TestKeys.es256.get().publicKey.thumbprint
        let key = try JWK(material: TestKeys.otherES256.get().publicKey.material, algorithm: .ES256, keyID: keyID)
        #expect(
            try TestToken.refusal(of: TestToken.changed(), by: TokenVerifier(keys: JWKSet([key]))) == .signatureInvalid
        )
    }

    @Test func `a token without kid needs exactly one usable key (D05)`() throws {
        let (ec, other) = (try TestKeys.es256.get().publicKey, try TestKeys.otherES256.get().publicKey)
        let rsa = try TestKeys.rs256.get().publicKey
        let edwards = try JWK(material: TestKeys.material(for: .EdDSA), algorithm: .EdDSA, keyID: "ed")
        let token = try TestToken.changed(header: { $0["kid"] = nil })
        func refusal(_ keys: [JWK]) throws -> VerificationError? {
            try TestToken.refusal(of: token, by: TokenVerifier(keys: JWKSet(keys)))
        }
        #expect(try refusal([ec]) == nil)
        #expect(try refusal([]) == .keyIDMissing)
        #expect(try refusal([ec, other]) == .keyIDMissing)
        #expect(try refusal([ec, rsa]) == .keyIDMissing)
        // Not usable with an allowed algorithm, so there is one usable key.
        #expect(try refusal([ec, edwards]) == nil)
        #expect(try refusal([other]) == .signatureInvalid)
        #expect(try refusal([rsa]) == .algorithmMismatch)
    }

    @Test func `a key without a name is not found by any kid`() throws {
        let key = try JWK(material: TestKeys.es256.get().publicKey.material, algorithm: .ES256, keyID: nil)
        let verifier = TokenVerifier(keys: JWKSet([key]))
        #expect(try TestToken.refusal(of: TestToken.changed(), by: verifier) == .unknownKey)
        #expect(try TestToken.refusal(of: TestToken.changed(header: { $0["kid"] = nil }), by: verifier) == nil)
    }

    @Test func `garbage leaves the verifier as it was (D06)`() throws {
        let verifier = try TestToken.verifier()
        let thumbprint = try TestKeys.es256.get().publicKey.thumbprint
        for round in 0..<2_000 {
            let algorithm = SignatureAlgorithm.allCases[round % SignatureAlgorithm.allCases.count]
            let header = JSONObject([("alg", .string(ByteString(algorithm.rawValue))), ("kid", .string(thumbprint))])
            let token = try TestToken.signed(header: header.serialized, payload: [UInt8(round % 256)]) { _ in
                [UInt8](repeating: UInt8(round % 256), count: 64)
            }
            #expect(try TestToken.refusal(of: token, by: verifier) != nil)
        }
        #expect(try TestToken.refusal(of: TestToken.changed(), by: verifier) == nil)
    }

    // MARK: ECDSA signatures (D14, D16)

    /// The order of P-256's group.
    static let order: [UInt8] = [
        0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD,
        0xA7, 0x17,
        0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ]

    static func orderMinus(_ number: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var borrow = 0
        for (left, right) in zip(order.reversed(), number.reversed()) {
            let difference = Int(left) - Int(right) - borrow
            borrow = difference < 0 ? 1 : 0
            result.append(UInt8(truncatingIfNeeded: difference))
        }
        return result.reversed()
    }

    @Test func `special values of r and s are refused`() throws {
        let token = try UnverifiedToken(parsing: TestToken.changed())
        let zero = [UInt8](repeating: 0, count: 32)
        let one = zero.dropLast() + [1]
        let ones = [UInt8](repeating: 0xFF, count: 32)
        let good = Array(token.signature.prefix(32))
        for r in [zero, Array(one), Self.order, ones, good] {
            for s in [zero, Array(one), Self.order, ones] {
                let bytes = token.signingInput + [0x2E] + Base64URL.encode(r + s)
                #expect(try TestToken.refusal(of: bytes) == .signatureInvalid)
            }
        }
    }

    @Test func `a DER signature is refused`() throws {
        let token = try UnverifiedToken(parsing: TestToken.changed())
        let der = try P256.Signing.ECDSASignature(rawRepresentation: token.signature).derRepresentation
        #expect(try TestToken.refusal(of: token.signingInput + [0x2E] + Base64URL.encode(der)) == .signatureInvalid)
    }

    @Test func `an ECDSA token has a second valid signature, so its bytes are no replay key`() throws {
        let token = try UnverifiedToken(parsing: TestToken.changed())
        let second = token.signature.prefix(32) + Self.orderMinus(token.signature.suffix(32))
        #expect(Array(second) != token.signature)
        #expect(try TestToken.refusal(of: token.signingInput + [0x2E] + Base64URL.encode(second)) == nil)
    }

    @Test func `one flipped bit anywhere is refused`() throws {
        let token = try TestToken.changed()
        let verifier = try TestToken.verifier()
        for index in token.indices {
            var changed = token
            changed[index] ^= 1
            #expect(try TestToken.refusal(of: changed, by: verifier) != nil)
        }
    }

    // MARK: Payload, issuer, audience

    @Test(arguments: [
        "", "null", "[]", "\"x\"", "{", "{}}", "{\"iss\":\"a\",\"iss\":\"b\"}", #"{"aud":"a","\u0061ud":"b"}"#,
        "{\"a\":1,}", "\u{FEFF}{}",
    ])
    func `a payload is one strict JSON object`(payload: String) throws {
        let header = try TestToken.goodHeader().serialized
        let token = try TestToken.signed(header: header, payload: Array(payload.utf8))
        #expect(try TestToken.refusal(of: token) == .malformedClaims)
        #expect(try TestToken.verifier().verifySignature(UnverifiedToken(parsing: token)) == Array(payload.utf8))
    }

    @Test(
        arguments: [
            "https://ci.example.test/", "https://CI.example.test", "HTTPS://ci.example.test",
            "https://ci.example.test:443",
            "https://ci.example.test.evil.example", "https://ci.example.test@evil.example", "https://ci.example.tes",
            "ci.example.test",
            "http://ci.example.test", "https://ci.example.test?", "https://ci.example.test#",
            "https://user@ci.example.test",
            "https://ci.example.test/.", " https://ci.example.test", "https://ci.example.test ",
            "https://ci.example.test\n",
            "https://ci.example.test\u{0}", "https://ci.example.test.", "https://ci%2Eexample.test",
            "https://cі.example.test",
            "https://ci。example.test", "https:/ci.example.test", "https://ci.example.test//", "", "*",
        ] as [ByteString]
    )
    func `another spelling of the issuer is another issuer (D20)`(issuer: ByteString) throws {
        #expect(
            try TestToken.refusal(of: TestToken.changed(claims: { $0["iss"] = .string(issuer) })) == .issuerMismatch
        )
    }

    @Test(
        arguments: [
            nil, .null, .array(["https://ci.example.test"]), .object(JSONObject([("iss", "https://ci.example.test")])),
            .integer(1),
        ] as [JSONValue?]
    )
    func `the issuer is one string (D20)`(value: JSONValue?) throws {
        #expect(try TestToken.refusal(of: TestToken.changed(claims: { $0["iss"] = value })) == .issuerMismatch)
    }

    @Test(
        arguments: [
            (nil, VerificationError.audienceMissing), (.array([]), .audienceMissing), ("", .audienceMissing),
            (.array([""]), .audienceMissing), (.array(["sts.example.test", ""]), .audienceMissing),
            (.null, .malformedClaims), (.integer(1), .malformedClaims), (.bool(true), .malformedClaims),
            (.object(JSONObject([("sts.example.test", .bool(true))])), .malformedClaims),
            (.array(["sts.example.test", .integer(1)]), .malformedClaims),
            (.array([.array(["sts.example.test"])]), .malformedClaims),
            ("STS.example.test", .audienceMismatch), ("sts.example.test/", .audienceMismatch),
            ("sts.example.tes", .audienceMismatch),
            ("sts.example.test.evil", .audienceMismatch), (" sts.example.test", .audienceMismatch),
            ("*", .audienceMismatch),
            ("sts.example.test other", .audienceMismatch), (.array(["other"]), .audienceMismatch),
            ("sts.example.test\u{0}", .audienceMismatch),
            ("sts.example.test", nil), (.array(["sts.example.test"]), nil),
            (.array(["other", "sts.example.test"]), nil),
        ] as [(JSONValue?, VerificationError?)]
    )
    func `the audience is among those named, byte for byte (D19)`(value: JSONValue?, error: VerificationError?) throws {
        #expect(try TestToken.refusal(of: TestToken.changed(claims: { $0["aud"] = value })) == error)
    }

    @Test func `an empty expectation matches nothing (D19)`() throws {
        let token = try TestToken.changed(claims: { ($0["iss"], $0["aud"]) = ("", .array(["", "a"])) })
        #expect(try TestToken.refusal(of: token, issuer: "") == .issuerMismatch)
        let good = try TestToken.changed()
        #expect(try TestToken.refusal(of: good, issuer: "") == .issuerMismatch)
        #expect(try TestToken.refusal(of: good, audience: "") == .audienceMismatch)
    }

    @Test func `one key under two issuers verifies for the one expected (D22)`() throws {
        let token = try TestToken.changed(claims: { $0["iss"] = "https://other.example.test" })
        #expect(try TestToken.refusal(of: token) == .issuerMismatch)
        #expect(try TestToken.refusal(of: token, issuer: "https://other.example.test") == nil)
    }

    // MARK: Times (D18)

    struct Times: Sendable, CustomTestStringConvertible {
        var expiry: JSONValue? = .integer(TestToken.now + 300)
        var notBefore: JSONValue?
        var issuedAt: JSONValue? = .integer(TestToken.now)
        var leeway: Int64 = 60
        let error: VerificationError?

        var testDescription: String {
            "exp \(String(describing: expiry)) nbf \(String(describing: notBefore)) iat \(String(describing: issuedAt)) \(leeway)"
        }

        static func at(_ offset: Int64) -> JSONValue { .integer(TestToken.now + offset) }
    }

    static let times: [Times] = [
        Times(error: nil),
        // exp > now - leeway
        Times(expiry: Times.at(1), error: nil), Times(expiry: Times.at(0), error: nil),
        Times(expiry: Times.at(-59), error: nil),
        Times(expiry: Times.at(-60), error: .expired), Times(expiry: Times.at(-61), error: .expired),
        Times(expiry: Times.at(1), leeway: 0, error: nil), Times(expiry: Times.at(0), leeway: 0, error: .expired),
        Times(expiry: .integer(0), error: .expired), Times(expiry: .integer(-1), error: .expired),
        Times(expiry: .integer(.min), error: .expired), Times(expiry: .integer(.max), error: nil),
        // A leeway beyond 0 to 60 s counts as the nearest.
        Times(expiry: Times.at(-59), leeway: 3_600, error: nil),
        Times(expiry: Times.at(-60), leeway: 3_600, error: .expired),
        Times(expiry: Times.at(-60), leeway: .max, error: .expired),
        Times(expiry: Times.at(1), leeway: -100, error: nil),
        Times(expiry: Times.at(0), leeway: .min, error: .expired),
        Times(expiry: nil, error: .expiryMissing), Times(expiry: .null, error: .malformedClaims),
        Times(expiry: "1800000300", error: .malformedClaims),
        Times(expiry: .number("1800000300.0"), error: .malformedClaims),
        Times(expiry: .number("1.8000003e9"), error: .malformedClaims),
        Times(expiry: .bool(true), error: .malformedClaims),
        Times(expiry: .number("9223372036854775808"), error: .malformedClaims),
        Times(expiry: .array([Times.at(300)]), error: .malformedClaims),
        // nbf ≤ now + leeway
        Times(notBefore: Times.at(60), error: nil), Times(notBefore: Times.at(61), error: .notYetValid),
        Times(notBefore: Times.at(0), leeway: 0, error: nil),
        Times(notBefore: Times.at(1), leeway: 0, error: .notYetValid),
        Times(notBefore: .integer(.max), error: .notYetValid), Times(notBefore: .integer(.min), error: nil),
        Times(notBefore: .null, error: .malformedClaims), Times(notBefore: "0", error: .malformedClaims),
        Times(notBefore: .number("-0"), error: .malformedClaims),
        // iat ≤ now + leeway, now - iat ≤ 24 h
        Times(issuedAt: Times.at(60), error: nil), Times(issuedAt: Times.at(61), error: .issuedInFuture),
        Times(issuedAt: Times.at(0), leeway: 0, error: nil),
        Times(issuedAt: Times.at(1), leeway: 0, error: .issuedInFuture),
        Times(issuedAt: .integer(.max), error: .issuedInFuture), Times(issuedAt: Times.at(-86_400), error: nil),
        Times(issuedAt: Times.at(-86_401), error: .tooOld), Times(issuedAt: .integer(0), error: .tooOld),
        Times(issuedAt: .integer(.min), error: .tooOld), Times(issuedAt: nil, error: .issuedAtMissing),
        Times(issuedAt: "1800000000", error: .malformedClaims),
        Times(issuedAt: .number("1800000000.5"), error: .malformedClaims),
    ]

    @Test(arguments: times)
    func `times are integers within their bounds`(_ times: Times) throws {
        let token = try TestToken.changed(claims: {
            ($0["exp"], $0["nbf"], $0["iat"]) = (times.expiry, times.notBefore, times.issuedAt)
        })
        #expect(try TestToken.refusal(of: token, leeway: times.leeway) == times.error)
    }

    @Test(arguments: [Int64.min, .min + 1, -1, 0, .max - 1, .max])
    func `no clock reading traps`(now: Int64) throws {
        #expect(try TestToken.refusal(of: TestToken.changed(), at: now) != nil)
        let extreme = try TestToken.changed(claims: { ($0["exp"], $0["iat"]) = (.integer(.min), .integer(.max)) })
        #expect(try TestToken.refusal(of: extreme, at: now) != nil)
    }

    @Test func `claims of other names are not looked at`() throws {
        let token = try TestToken.changed(claims: { ($0["sub"], $0["jti"], $0["Exp"]) = (.null, .array([]), "x") })
        #expect(try TestToken.refusal(of: token) == nil)
    }

    // MARK: Codes

    @Test func `reason codes are snake case, and every error has a sentence`() {
        let codes = VerificationError.allCases.map(\.reason)
        #expect(Set(codes).count == codes.count)
        for error in VerificationError.allCases {
            #expect(error.reason.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F })
            #expect(error.explanation.hasSuffix(".") && error.explanation.count < 120)
        }
        #expect(VerificationError.headerMemberNotAllowed.reason == "header_member_not_allowed")
        #expect(VerificationError.keyIDMissing.reason == "key_id_missing")
    }
}
