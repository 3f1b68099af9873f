// Key sets: one bad key spoils itself and nothing else (threats D10 to D12).

import JOSE
import TestSupport
import Testing

@Suite struct JWKSetTests {
    static func document(_ keys: [JSONValue]) -> [UInt8] {
        JSONObject([("keys", .array(keys))]).serialized
    }

    static func named(_ keyID: JSONValue?, _ key: JSONObject = JWKTests.ec) -> JSONValue {
        .object(JWKTests.changed(key, "kid", keyID))
    }

    @Test func `what we publish is one member called keys, and reads back`() throws {
        let keys = [try TestKeys.rs256.get().publicKey, try TestKeys.es256.get().publicKey]
        let set = JWKSet(keys)
        let text = String(decoding: set.serialized, as: UTF8.self)
        #expect(text.hasPrefix(#"{"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":""#))
        #expect(text.hasSuffix("\"}]}"))
        #expect(set.serialized == Self.document(keys.map { .object($0.published) }))
        #expect(try JWKSet(parsing: set.serialized) == set)
        #expect(JWKSet([]).serialized == Array(#"{"keys":[]}"#.utf8))
    }

    @Test func `RFC 7517 A.1's set has one key for us`() throws {
        let set = try JWKSet(
            parsing: Self.document([.object(JWKTests.changed(JWKTests.ec, "use", "enc")), .object(JWKTests.rsa)])
        )
        #expect(set.keys == [try JWK(parsing: JWKTests.rsa)])
        #expect(set.rejected == [RejectedJWK(position: 0, keyID: "1", error: .unsuitableUse)])
    }

