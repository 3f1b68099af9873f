// Private keys: made, kept, restored, used, never shown.

import JOSE
import TestSupport
import Testing

@Suite struct PrivateSigningKeyTests {
    static func foreign(_ text: String) throws -> [UInt8] {
        try Base64URL.decode(Array(text.utf8))
    }

    @Test(arguments: SigningAlgorithm.allCases)
    func `a restored key is the same key`(algorithm: SigningAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let restored = try PrivateSigningKey(algorithm: algorithm, pkcs8DER: key.pkcs8DER)
        #expect(restored.publicKey == key.publicKey)
        #expect(restored.pkcs8DER == key.pkcs8DER)
        #expect(restored.algorithm == algorithm)
    }

    @Test func `new keys are RSA of 2048 bits and P-256, and never the same`() throws {
        guard case .rsa(let modulus, let exponent) = try TestKeys.rs256.get().publicKey.material else {
            Issue.record("not an RSA key")
            return
        }
        #expect(modulus.count == 256)
        #expect(exponent == [1, 0, 1])
        guard case .ec(.p256, let x, let y) = try TestKeys.es256.get().publicKey.material else {
            Issue.record("not a P-256 key")
            return
        }
        #expect(x.count == 32 && y.count == 32)
        #expect(try TestKeys.es256.get().publicKey != TestKeys.otherES256.get().publicKey)
    }

    @Test func `signatures have the lengths of RFC 7518`() throws {
        #expect(try TestKeys.es256.get().signature(over: []).count == 64)
        #expect(try TestKeys.rs256.get().signature(over: []).count == 256)
    }

    @Test func `RFC 7515 A.2's key makes A.2's signature byte for byte`() throws {
        let key = try PrivateSigningKey(algorithm: .RS256, pkcs8DER: Self.foreign(ForeignKeys.rfc7515A2))
        let parts = RFC7515.a2.split(separator: ".")
        let input = Array(parts[0].utf8) + [UInt8(ascii: ".")] + Array(parts[1].utf8)
        #expect(try Base64URL.encode(key.signature(over: input)) == Array(parts[2].utf8))
        #expect(key.publicKey.material == (try RFC7515.key(RFC7515.a2Key).material))
    }

    @Test func `RFC 7515 A.3's private key has A.3's public key`() throws {
        let key = try PrivateSigningKey(algorithm: .ES256, pkcs8DER: Self.foreign(ForeignKeys.rfc7515A3))
        #expect(key.publicKey.material == (try RFC7515.key(RFC7515.a3Key).material))
    }

    @Test(arguments: [
        (SigningAlgorithm.RS256, ForeignKeys.rfc7515A3, JOSEError.invalidPrivateKey),
        (.ES256, ForeignKeys.rfc7515A2, .invalidPrivateKey),
        (.ES256, ForeignKeys.p384, .invalidPrivateKey), (.RS256, ForeignKeys.rsa1024, .invalidPrivateKey),
        (.RS256, ForeignKeys.rsaExponent3, .unfitKey(.unsuitableExponent)), (.ES256, "", .invalidPrivateKey),
        (.RS256, "", .invalidPrivateKey), (.RS256, "MAA", .invalidPrivateKey),
    ])
    func `a key of another kind or strength is refused`(
        algorithm: SigningAlgorithm,
        key: String,
        error: JOSEError
    ) throws {
        let bytes = try Self.foreign(key)
        #expect(throws: error) { try PrivateSigningKey(algorithm: algorithm, pkcs8DER: bytes) }
    }

    @Test func `mutated keys never trap`() throws {
        var random = SeededGenerator(seed: 6)
        let (ec, rsa) = (try Self.foreign(ForeignKeys.rfc7515A3), try Self.foreign(ForeignKeys.rfc7515A2))
        for round in 0..<1_000 {
            _ = try? PrivateSigningKey(algorithm: .ES256, pkcs8DER: random.mutated(ec))
            if round.isMultiple(of: 10) { _ = try? PrivateSigningKey(algorithm: .RS256, pkcs8DER: random.mutated(rsa)) }
        }
    }

    @Test(arguments: SigningAlgorithm.allCases)
    func `nothing shows a private key`(algorithm: SigningAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        var dumped = ""
        dump(key, to: &dumped)
        var dumpedInside = ""
        dump([("key", key)], to: &dumpedInside)
        #expect("\(key)" == "[redacted]")
        #expect(String(reflecting: key) == "[redacted]")
        #expect("\([key])" == "[[redacted]]")
        #expect(Mirror(reflecting: key).children.isEmpty)
        #expect(!dumped.contains("backing"))
        #expect(!dumpedInside.contains("backing"))
        #expect(!dumpedInside.contains("PrivateKey("))
    }

    @Test func `signing algorithms are ordered as published`() {
        #expect(SigningAlgorithm.allCases.sorted() == [.RS256, .ES256])
        #expect(!(SigningAlgorithm.RS256 < .RS256))
        #expect(SigningAlgorithm.allCases.map { $0.signatureAlgorithm.rawValue } == ["RS256", "ES256"])
    }
}
