package import JOSE

/// One version of the ring with its active private halves open in memory: what the issuer signs with.
///
/// It can only be made from a ring whose active keys all open and match their published halves.
package struct SigningKeys: Sendable {
    package let ring: KeyRing
    private let privateKeys: [KeyPurpose: PrivateSigningKey]

    package init(opening ring: KeyRing, with sealer: any KeySealer) throws(KeyRingError) {
        var opened: [KeyPurpose: PrivateSigningKey] = [:]
        for key in ring.keys where key.state == .active {
            opened[key.purpose] = try key.opened(with: sealer)
        }
        self.ring = ring
        self.privateKeys = opened
    }

    /// The `kid` and the private half that sign with `algorithm` now.
    package func signer(_ algorithm: SigningAlgorithm) throws(KeyRingError) -> (kid: ByteString, key: PrivateSigningKey)
    {
        try signer(for: .tokens(algorithm))
    }

    /// The `kid` and the private half that sign for `purpose` now.
    package func signer(for purpose: KeyPurpose) throws(KeyRingError) -> (kid: ByteString, key: PrivateSigningKey) {
        guard let active = ring.active(for: purpose), let key = privateKeys[purpose] else {
            throw .noActiveKey(purpose)
        }
        return (active.kid, key)
    }
}

extension SigningKey {
    /// Whether the private half opens, signs, and the published half verifies what it signed.
    package func signsVerifiably(with sealer: any KeySealer) -> Bool {
        guard let privateKey = try? opened(with: sealer) else { return false }
        let message = Array("jobsworth key drill".utf8)
        guard let signature = try? privateKey.signature(over: message) else { return false }
        return publicKey.isValid(signature, over: message, by: algorithm.signatureAlgorithm)
    }

    /// Whether the private half opens and is the half of the published key.
    func opens(with sealer: any KeySealer) -> Bool {
        (try? opened(with: sealer)) != nil
    }

    func opened(with sealer: any KeySealer) throws(KeyRingError) -> PrivateSigningKey {
        guard let sealed = sealedPrivateKey,
            let der = try? sealer.unseal(sealed, context: KeyMaker.context(kid)),
            let privateKey = try? PrivateSigningKey(algorithm: algorithm, pkcs8DER: der),
            privateKey.publicKey.thumbprint == kid
        else { throw .privateKeyUnusable(kid) }
        return privateKey
    }
}
