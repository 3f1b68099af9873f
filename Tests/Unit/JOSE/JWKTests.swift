// Keys: the RFCs' examples, our published form, and every key nobody should trust (threats D09, D12 to D14).

import JOSE
import Testing

@Suite struct JWKTests {
    /// RFC 7638 §3.1, which is also RFC 7517 A.1's second key.
    static let rsaModulus = """
        0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst\
        n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr\
        n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw
        """

    static let rsa = JSONObject([
        ("kty", "RSA"), ("n", .string(ByteString(rsaModulus))), ("e", "AQAB"), ("alg", "RS256"), ("kid", "2011-04-29"),
    ])

    /// RFC 7517 A.1's first key, less `use: enc`.
    static let ec = JSONObject([
        ("kty", "EC"), ("crv", "P-256"), ("x", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"),
        ("y", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"), ("kid", "1"),
    ])

    /// RFC 8037 A.2.
    static let ed25519 = JSONObject([
        ("kty", "OKP"), ("crv", "Ed25519"), ("x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
    ])

    static func refusal(of object: JSONObject) -> JWKError? {
        do throws(JWKError) {
            _ = try JWK(parsing: object)
            return nil
        } catch {
            return error
        }
    }

    static func changed(_ object: JSONObject, _ name: ByteString, _ value: JSONValue?) -> JSONObject {
        var changed = object
        changed[name] = value
        return changed
    }

    // MARK: The RFCs' examples

    @Test func `RFC 7638 §3.1's key has its thumbprint`() throws {
        #expect(try JWK(parsing: Self.rsa).thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    }

    @Test func `RFC 8037 A.3's key has its thumbprint`() throws {
        #expect(try JWK(parsing: Self.ed25519).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    }

    @Test func `a thumbprint depends on the required members alone`() throws {
        let plain = try JWK(parsing: Self.ec)
        var other = JSONObject(Self.ec.members.reversed().map { ($0.name, $0.value) })
        (other["kid"], other["use"], other["alg"], other["x5t"]) = ("2", "sig", "ES256", "ignored")
        #expect(try JWK(parsing: other).thumbprint == plain.thumbprint)
        // Computed with another implementation from RFC 7638 §3.2's canonical text.
        #expect(plain.thumbprint == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s")
    }

    @Test func `RFC 7517 A.1's encryption key is not for verifying`() {
        #expect(Self.refusal(of: Self.changed(Self.ec, "use", "enc")) == .unsuitableUse)
    }

    // MARK: Published form

    @Test func `an RSA key is published as kty, alg, use, kid, n, e`() throws {
        let text = String(decoding: try JWK(parsing: Self.rsa).published.serialized, as: UTF8.self)
        let start = #"{"kty":"RSA","alg":"RS256","use":"sig","kid":"2011-04-29","n":""#
        #expect(text == start + Self.rsaModulus + #"","e":"AQAB"}"#)
    }

    @Test func `an EC key is published as kty, alg, use, kid, crv, x, y`() throws {
        let key = try TestKeys.es256.get().publicKey
        let object = key.published
        #expect(object.members.map(\.name) == ["kty", "alg", "use", "kid", "crv", "x", "y"])
        #expect(object["kty"] == "EC")
        #expect(object["alg"] == "ES256")
        #expect(object["use"] == "sig")
        #expect(object["kid"] == .string(key.thumbprint))
        #expect(object["crv"] == "P-256")
        #expect(object["x"]?.stringValue?.count == 43)
        #expect(object["y"]?.stringValue?.count == 43)
    }

    @Test func `a key without a name is published under its thumbprint, one without algorithm without alg`() throws {
        let object = try JWK(parsing: Self.ed25519).published
        #expect(object.members.map(\.name) == ["kty", "use", "kid", "crv", "x"])
        #expect(object["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    }

    @Test(arguments: SigningAlgorithm.allCases)
    func `what we publish we read back as the same key`(algorithm: SigningAlgorithm) throws {
        let key = try TestKeys.key(algorithm).publicKey
        #expect(try JWK(parsing: key.published) == key)
        #expect(key.algorithm == algorithm.signatureAlgorithm)
        #expect(key.keyID == key.thumbprint)
    }

    // MARK: Kind and use

    @Test(
        arguments: [
            ("kty", nil, JWKError.missingMember("kty")), ("kty", .integer(1), .invalidMember("kty")),
            ("kty", "ec", .unsupportedKeyType), ("kty", "AKP", .unsupportedKeyType), ("kty", "", .unsupportedKeyType),
            ("kty", "oct", .symmetricKey),
            ("crv", nil, .missingMember("crv")), ("crv", "secp256k1", .unsupportedCurve),
            ("crv", "P-256K", .unsupportedCurve),
            ("crv", "p-256", .unsupportedCurve), ("crv", "Ed25519", .unsupportedCurve),
            ("crv", .null, .invalidMember("crv")),
            ("alg", "none", .unsupportedAlgorithm), ("alg", "HS256", .unsupportedAlgorithm),
            ("alg", "es256", .unsupportedAlgorithm),
            ("alg", "ECDH-ES", .unsupportedAlgorithm), ("alg", .integer(1), .invalidMember("alg")),
            ("alg", .null, .invalidMember("alg")),
            ("alg", "RS256", .algorithmMismatch), ("alg", "ES384", .algorithmMismatch),
            ("alg", "EdDSA", .algorithmMismatch),
            ("use", "enc", .unsuitableUse), ("use", "SIG", .unsuitableUse), ("use", "", .unsuitableUse),
            ("use", "jwt-svid", .unsuitableUse), ("use", .array(["sig"]), .invalidMember("use")),
            ("key_ops", .array(["encrypt"]), .unsuitableUse), ("key_ops", .array(["sign"]), .unsuitableUse),
            ("key_ops", .array([]), .unsuitableUse), ("key_ops", "verify", .invalidMember("key_ops")),
            ("key_ops", .array(["verify", .integer(1)]), .invalidMember("key_ops")),
            ("key_ops", .array(["verify", "verify"]), .invalidMember("key_ops")),
            ("key_ops", .null, .invalidMember("key_ops")),
            ("kid", .integer(1), .invalidMember("kid")), ("kid", "", .invalidMember("kid")),
            ("kid", .string(ByteString([UInt8](repeating: 0x61, count: 129))), .invalidMember("kid")),
            ("use", "sig", nil), ("key_ops", .array(["verify"]), nil), ("key_ops", .array(["sign", "verify"]), nil),
            ("alg", "ES256", nil), ("kid", nil, nil),
            ("kid", .string(ByteString([UInt8](repeating: 0x61, count: 128))), nil),
            ("x5u", "http://169.254.169.254/", nil), ("unknown", .object(JSONObject()), nil),
        ] as [(ByteString, JSONValue?, JWKError?)]
    )
    func `a key's kind and use decide (D09)`(name: ByteString, value: JSONValue?, error: JWKError?) {
        #expect(Self.refusal(of: Self.changed(Self.ec, name, value)) == error)
    }

    @Test(arguments: ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] as [ByteString])
    func `private material is refused, in every kind of key and of every type (D12)`(name: ByteString) {
        for key in [Self.ec, Self.rsa, Self.ed25519] {
            #expect(Self.refusal(of: Self.changed(key, name, "AQAB")) == .privateMaterial)
            #expect(Self.refusal(of: Self.changed(key, name, .null)) == .privateMaterial)
        }
    }

    @Test func `refusals that show a leak or a weak key are alarming`() {
        #expect(JWKError.privateMaterial.isAlarming)
        #expect(JWKError.duplicateKeyID("a").isAlarming)
        #expect(JWKError.vulnerableGenerator.isAlarming)
        #expect(!JWKError.unsupportedKeyType.isAlarming)
        #expect(!JWKError.unsuitableUse.isAlarming)
    }

    // MARK: Points (D14)

    @Test(
        arguments: [
            ("x", nil, JWKError.missingMember("x")), ("y", nil, .missingMember("y")),
            ("x", .integer(1), .invalidMember("x")),
            ("y", "", .invalidMember("y")), ("x", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4=", .invalidMember("x")),
            // The last bit, which carries nothing.
            ("x", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D5", .invalidMember("x")),
            ("x", .base64URL([UInt8](repeating: 1, count: 31)), .invalidMember("x")),
            ("x", .base64URL([UInt8](repeating: 0, count: 33)), .invalidMember("x")),
            ("y", .base64URL([UInt8](repeating: 1, count: 32)), .pointNotOnCurve),
            ("y", .base64URL([UInt8](repeating: 0, count: 32)), .pointNotOnCurve),
            // Beyond the field: no coordinate at all.
            ("x", .base64URL([UInt8](repeating: 0xFF, count: 32)), .pointNotOnCurve),
            // Right lengths for P-384 are wrong here.
            ("x", .base64URL([UInt8](repeating: 1, count: 48)), .invalidMember("x")),
        ] as [(ByteString, JSONValue?, JWKError)]
    )
    func `a point is on its curve and of full length`(name: ByteString, value: JSONValue?, error: JWKError) {
        #expect(Self.refusal(of: Self.changed(Self.ec, name, value)) == error)
    }

    @Test func `the point at infinity and another curve's point are refused`() throws {
        var zero = Self.ec
        zero["x"] = .base64URL([UInt8](repeating: 0, count: 32))
        zero["y"] = .base64URL([UInt8](repeating: 0, count: 32))
        #expect(Self.refusal(of: zero) == .pointNotOnCurve)
        #expect(Self.refusal(of: Self.changed(Self.ec, "crv", "P-384")) == .invalidMember("x"))
        #expect(Self.refusal(of: Self.changed(Self.ec, "crv", "P-521")) == .invalidMember("x"))
        // The point with the coordinates swapped.
        var swapped = Self.ec
        (swapped["x"], swapped["y"]) = (Self.ec["y"], Self.ec["x"])
        #expect(Self.refusal(of: swapped) == .pointNotOnCurve)
    }

    @Test func `an Ed25519 key has 32 bytes, and other OKP curves are not for us`() {
        #expect(Self.refusal(of: Self.ed25519) == nil)
        #expect(Self.refusal(of: Self.changed(Self.ed25519, "x", "AQAB")) == .invalidMember("x"))
        #expect(Self.refusal(of: Self.changed(Self.ed25519, "crv", "X25519")) == .unsupportedCurve)
        #expect(Self.refusal(of: Self.changed(Self.ed25519, "crv", "Ed448")) == .unsupportedCurve)
        #expect(Self.refusal(of: Self.changed(Self.ed25519, "alg", "ES256")) == .algorithmMismatch)
    }

    // MARK: RSA (D13)

    @Test(
        arguments: [
            (WeakModuli.bits1024, JWKError.unsuitableModulusSize), (WeakModuli.bits2040, .unsuitableModulusSize),
            (WeakModuli.bits2047, .unsuitableModulusSize), (WeakModuli.bits4104, .unsuitableModulusSize),
            (WeakModuli.even, .smallFactor), (WeakModuli.smallFactor, .smallFactor),
            (WeakModuli.roca, .vulnerableGenerator),
            (WeakModuli.closePrimes, .closePrimes), (WeakModuli.squareModulus, .closePrimes),
            (WeakModuli.sixtyRounds, .closePrimes),
            (WeakModuli.hundredThirtyRounds, nil), (WeakModuli.bits4096, nil),
        ] as [(String, JWKError?)]
    )
    func `weak moduli are refused`(modulus: String, error: JWKError?) {
        #expect(Self.refusal(of: Self.changed(Self.rsa, "n", .string(ByteString(modulus)))) == error)
    }

    @Test(arguments: ["AQ", "Aw", "EQ", "AQAA", "AQAC", "AQAAAQ", "", "AA", "AAAA", "AAABAAE"])
    func `an exponent other than 65537 is refused`(exponent: String) {
        #expect(Self.refusal(of: Self.changed(Self.rsa, "e", .string(ByteString(exponent)))) != nil)
    }

    @Test(arguments: [2_048, 8_192, 40_000])
    func `an oversized modulus costs nothing`(byteCount: Int) {
        let modulus = [UInt8](repeating: 0xFF, count: byteCount)
        let elapsed = ContinuousClock().measure {
            #expect(Self.refusal(of: Self.changed(Self.rsa, "n", .base64URL(modulus))) == .unsuitableModulusSize)
        }
        #expect(elapsed < .milliseconds(500))
    }

    @Test func `one leading zero byte is dropped, two are refused`() throws {
        let modulus = try Base64URL.decode(Array(Self.rsaModulus.utf8))
        let padded = try JWK(parsing: Self.changed(Self.rsa, "n", .base64URL([0] + modulus)))
        #expect(try padded == JWK(parsing: Self.rsa))
        #expect(padded.published == (try JWK(parsing: Self.rsa).published))
        #expect(Self.refusal(of: Self.changed(Self.rsa, "n", .base64URL([0, 0] + modulus))) == .invalidMember("n"))
        #expect(Self.refusal(of: Self.changed(Self.rsa, "n", .base64URL([0]))) == .invalidMember("n"))
        #expect(Self.refusal(of: Self.changed(Self.rsa, "n", "")) == .invalidMember("n"))
    }

    @Test func `material given in code is checked like material read`() throws {
        let modulus = try Base64URL.decode(Array(Self.rsaModulus.utf8))
        #expect(throws: JWKError.unsuitableModulusSize) {
            try JWK(material: .rsa(n: [0] + modulus, e: [1, 0, 1]), algorithm: nil, keyID: nil)
        }
        #expect(throws: JWKError.algorithmMismatch) {
            try JWK(material: .rsa(n: modulus, e: [1, 0, 1]), algorithm: .ES256, keyID: nil)
        }
        #expect(throws: JWKError.invalidMember("kid")) {
            try JWK(material: .rsa(n: modulus, e: [1, 0, 1]), algorithm: .RS256, keyID: "")
        }
    }
}

extension JSONValue {
    fileprivate static func base64URL(_ bytes: [UInt8]) -> JSONValue {
        .string(ByteString(Base64URL.encode(bytes)))
    }
}
