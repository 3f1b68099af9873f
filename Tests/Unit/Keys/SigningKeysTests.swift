// Private halves, opened (threats G07, G08, G21).

import JOSE
import Keys
import Testing

@Suite struct SigningKeysTests {
    @Test func `the active key signs and its published half verifies`() throws {
        let ring = try TestKeys.fullRing()
        let keys = try SigningKeys(opening: ring, with: TestKeys.sealer.get())
        for algorithm in SigningAlgorithm.allCases {
            let signer = try keys.signer(algorithm)
            #expect(signer.kid == ring.active(algorithm)?.kid)
            #expect(signer.key.algorithm == algorithm)
            let header = Base64URL.encode(
                JSONObject([("alg", .string(ByteString(algorithm.rawValue))), ("kid", .string(signer.kid))]).serialized
            )
            let input = header + Array(".e30".utf8)
            let compact = try input + Array(".".utf8) + Base64URL.encode(signer.key.signature(over: input))
            let verifier = TokenVerifier(keys: ring.published)
            #expect(try verifier.verifySignature(UnverifiedToken(parsing: compact)) == Array("{}".utf8))
        }
    }

    @Test func `the wrong sealing key is named with the key that does not open`() throws {
        let ring = try TestKeys.smallRing()
        let kid = try TestKeys.es256(0).kid
        #expect(throws: KeyRingError.privateKeyUnusable(kid)) {
            try SigningKeys(opening: ring, with: TestKeys.otherSealer.get())
        }
    }

    @Test func `the sealed half of another key cannot stand in`() throws {
        // What a thief of the store could try: move sealed bytes between rows.
        let (first, second) = (try TestKeys.es256(0), try TestKeys.es256(1))
        let swapped = SigningKey(
            publicKey: first.publicKey,
            purpose: .ES256,
            sealed: try #require(second.sealedPrivateKey),
            preparedAt: time(1)
        )
        let ring = try KeyRing().preparing(swapped).activating(first.kid, at: time(2))
        #expect(throws: KeyRingError.privateKeyUnusable(first.kid)) {
            try SigningKeys(opening: ring, with: TestKeys.sealer.get())
        }
    }

    @Test func `a private half that is not the published key's is refused even when its context is right`() throws {
        let sealer = try TestKeys.sealer.get()
        let first = try TestKeys.es256(0)
        let other = try PrivateSigningKey.generate(.ES256)
        let sealed = try sealer.seal(other.pkcs8DER, context: "jobsworth signing key " + first.kid)
        let key = SigningKey(publicKey: first.publicKey, purpose: .ES256, sealed: sealed, preparedAt: time(1))
        let ring = try KeyRing().preparing(key).activating(first.kid, at: time(2))
        #expect(throws: KeyRingError.privateKeyUnusable(first.kid)) { try SigningKeys(opening: ring, with: sealer) }
    }

    @Test func `every flipped byte of a sealed half is refused`() throws {
        let sealer = try TestKeys.sealer.get()
        let key = try TestKeys.es256(0)
        let bytes = try #require(key.sealedPrivateKey).bytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x01
            let damaged = SigningKey(
                publicKey: key.publicKey,
                purpose: .ES256,
                sealed: SealedSecret(bytes: changed),
                preparedAt: time(1)
            )
            let ring = try KeyRing().preparing(damaged).activating(key.kid, at: time(2))
            #expect(throws: KeyRingError.privateKeyUnusable(key.kid)) { try SigningKeys(opening: ring, with: sealer) }
        }
    }

    @Test func `the name of a key is its thumbprint and never comes twice`() throws {
        let maker = try TestKeys.maker()
        let keys = try (0..<200).map { _ in try maker.makeKey(.ES256, preparedAt: time(5)) }
        #expect(Set(keys.map(\.kid)).count == 200)
        #expect(keys.allSatisfy { $0.kid == $0.publicKey.thumbprint && $0.publicKey.keyID == $0.kid })
        #expect(keys.allSatisfy { $0.state == .prepared && $0.preparedAt == time(5) && $0.kid.count == 43 })
    }
}
