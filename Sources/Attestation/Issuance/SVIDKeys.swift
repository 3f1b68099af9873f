package import JOSE
package import Keys
package import SPIFFE

/// One version of the ring as SVIDs are made with it: the authority, what signs tokens, and what verifies both.
package struct SVIDKeys: Sendable {
    package let authority: X509Authority
    /// What signs JWT-SVIDs, and under which `kid`.
    package let tokenSigner: (kid: ByteString, key: PrivateSigningKey)
    package let bundle: TrustBundle
    /// Of the ring.
    package let version: Int64

    /// - Throws: ``SVIDRefusal/unavailable`` where the ring has no key for one of the two.
    package init(
        _ keys: SigningKeys,
        trustDomain: TrustDomain,
        algorithm: SigningAlgorithm
    ) throws(SVIDRefusal) {
        guard let authority = try? X509Authority(keys, trustDomain: trustDomain),
            let signer = try? keys.signer(algorithm)
        else { throw .unavailable }
        self.authority = authority
        tokenSigner = signer
        bundle = TrustBundle(ring: keys.ring, trustDomain: trustDomain)
        version = keys.ring.version
    }
}
