import Crypto
import JOSE
import Keys
import Testing

@testable import Attestation

@Suite struct TokenAttestorTests {
    @Test(arguments: [SigningAlgorithm.ES256, .RS256])
    func `a good token is its workload's facts`(_ algorithm: SigningAlgorithm) throws {
        let key = try (algorithm == .ES256 ? Samples.es256 : Samples.rs256).get()
        let attestor = TokenAttestor(TrustedIssuers([Samples.issuer()]))
        let examined = try attestor.examine(try Samples.evidence(key: key), at: Samples.now)
        let workload = try attestor.attest(examined, with: try Samples.keys(), at: Samples.now)
        #expect(workload.claims == Samples.goodClaims)
        #expect(workload.expiresAt == Samples.now.advanced(bySeconds: 300))
    }

    /// GitHub's tokens have `x5t` beside `kid`.
    @Test func `a thumbprint in the header is passed over`() throws {
        let evidence = try Samples.evidence(header: { $0["x5t"] = "ykNaY4qM_ta4k2TgZOCEYLkcYlA" })
        #expect(try Samples.refusal(of: evidence) == nil)
    }

    @Test(arguments: ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty", "x5T"])
    func `any other header member is refused`(_ name: String) throws {
        let evidence = try Samples.evidence(header: { $0[ByteString(name)] = "x" })
        #expect(try Samples.refusal(of: evidence) == .evidenceRefused(.headerMemberNotAllowed))
    }

    @Test(arguments: ["none", "None", "HS256", "HS384", "es256", "ES256K", ""])
    func `an algorithm that is no signature's is refused`(_ name: String) throws {
        let evidence = try Samples.evidence(header: { $0["alg"] = .string(ByteString(name)) })
        #expect(try Samples.refusal(of: evidence) == .evidenceRefused(.algorithmNotAllowed))
    }

    @Test(arguments: ["ES384", "EdDSA", "PS256", "RS512"])
    func `an algorithm that is not configured is refused, whatever the key set says`(_ name: String) throws {
        let evidence = try Samples.evidence(header: { $0["alg"] = .string(ByteString(name)) })
        #expect(try Samples.refusal(of: evidence) == .evidenceRefused(.algorithmNotAllowed))
    }

    /// jwt-kit #246's kin: the public key as an HMAC secret; there is no HMAC.
    @Test func `a token signed by HMAC with the public key is refused`() throws {
        let secret = SymmetricKey(data: try Samples.es256.get().publicKey.published.serialized)
        let header = JSONObject([("alg", "HS256"), ("kid", .string(try Samples.es256.get().publicKey.thumbprint))])
        let evidence = try Samples.signed(header.serialized, Samples.goodClaims.serialized) {
            Array(HMAC<SHA256>.authenticationCode(for: $0, using: secret))
        }
        #expect(try Samples.refusal(of: evidence) == .evidenceRefused(.algorithmNotAllowed))
    }

    @Test func `a header that names another algorithm than the key's is refused`() throws {
        let evidence = try Samples.evidence(header: { $0["alg"] = "RS256" })
        #expect(try Samples.refusal(of: evidence) == .evidenceRefused(.algorithmMismatch))
        let wrongCurve = try Samples.evidence(header: { $0["alg"] = "ES384" })
        let issuer = Samples.issuer(algorithms: [.ES384])
        #expect(try Samples.refusal(of: wrongCurve, trusting: [issuer]) == .evidenceRefused(.algorithmMismatch))
    }

    @Test func `no token, however many, changes what is thought of the next one`() throws {
        let bad = try Samples.evidence(
            key: try Samples.otherES256.get(),
            header: { header in
                header["alg"] = "RS256"
                header["kid"] = (try? Samples.rs256.get().publicKey.thumbprint).map(JSONValue.string)
            }
        )
        for _ in 0..<20 { #expect(try Samples.refusal(of: bad) == .evidenceRefused(.signatureInvalid)) }
        #expect(try Samples.refusal(of: Samples.evidence(key: try Samples.rs256.get())) == nil)
    }

    @Test func `one key that nobody understands does not spoil its set`() throws {
        let good = JSONValue.object(try Samples.named(Samples.es256.get()).published)
        let strange = [
            #"{"kty":"oct","k":"AA","kid":"a"}"#, #"{"kty":"AKP","alg":"ML-DSA-44","kid":"b"}"#,
            #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"c"}"#, "null", "5", "{}",
            #"{"kty":"RSA","alg":"RSA-OAEP-256","n":"AA","e":"AQAB","kid":"d"}"#,
        ]
        let entries = try strange.map(Samples.tree) + [good]
        let keys = try JWKSet(parsing: JSONObject([("keys", .array(entries))]).serialized)
        #expect(try Samples.refusal(of: Samples.evidence(), keys: keys) == nil)
    }

    @Test func `an unknown key is never replaced by another`() throws {
        let evidence = try Samples.evidence(header: { $0["kid"] = "unheard-of" })
        #expect(try Samples.refusal(of: evidence) == .evidenceRefused(.unknownKey))
    }

    @Test func `padding and other spellings of a signature are refused`() throws {
        let token = try Samples.evidence().token
        #expect(
            try Samples.refusal(of: Evidence(token: token + "==")) == .evidenceRefused(.malformedToken)
        )
        #expect(try Samples.refusal(of: Evidence(token: token + ".x")) == .evidenceRefused(.malformedToken))
    }

    @Test func `an issuer is chosen byte for byte`() throws {
        for name in [
            "https://ci.example.test/", "https://CI.example.test", "https://ci.example.test:443",
            "https://ci.example.test.evil.example", "https://u@ci.example.test", "http://ci.example.test", "",
        ] {
            let evidence = try Samples.evidence(claims: { $0["iss"] = .string(ByteString(name)) })
            #expect(try Samples.refusal(of: evidence) == .evidenceNotTrusted, "\(name)")
        }
        let list = try Samples.evidence(claims: { $0["iss"] = .array([.string(Samples.name)]) })
        #expect(try Samples.refusal(of: list) == .evidenceRefused(.issuerMismatch))
    }

    @Test func `what one issuer's key signs is not another issuer's token`() throws {
        let foreign = try Samples.evidence(key: try Samples.otherES256.get())
        let keys = JWKSet([try Samples.named(try Samples.es256.get())])
        let refusal = try Samples.refusal(
            of: foreign,
            trusting: [Samples.issuer(), Samples.issuer(Samples.other)],
            keys: keys
        )
        #expect(refusal == .evidenceRefused(.unknownKey))
    }

    @Test func `an audience that is not ours is refused`() throws {
        let cases: [(JSONValue?, VerificationError)] = [
            (nil, .audienceMissing), ("sts.amazonaws.com", .audienceMismatch), ("", .audienceMismatch),
            ("spiffe://example.org/", .audienceMismatch), ("spiffe://EXAMPLE.org", .audienceMismatch),
            (.array([]), .audienceMismatch), (.array(["spiffe://example.org", .integer(1)]), .malformedClaims),
            (.array(["spiffe://example.org", ""]), .audienceMissing), (.null, .audienceMismatch),
        ]
        for (audience, error) in cases {
            let evidence = try Samples.evidence(claims: { $0["aud"] = audience })
            #expect(try Samples.refusal(of: evidence) == .evidenceRefused(error))
        }
        let several = try Samples.evidence(claims: { $0["aud"] = .array(["x", "spiffe://example.org"]) })
        #expect(try Samples.refusal(of: several) == nil)
    }

    @Test func `a token counts until its end and the leeway, and not a second longer`() throws {
        let evidence = try Samples.evidence()
        #expect(try Samples.refusal(of: evidence, at: Samples.now.advanced(bySeconds: 329)) == nil)
        #expect(
            try Samples.refusal(of: evidence, at: Samples.now.advanced(bySeconds: 330)) == .evidenceRefused(.expired)
        )
        #expect(try Samples.refusal(of: evidence, at: Samples.now.advanced(bySeconds: -30)) == nil)
        #expect(
            try Samples.refusal(of: evidence, at: Samples.now.advanced(bySeconds: -31))
                == .evidenceRefused(.issuedInFuture)
        )
    }

    @Test func `times that are no integers are refused`() throws {
        for value: JSONValue? in [nil, "1800000300", .number("1.8e9"), .null, .bool(true)] {
            let evidence = try Samples.evidence(claims: { $0["exp"] = value })
            #expect(try Samples.refusal(of: evidence) == .evidenceRefused(.expiryMissing))
        }
        let late = try Samples.evidence(claims: { $0["exp"] = .integer(.max) })
        #expect(try Samples.refusal(of: late) == nil)
    }

    @Test func `a token older than its issuer's maximum is refused`() throws {
        let evidence = try Samples.evidence(claims: { $0["exp"] = .integer(Samples.now.secondsSinceEpoch + 9000) })
        let issuer = Samples.issuer(maximumAge: 600)
        #expect(try Samples.refusal(of: evidence, trusting: [issuer], at: Samples.now.advanced(bySeconds: 630)) == nil)
        #expect(
            try Samples.refusal(of: evidence, trusting: [issuer], at: Samples.now.advanced(bySeconds: 631))
                == .evidenceRefused(.tooOld)
        )
    }

    @Test func `a required claim must be there and match`() throws {
        let owner = try #require(ClaimPath("repository"))
        let required = RequiredClaim(path: owner, patterns: [ClaimPattern("acme/*"), ClaimPattern("tools/x")])
        let issuer = Samples.issuer(claims: [required])
        for (value, isAccepted): (JSONValue?, Bool) in [
            ("acme/widgets", true), ("tools/x", true), ("acme/widgets/x", false), ("tools/xy", false),
            ("evil/acme/x", false), ("ACME/widgets", false), ("", false), (nil, false), (.array(["acme/x"]), false),
        ] {
            let evidence = try Samples.evidence(claims: { $0["repository"] = value })
            #expect(try Samples.refusal(of: evidence, trusting: [issuer]) == (isAccepted ? nil : .evidenceNotTrusted))
        }
    }

    @Test func `evidence of any other shape is refused`() throws {
        var generator = SystemRandomNumberGenerator()
        for text in ["", ".", "..", "a.b.c", "{}", String(repeating: "a", count: 20_000), "eyJ.eyJ."] {
            #expect(try Samples.refusal(of: Evidence(token: ByteString(text))) != nil)
        }
        let good = try Samples.evidence().token.bytes
        for index in good.indices where index.isMultiple(of: 7) {
            var bytes = good
            bytes[index] ^= UInt8.random(in: 1...255, using: &generator)
            #expect(try Samples.refusal(of: Evidence(token: ByteString(bytes))) != nil)
        }
        var huge = JSONObject()
        for number in 0..<65 { huge[ByteString("c\(number)")] = .integer(1) }
        let many = try Samples.signed(
            JSONObject([("alg", "ES256")]).serialized,
            huge.serialized
        ) { try Samples.es256.get().signature(over: $0) }
        #expect(try Samples.refusal(of: many) == .evidenceRefused(.malformedClaims))
    }

    @Test func `with no issuer configured every token is refused`() throws {
        #expect(try Samples.refusal(of: Samples.evidence(), trusting: []) == .evidenceNotTrusted)
    }
}
