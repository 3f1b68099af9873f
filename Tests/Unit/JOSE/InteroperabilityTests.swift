// Another implementation reads our tokens, and we read its. jwt-kit is not used outside the tests.

import Crypto
import CryptoExtras
import JOSE
import JWTKit
import Testing

@Suite struct InteroperabilityTests {
    struct Payload: JWTPayload {
        var iss: String
        var sub: String
        var aud: String
        var exp: Int64
        var iat: Int64
        var nbf: Int64?

        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }

    static let payload = Payload(
        iss: TestToken.issuer.string,
        sub: "repo:acme/widgets:ref:refs/heads/main",
        aud: TestToken.audience.string,
        exp: TestToken.now + 300,
        iat: TestToken.now
    )

    @Test(arguments: SigningAlgorithm.allCases)
    func `jwt-kit reads our key set and verifies our token`(algorithm: SigningAlgorithm) async throws {
        let set = JWKSet([try TestKeys.rs256.get().publicKey, try TestKeys.es256.get().publicKey])
        let collection = JWTKeyCollection()
        try await collection.add(jwksJSON: String(decoding: set.serialized, as: UTF8.self))
        let token = String(decoding: try TestToken.changed(by: algorithm), as: UTF8.self)
        let payload = try await collection.verify(token, as: Payload.self)
        #expect(payload.sub == Self.payload.sub)
        #expect(payload.exp == Self.payload.exp)
        #expect(payload.nbf == TestToken.now - 60)
        let claims = try TestToken.changed(claims: { $0["sub"] = "repo:acme/other:ref:refs/heads/main" }, by: algorithm)
        let forged =
            claims.split(separator: 0x2E)[..<2] + token.utf8.split(separator: 0x2E)[2...].map { ArraySlice($0) }
        await #expect(throws: (any Error).self) {
            try await collection.verify(
                String(decoding: Array(forged.joined(separator: [0x2E])), as: UTF8.self),
                as: Payload.self
            )
        }
    }

    @Test func `we verify jwt-kit's ES256 token`() async throws {
        let key = try P256.Signing.PrivateKey(derRepresentation: TestKeys.es256.get().pkcs8DER)
        let collection = JWTKeyCollection()
        await collection.add(ecdsa: try ECDSA.PrivateKey<P256>(backing: key), kid: "ours")
        try await expectVerified(collection, .ES256)
    }

    @Test func `we verify jwt-kit's RS256 token`() async throws {
        let collection = JWTKeyCollection()
        await collection.add(
            rsa: try Insecure.RSA.PrivateKey(backing: TestKeys.rsa()),
            digestAlgorithm: .sha256,
            kid: "ours"
        )
        try await expectVerified(collection, .RS256)
    }

    @Test func `we verify jwt-kit's RS384, RS512 and PSS tokens`() async throws {
        let key = try Insecure.RSA.PrivateKey(backing: TestKeys.rsa())
        for (digest, algorithm) in [(DigestAlgorithm.sha384, SignatureAlgorithm.RS384), (.sha512, .RS512)] {
            let collection = JWTKeyCollection()
            await collection.add(rsa: key, digestAlgorithm: digest, kid: "ours")
            try await expectVerified(collection, algorithm)
        }
        for (digest, algorithm) in [
            (DigestAlgorithm.sha256, SignatureAlgorithm.PS256), (.sha384, .PS384), (.sha512, .PS512),
        ] {
            let collection = JWTKeyCollection()
            await collection.add(pss: key, digestAlgorithm: digest, kid: "ours")
            try await expectVerified(collection, algorithm)
        }
    }

    private func expectVerified(_ collection: JWTKeyCollection, _ algorithm: SignatureAlgorithm) async throws {
        let text = try await collection.sign(Self.payload, kid: "ours")
        let key = try JOSE.JWK(material: TestKeys.material(for: algorithm), algorithm: algorithm, keyID: "ours")
        let verifier = TokenVerifier(keys: JWKSet([key]), allowed: [algorithm])
        let token = try UnverifiedToken(parsing: Array(text.utf8))
        #expect(token.algorithm == algorithm)
        let verified = try verifier.verify(
            token,
            issuer: TestToken.issuer,
            audience: TestToken.audience,
            at: TestToken.now
        )
        #expect(verified.claims["sub"] == .string(ByteString(Self.payload.sub)))
    }
}
