// JWT-SVIDs, made and verified (JWT-SVID §2 to §4).

import JOSE
import Keys
import SPIFFE
import TestSupport
import Testing

@Suite struct JWTSVIDTests {
    private let samples: Samples
    private let verifier: JWTSVIDVerifier

    init() throws {
        samples = try Samples()
        verifier = JWTSVIDVerifier(bundles: [samples.bundle])
    }

    private func prepared(
        audiences: [ByteString] = ["a"],
        issuer: ByteString? = nil,
        claims: JSONObject = JSONObject()
    ) throws -> PreparedJWTSVID {
        try PreparedJWTSVID(
            id: samples.id(),
            audiences: audiences,
            jti: "j1",
            issuedAt: Samples.now,
            expiresAt: Samples.now.advanced(bySeconds: 300),
            issuer: issuer,
            claims: claims
        )
    }

    private func signed(_ prepared: PreparedJWTSVID) throws -> JWTSVID {
        let signer = try samples.keys.signer(.ES256)
        return try prepared.signed(by: signer.key, kid: signer.kid)
    }

    /// A token of any header and claims, signed with the active key.
    private func token(
        _ claims: [(ByteString, JSONValue)],
        header: [(ByteString, JSONValue)]? = nil
    ) throws -> ByteString {
        let signer = try samples.keys.signer(.ES256)
        let header = header ?? [("alg", "ES256"), ("kid", .string(signer.kid)), ("typ", "JWT")]
        let input =
            Base64URL.encode(JSONObject(header).serialized) + Array(".".utf8)
            + Base64URL.encode(JSONObject(claims).serialized)
        return try ByteString(input + Array(".".utf8) + Base64URL.encode(signer.key.signature(over: input)))
    }

    /// Good claims with some changed; null takes one away.
    private func claims(_ changes: [(ByteString, JSONValue)] = []) throws -> [(ByteString, JSONValue)] {
        var object = JSONObject([
            ("sub", .string(try samples.id().text)), ("aud", .array(["a"])),
            ("exp", .integer(Samples.now.secondsSinceEpoch + 300)), ("iat", .integer(Samples.now.secondsSinceEpoch)),
        ])
        for (name, value) in changes { object[name] = value == .null ? nil : value }
        return object.members.map { ($0.name, $0.value) }
    }

    private func refused(_ token: ByteString, _ error: JWTSVIDError, at now: NumericDate = Samples.now) {
        #expect(throws: error) { try verifier.verify(token, audience: "a", at: now) }
    }

    // MARK: Made