    @Test func `what is not understood is left out and the rest is used (D11)`() throws {
        let others: [JSONValue] = [
            .null, .integer(5), "key", .array([]), .bool(true), .object(JSONObject()),
            .object(JSONObject([("kty", "AKP"), ("alg", "ML-DSA-65"), ("pub", "AAAA"), ("kid", "pq")])),
            .object(JWKTests.changed(JWKTests.ec, "crv", "secp256k1")),
            .object(
                JSONObject([("kty", "OKP"), ("crv", "X25519"), ("x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")])
            ),
            .object(JWKTests.changed(JWKTests.rsa, "e", "Aw")),
        ]
        let set = try JWKSet(parsing: Self.document(others + [Self.named("good")] + others))
        #expect(set.keys.map(\.keyID) == ["good"])
        #expect(set.rejected.count == 2 * others.count)
        #expect(
            set.rejected.prefix(6).map(\.error) == Array(repeating: .notAnObject, count: 5) + [.missingMember("kty")]
        )
        #expect(set.rejected.first { $0.keyID == "pq" }?.error == .unsupportedKeyType)
    }

    @Test func `keys of one kid are all left out, in either order (D10)`() throws {
        let first = Self.named("same", JWKTests.ec)
        let second = Self.named("same", JWKTests.rsa)
        for keys in [[first, second], [second, first], [first, Self.named("other"), first]] {
            let set = try JWKSet(parsing: Self.document(keys))
            #expect(!set.keys.contains { $0.keyID == "same" })
            #expect(set.rejected.map(\.error) == [.duplicateKeyID("same"), .duplicateKeyID("same")])
            #expect(set.keys.count == keys.count - 2)
        }
    }

    @Test func `duplicate names are dropped from sets made in code as well`() throws {
        let key = try JWK(parsing: JWKTests.ec)
        #expect(JWKSet([key, key]).keys.isEmpty)
        #expect(JWKSet([key, key]).rejected.count == 2)
    }

    @Test func `names that differ in bytes are different, and keys without a name are no duplicates`() throws {
        let set = try JWKSet(
            parsing: Self.document([Self.named("\u{E9}"), Self.named("e\u{301}"), Self.named(nil), Self.named(nil)])
        )
        #expect(set.keys.count == 4)
    }

    @Test func `a key that is not understood may share a kid (RFC 7517 §4.5)`() throws {
        let other = JSONValue.object(JSONObject([("kty", "AKP"), ("kid", "same")]))
        #expect(try JWKSet(parsing: Self.document([other, Self.named("same")])).keys.count == 1)
    }

    @Test func `a leaked private key is left out, and takes the public key of its kid with it (D12)`() throws {
        let leaked = JSONValue.object(JWKTests.changed(JWKTests.changed(JWKTests.ec, "kid", "leaked"), "d", "AQAB"))
        let set = try JWKSet(parsing: Self.document([Self.named("leaked"), leaked, Self.named("good")]))
        #expect(set.keys.map(\.keyID) == ["good"])
        #expect(set.rejected.map(\.error) == [.duplicateKeyID("leaked"), .privateMaterial])
        let secret = JSONValue.object(JSONObject([("kty", "oct"), ("k", "AQAB"), ("kid", "s")]))
        #expect(try JWKSet(parsing: Self.document([secret])).rejected.map(\.error) == [.symmetricKey])
    }

    @Test(arguments: [
        ("", JOSEError.unreadableKeySet(.malformed(offset: 0))), ("[]", .malformedKeySet), ("{}", .malformedKeySet),
        ("null", .malformedKeySet), (#"{"keys":{}}"#, .malformedKeySet), (#"{"keys":null}"#, .malformedKeySet),
        (#"{"Keys":[]}"#, .malformedKeySet), (#"{"keys":[],"keys":[]}"#, .unreadableKeySet(.duplicateMember("keys"))),
        (#"{"keys":[]},"#, .unreadableKeySet(.malformed(offset: 11))),
        (#"{"keys":[{"kid":"a","kid":"b"}]}"#, .unreadableKeySet(.duplicateMember("kid"))),
    ])
    func `a document that is no key set is an error`(text: String, error: JOSEError) {
        #expect(throws: error) { try JWKSet(parsing: Array(text.utf8)) }
    }

    @Test func `other members beside keys are ignored`() throws {
        let set = try JWKSet(parsing: Array(#"{"issuer":"x","keys":[],"spiffe_sequence":1}"#.utf8))
        #expect(set.keys.isEmpty)
    }

    @Test func `keys and bytes are bounded`() throws {
        #expect(try JWKSet(parsing: Self.document(Array(repeating: .null, count: 100))).rejected.count == 100)
        #expect(throws: JOSEError.tooManyKeys) {
            try JWKSet(parsing: Self.document(Array(repeating: .null, count: 101)))
        }
        #expect(throws: JOSEError.tooManyKeys) {
            try JWKSet(parsing: Self.document(Array(repeating: .null, count: 300)))
        }
        let padding = [UInt8](repeating: 0x20, count: 262_144 - 11)
        #expect(try JWKSet(parsing: Array(#"{"keys":[]}"#.utf8) + padding).keys.isEmpty)
        #expect(throws: JOSEError.unreadableKeySet(.tooLarge)) {
            try JWKSet(parsing: Array(#"{"keys":[]}"#.utf8) + padding + [0x20])
        }
    }

    @Test func `random and mutated sets never trap`() throws {
        var random = SeededGenerator(seed: 5)
        let seed = Self.document([
            .object(JWKTests.ec), .object(JWKTests.ed25519), .object(JSONObject([("kty", "oct")])),
        ])
        let rsaSeed = Self.document([.object(JWKTests.rsa)])
        var usable = 0
        for round in 0..<20_000 {
            let bytes: [UInt8]
            switch round % 20 {
            case 0: bytes = random.mutated(rsaSeed)
            case 1..<5:
                bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            default: bytes = random.mutated(seed)
            }
            guard let set = try? JWKSet(parsing: bytes) else { continue }
            usable += set.keys.count
            #expect(try JWKSet(parsing: set.serialized).keys.count == set.keys.count)
        }
        #expect(usable > 1_000)
    }
}
