// Taking tokens apart: shape, alphabet, header (threats C09, D01, D04, D07, D08, D15 to D17).

import JOSE
import TestSupport
import Testing

@Suite struct UnverifiedTokenTests {
    static func refusal(of token: [UInt8]) -> VerificationError? {
        do throws(VerificationError) {
            _ = try UnverifiedToken(parsing: token)
            return nil
        } catch {
            return error
        }
    }

    static func refusal(ofHeader header: String) -> VerificationError? {
        refusal(of: Base64URL.encode(Array(header.utf8)) + Array(".e30.AAAA".utf8))
    }

    @Test func `a token's parts are what was signed`() throws {
        let header = try TestToken.goodHeader(.RS256)
        let bytes = try TestToken.changed(by: .RS256)
        let token = try UnverifiedToken(parsing: bytes)
        #expect(token.algorithm == .RS256)
        #expect(token.keyID == (try TestKeys.rs256.get().publicKey.thumbprint))
        #expect(token.payload == TestToken.goodClaims.serialized)
        #expect(token.headerObject == header)
        #expect(token.signature.count == 256)
        #expect(token.signingInput == Base64URL.encode(header.serialized) + [0x2E] + Base64URL.encode(token.payload))
        #expect(token.signingInput + [0x2E] + Base64URL.encode(token.signature) == bytes)
    }

    // MARK: Shape

    @Test(arguments: [
        "", ".", "..", "...", "a", "a.b", "a.b.c", "e30", "e30.e30", "e30.e30.e30.e30", "eyJhbGciOiJFUzI1NiJ9.e30",
        "eyJhbGciOiJFUzI1NiJ9.e30.AAAA.", ".eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "eyJhbGciOiJFUzI1NiJ9..e30.AAAA",
        "eyJhbGciOiJFUzI1NiJ9.e30.AAAA.AAAA.AAAA",  // Five parts: JWE.
        #"{"payload":"e30","signatures":[{"protected":"eyJhbGciOiJFUzI1NiJ9","signature":"AAAA"}]}"#,
        #"{"payload":"e30","protected":"eyJhbGciOiJFUzI1NiJ9","signature":"AAAA"}"#,
        #""eyJhbGciOiJFUzI1NiJ9.e30.AAAA""#,
        "eyJhbGciOiJFUzI1NiJ9.e30.AAAA\n", " eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "eyJhbGciOiJFUzI1NiJ9.e 30.AAAA",
        "eyJhbGciOiJFUzI1NiJ9.e30.AAAA ", "eyJhbGciOiJFUzI1NiJ9.e30.AA\0A", "eyJhbGciOiJFUzI1NiJ9.e30.AA+A",
        "eyJhbGciOiJFUzI1NiJ9.e30.AA/A", "eyJhbGciOiJFUzI1NiJ9.e30.AAA=", "eyJhbGciOiJFUzI1NiJ9.e30=.AAAA",
        "eyJhbGciOiJFUzI1NiJ9=.e30.AAAA", "eyJhbGciOiJFUzI1NiJ9.e30.AAé", "eyJhbGciOiJFUzI1NiJ9.e30.AAA%3D",
        "Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "eyJhbGciOiJFUzI1NiJ9.e30.A", "eyJhbGciOiJFUzI1NiJ9.e30.AB",
        "eyJhbGciOiJFUzI1NiJ9.e3.AAAA", "eyJhbGciOiJFUzI1NiJ9.e31.AAAA", "eyJhbGciOiJFUzI1NiK9.e30.AAAAA",
        "eyJhbGciOiJFUzI1NiJ9。e30。AAAA",
    ])
    func `what is not three parts of strict base64url is refused (D15)`(text: String) {
        let error = Self.refusal(of: Array(text.utf8))
        #expect(error == .malformedToken || (text == ".." && error == .malformedHeader))
    }