    @Test func `a token has the claims of a JWT-SVID and a header of three members`() throws {
        let more = JSONObject([("namespace", "prod"), ("n", .integer(1))])
        let svid = try signed(prepared(audiences: ["a", "b"], issuer: "https://i.example", claims: more))
        let token = try UnverifiedToken(parsing: svid.compact.bytes)
        let kid = try #require(samples.ring.active(.ES256)?.kid)
        #expect(
            token.headerObject == JSONObject([("alg", "ES256"), ("kid", .string(kid)), ("typ", "JWT")])
        )
        let now = Samples.now.secondsSinceEpoch
        let expected = JSONObject([
            ("iss", "https://i.example"), ("sub", .string(try samples.id().text)), ("aud", .array(["a", "b"])),
            ("exp", .integer(now + 300)), ("iat", .integer(now)), ("jti", "j1"), ("namespace", "prod"),
            ("n", .integer(1)),
        ])
        #expect(token.payload == expected.serialized)
        for audience in ["a", "b"] as [ByteString] {
            let verified = try verifier.verify(svid.compact, audience: audience, at: Samples.now)
            #expect(try verified.id == samples.id())
            #expect(verified.audiences == ["a", "b"])
            #expect(verified.expiresAt == svid.expiresAt)
            #expect(verified.claims == expected)
        }
    }

    @Test func `one audience is an array too, and no issuer is no claim`() throws {
        let token = try UnverifiedToken(parsing: signed(prepared()).compact.bytes)
        let claims = try JSONReader.read(token.payload).objectValue
        #expect(claims?["aud"] == .array(["a"]))
        #expect(claims?["iss"] == nil)
    }

    @Test(arguments: ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"] as [ByteString])
    func `no policy says what we say ourselves`(name: ByteString) throws {
        #expect(throws: JWTSVIDProblem.reservedClaim(name)) {
            try prepared(claims: JSONObject([("x", "y"), (name, "z")]))
        }
    }

    @Test func `a token for nobody, of a trust domain or too long is not made`() throws {
        for audiences in [[], [""], ["a", ""]] as [[ByteString]] {
            #expect(throws: JWTSVIDProblem.audienceMissing) { try prepared(audiences: audiences) }
        }
        #expect(throws: JWTSVIDProblem.idWithoutPath) {
            try PreparedJWTSVID(
                id: SPIFFEID(parsing: "spiffe://example.org"),
                audiences: ["a"],
                jti: "j",
                issuedAt: Samples.now,
                expiresAt: Samples.now
            )
        }
        let long = ByteString([UInt8](repeating: 0x61, count: 16_384))
        #expect(throws: JWTSVIDProblem.tooLarge) { try signed(prepared(audiences: [long])) }
    }

    // MARK: Verified

    @Test func `a token is good until its expiry and not in that second`() throws {
        let compact = try signed(prepared()).compact
        let expiresAt = Samples.now.advanced(bySeconds: 300)
        #expect(throws: Never.self) {
            try verifier.verify(compact, audience: "a", at: expiresAt.advanced(bySeconds: -1))
        }
        refused(compact, .expired, at: expiresAt)
    }

    @Test func `a token of another audience, domain or key is refused`() throws {
        let compact = try signed(prepared(audiences: ["b", "c"])).compact
        refused(compact, .audienceMismatch(expected: "a", actual: ["b", "c"]))
        let other = try Samples()
        #expect(throws: JWTSVIDError.keyUnknown(try #require(samples.ring.active(.ES256)?.kid), other.trustDomain)) {
            try JWTSVIDVerifier(bundles: [other.bundle]).verify(compact, audience: "b", at: Samples.now)
        }
        let foreign = try Samples("example.com")
        #expect(throws: JWTSVIDError.trustDomainUnknown(samples.trustDomain)) {
            try JWTSVIDVerifier(bundles: [foreign.bundle]).verify(compact, audience: "b", at: Samples.now)
        }
    }

    @Test func `a subject of another trust domain does not verify by our keys`() throws {
        let token = try token(claims([("sub", "spiffe://example.com/a")]))
        refused(token, .trustDomainUnknown(try TrustDomain("example.com")))
        let foreign = try Samples("example.com")
        let both = JWTSVIDVerifier(bundles: [samples.bundle, foreign.bundle])
        #expect(throws: JWTSVIDError.self) { try both.verify(token, audience: "a", at: Samples.now) }
    }

    @Test func `claims that are missing or wrong are named`() throws {
        let now = Samples.now.secondsSinceEpoch
        let cases: [([(ByteString, JSONValue)], JWTSVIDError)] = [
            ([("sub", .null)], .subjectMissing), ([("sub", "x")], .subjectInvalid),
            ([("sub", .integer(1))], .subjectInvalid),
            ([("exp", .null)], .expiryMissing), ([("exp", "1")], .claimsMalformed),
            ([("aud", .null)], .audienceMissing), ([("aud", .array([]))], .audienceMissing),
            ([("aud", .array([.integer(1)]))], .claimsMalformed), ([("aud", .integer(1))], .claimsMalformed),
            ([("aud", "b")], .audienceMismatch(expected: "a", actual: ["b"])),
            ([("exp", .integer(now))], .expired), ([("exp", .integer(1))], .expired),
            ([("nbf", .integer(now + 61))], .notYetValid), ([("iat", .integer(now + 61))], .issuedInFuture),
            ([("nbf", .integer(.max))], .notYetValid), ([("exp", .integer(.min))], .expired),
        ]
        for (changes, error) in cases { refused(try token(claims(changes)), error) }
        for changes in [[], [("aud", "a")], [("iat", .null)], [("nbf", .integer(now + 60))]]
            as [[(ByteString, JSONValue)]]
        {
            let token = try token(claims(changes))
            #expect(throws: Never.self) { try verifier.verify(token, audience: "a", at: Samples.now) }
        }
    }

    @Test func `headers that are missing or wrong are named`() throws {
        let kid = JSONValue.string(try #require(samples.ring.active(.ES256)?.kid))
        let standby = JSONValue.string(samples.ring.standbys(.ES256)[0].kid)
        let cases: [([(ByteString, JSONValue)], JWTSVIDError)] = [
            ([("alg", "ES256")], .keyIDMissing), ([("alg", "ES256"), ("kid", "")], .keyIDMissing),
            ([("alg", "none"), ("kid", kid)], .algorithmNotAllowed),
            ([("alg", "HS256"), ("kid", kid)], .algorithmNotAllowed),
            ([("alg", "EdDSA"), ("kid", kid)], .algorithmNotAllowed),
            ([("alg", "ES384"), ("kid", kid)], .algorithmNotAllowed),
            ([("alg", "RS256"), ("kid", kid)], .algorithmNotAllowed),
            ([("alg", "ES256"), ("kid", kid), ("crit", .array(["x"]))], .headerNotAllowed),
            ([("alg", "ES256"), ("kid", kid), ("typ", "at+jwt")], .headerNotAllowed),
            ([("alg", "ES256"), ("kid", "x")], .keyUnknown("x", samples.trustDomain)),
            ([("alg", "ES256"), ("kid", standby)], .signatureInvalid),
        ]
        for (header, error) in cases { refused(try token(claims(), header: header), error) }
        for type in ["JWT", "JOSE"] as [JSONValue] {
            let token = try token(claims(), header: [("alg", "ES256"), ("kid", kid), ("typ", type)])
            #expect(throws: Never.self) { try verifier.verify(token, audience: "a", at: Samples.now) }
        }
        for text in ["", "a", "a.b", "a.b.c", "e30.e30.e30", "..."] as [ByteString] {
            #expect(throws: JWTSVIDError.self) { try verifier.verify(text, audience: "a", at: Samples.now) }
        }
    }

    @Test func `an authority's key verifies no token`() throws {
        let signer = try samples.keys.signer(for: .certificates)
        let compact = try prepared().signed(by: signer.key, kid: signer.kid).compact
        refused(compact, .keyUnknown(signer.kid, samples.trustDomain))
    }

    @Test func `what is wrong is said in the words that clients know`() throws {
        #expect(JWTSVIDError.expired.explanation == "token has expired")
        #expect(JWTSVIDError.expiryMissing.explanation == "token missing exp claim")
        #expect(JWTSVIDError.keyIDMissing.explanation == "token header missing key id")
        let mismatch = JWTSVIDError.audienceMismatch(expected: "a", actual: ["b", "c\"\n"])
        #expect(mismatch.explanation == #"expected audience in ["a"] (audience=["b" "c\"\u000a"])"#)
    }
}
