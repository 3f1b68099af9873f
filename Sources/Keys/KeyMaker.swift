package import JOSE

/// Makes new signing keys with their private half sealed from the first moment.
package struct KeyMaker: Sendable {
    private let sealer: any KeySealer

    package init(sealer: any KeySealer) {
        self.sealer = sealer
    }

    /// A fresh key: RSA of 2048 bits or P-256.
    ///
    /// RSA takes about a tenth of a second: never on an event loop.
    package func makeKey(_ algorithm: SigningAlgorithm, preparedAt: NumericDate) throws -> SigningKey {
        let privateKey = try PrivateSigningKey.generate(algorithm)
        let publicKey = privateKey.publicKey
        let sealed = try sealer.seal(privateKey.pkcs8DER, context: Self.context(publicKey.thumbprint))
        return SigningKey(publicKey: publicKey, algorithm: algorithm, sealed: sealed, preparedAt: preparedAt)
    }

    static func context(_ kid: ByteString) -> ByteString {
        "jobsworth signing key " + kid
    }
}