    @Test func `an empty payload and an empty signature are taken apart, not believed`() throws {
        let token = try UnverifiedToken(parsing: Array("eyJhbGciOiJFUzI1NiJ9..".utf8))
        #expect(token.payload.isEmpty)
        #expect(token.signature.isEmpty)
    }

    @Test func `length is bounded, and a megabyte of dots costs nothing (C09)`() {
        let start = Array("eyJhbGciOiJFUzI1NiJ9.e30.".utf8)
        let filler = [UInt8](repeating: UInt8(ascii: "A"), count: 16_384 - start.count)
        // 16384 bytes: 16359 characters of signature leave three in the last group.
        #expect(Self.refusal(of: start + filler) == nil)
        #expect(Self.refusal(of: start + filler + [UInt8(ascii: "A")]) == .tokenTooLarge)
        let dots = [UInt8](repeating: UInt8(ascii: "."), count: 1_048_576)
        let elapsed = ContinuousClock().measure { #expect(Self.refusal(of: dots) == .tokenTooLarge) }
        #expect(elapsed < .milliseconds(50))
        #expect(Self.refusal(of: Array(dots.prefix(16_384))) == .malformedToken)
    }

    @Test func `of all spellings of a token's last characters one is accepted (D16)`() throws {
        let token = try TestToken.changed()
        let verifier = try TestToken.verifier()
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let accepted = try alphabet.filter { character in
            try TestToken.refusal(of: token.dropLast() + [character], by: verifier) == nil
        }
        #expect(accepted == token.suffix(1))
        for padding in ["=", "==", "\n", " ", "%3D"] {
            #expect(try TestToken.refusal(of: token + Array(padding.utf8), by: verifier) == .malformedToken)
        }
    }

    // MARK: Header

    @Test(arguments: [
        "", "null", "[]", "\"ES256\"", "1", "{", "{}", "{\"alg\":null}", "{\"alg\":1}", "{\"alg\":[\"ES256\"]}",
        "{\"typ\":\"JWT\"}", "{\"alg\":\"ES256\",}", "{\"alg\":\"ES256\"} x", "{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
        "{\"alg\":\"none\",\"alg\":\"ES256\"}", #"{"alg":"ES256","\u0061lg":"none"}"#, "{'alg':'ES256'}",
        "\u{FEFF}{\"alg\":\"ES256\"}", "{\"alg\":\"ES256\"/**/}",
    ])
    func `a header is one strict JSON object with an alg`(header: String) {
        #expect(Self.refusal(ofHeader: header) == .malformedHeader)
    }

    @Test(arguments: [
        "none", "None", "NONE", "noNe", "nONE", "nOnE", "NoNe", "NONe", "none ", " none", "none\\u0000", "", "null",
        "n\\u006fne",
        "\\u006eone", "HS256", "HS384", "HS512", "es256", "Es256", "ES256 ", "ES256\\u0000", "ES256K", "ES256\\u212a",
        "rs256",
        "RSA-OAEP", "dir", "A128KW", "EDDSA", "Ed25519", "Ed448", "RS1", "PS1", "ML-DSA-65", "SHA256",
    ])
    func `an algorithm we do not know is refused, none among them (D01, D02)`(algorithm: String) {
        #expect(Self.refusal(ofHeader: "{\"alg\":\"\(algorithm)\"}") == .algorithmNotAllowed)
    }

    @Test(arguments: [
        #""crit":["b64"]"#, #""crit":[]"#, #""crit":["exp"]"#, #""b64":false"#, #""b64":true"#, #""zip":"DEF""#,
        #""enc":"A128GCM""#,
        #""cty":"JWT""#, #""jwk":{"kty":"EC"}"#, #""jku":"http://127.0.0.1:1/jwks""#, #""x5u":"http://127.0.0.1:1/x""#,
        #""x5c":["MIIB"]"#, #""x5t":"AA""#, ##""x5t#S256":"AA""##, #""iss":"https://ci.example.test""#, #""nonce":"a""#,
        #""url":"https://x.example""#, #""ALG":"ES256""#, #""Kid":"a""#, #""":"""#, #""epk":{}"#, #""p2c":2147483647"#,
    ])
    func `a header member beside alg, kid and typ is refused (D07, D08)`(member: String) throws {
        #expect(Self.refusal(ofHeader: "{\"alg\":\"ES256\",\(member)}") == .headerMemberNotAllowed)
        let header = "{\"alg\":\"ES256\",\"kid\":\"\(try TestKeys.es256.get().publicKey.thumbprint)\",\(member)}"
        let token = try TestToken.signed(header: Array(header.utf8), payload: TestToken.goodClaims.serialized)
        #expect(try TestToken.refusal(of: token) == .headerMemberNotAllowed)
    }

    @Test(
        arguments: [
            ("JWT", nil), ("jwt", nil), ("Jwt", nil), ("application/jwt", nil), ("APPLICATION/JWT", nil),
            ("at+jwt", VerificationError.typNotAllowed), ("application/at+jwt", .typNotAllowed),
            ("logout+jwt", .typNotAllowed),
            ("secevent+jwt", .typNotAllowed), ("dpop+jwt", .typNotAllowed), ("JOSE", .typNotAllowed),
            ("", .typNotAllowed),
            (" JWT", .typNotAllowed), ("JWT ", .typNotAllowed), ("JWT\\u0000", .typNotAllowed), ("JWS", .typNotAllowed),
            ("id_token", .typNotAllowed), ("ＪＷＴ", .typNotAllowed), ("oauth-id-jag+jwt", .typNotAllowed),
        ] as [(String, VerificationError?)]
    )
    func `typ is absent or says JWT (D17)`(type: String, error: VerificationError?) {
        #expect(Self.refusal(ofHeader: "{\"alg\":\"ES256\",\"typ\":\"\(type)\"}") == error)
    }

    @Test(arguments: ["null", "1", "true", "[\"JWT\"]", "{}"])
    func `typ is a string`(value: String) {
        #expect(Self.refusal(ofHeader: "{\"alg\":\"ES256\",\"typ\":\(value)}") == .typNotAllowed)
    }

    @Test(arguments: ["null", "1", "[\"a\"]", "{}", "\"\"", "false"])
    func `kid is a string that is not empty (D04)`(value: String) {
        #expect(Self.refusal(ofHeader: "{\"alg\":\"ES256\",\"kid\":\(value)}") == .keyIDInvalid)
    }

    @Test func `kid has at most 128 bytes (D04)`() {
        let keyID = String(repeating: "a", count: 128)
        #expect(Self.refusal(ofHeader: "{\"alg\":\"ES256\",\"kid\":\"\(keyID)\"}") == nil)
        #expect(Self.refusal(ofHeader: "{\"alg\":\"ES256\",\"kid\":\"\(keyID)a\"}") == .keyIDInvalid)
        let accented = String(repeating: "é", count: 65)
        #expect(Self.refusal(ofHeader: "{\"alg\":\"ES256\",\"kid\":\"\(accented)\"}") == .keyIDInvalid)
    }

    // MARK: Anything

    @Test func `random and mutated tokens never trap, and none but the original is believed`() throws {
        var random = SeededGenerator(seed: 7)
        let verifier = try TestToken.verifier()
        let seed = try TestToken.changed()
        let alphabet = Array("ABCDwxyz0189-_.".utf8)
        var parsed = 0
        for round in 0..<20_000 {
            let bytes: [UInt8]
            switch round % 4 {
            case 0:
                bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            case 1:
                bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? 0x2E
                }
            default: bytes = random.mutated(seed)
            }
            guard bytes != seed, let token = try? UnverifiedToken(parsing: bytes) else { continue }
            parsed += 1
            #expect((try? verifier.verifySignature(token)) == nil)
        }
        #expect(parsed > 100)
    }
}
