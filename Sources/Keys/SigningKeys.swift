package import JOSE

/// One version of the ring with its active private halves open in memory: what the issuer signs with.
///
/// It can only be made from a ring whose active keys all open and match their published halves.
package struct SigningKeys: Sendable {
    package let ring: KeyRing
    private let privateKeys: [SigningAlgorithm: PrivateSigningKey]

    package init(opening ring: KeyRing, with sealer: any KeySealer) throws(KeyRingError) {
        var opened: [SigningAlgorithm: PrivateSigningKey] = [:]
        for key in ring.keys where key.state == .active {
            opened[key.algorithm] = try Self.open(key, with: sealer)
        }
        self.ring = ring
        self.privateKeys = opened
    }

    /// The `kid` and the private half that sign with `algorithm` now.
    package func signer(_ algorithm: SigningAlgorithm) throws(KeyRingError) -> (kid: ByteString, key: PrivateSigningKey)
    {
        guard let active = ring.active(algorithm), let key = privateKeys[algorithm] else {
            throw .noActiveKey(algorithm)
        }
        return (active.kid, key)
    }

    private static func open(_ key: SigningKey, with sealer: any KeySealer) throws(KeyRingError) -> PrivateSigningKey {
        guard let sealed = key.sealedPrivateKey,
            let der = try? sealer.unseal(sealed, context: KeyMaker.context(key.kid)),
            let privateKey = try? PrivateSigningKey(algorithm: key.algorithm, pkcs8DER: der),
            privateKey.publicKey.thumbprint == key.kid
        else { throw .privateKeyUnusable(key.kid) }
        return privateKey
    }
}
