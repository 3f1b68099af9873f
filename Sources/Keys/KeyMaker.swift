import JOSE

/// Makes new signing keys with their private half sealed from the first moment.
package struct KeyMaker: Sendable {
    private let sealer: any KeySealer
    private let certifier: (any KeyCertifier)?

    /// Without a `certifier` no key that signs certificates can be made.
    package init(sealer: any KeySealer, certifier: (any KeyCertifier)? = nil) {
        self.sealer = sealer
        self.certifier = certifier
    }

    /// A fresh key: RSA of 2048 bits or P-256.
    ///
    /// RSA takes about a tenth of a second: never on an event loop.
    ///
    /// - Throws: ``KeyRingError/noCertifier``, and what sealing and certifying throw.
    package func makeKey(_ purpose: KeyPurpose, preparedAt: NumericDate) throws -> SigningKey {
        let privateKey = try PrivateSigningKey.generate(purpose.algorithm)
        let certificate = try certificate(of: privateKey, for: purpose, preparedAt: preparedAt)
        let publicKey = privateKey.publicKey
        let sealed = try sealer.seal(privateKey.pkcs8DER, context: Self.context(publicKey.thumbprint))
        return SigningKey(
            publicKey: publicKey,
            purpose: purpose,
            sealed: sealed,
            certificate: certificate,
            preparedAt: preparedAt
        )
    }

    private func certificate(
        of privateKey: PrivateSigningKey,
        for purpose: KeyPurpose,
        preparedAt: NumericDate
    ) throws -> KeyCertificate? {
        guard purpose == .certificates else { return nil }
        guard let certifier else { throw KeyRingError.noCertifier }
        return try certifier.certificate(for: privateKey, preparedAt: preparedAt)
    }

    static func context(_ kid: ByteString) -> ByteString {
        "jobsworth signing key " + kid
    }
}
