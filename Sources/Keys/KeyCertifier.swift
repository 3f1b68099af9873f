package import JOSE

/// Makes the certificate of a new key that is to sign certificates.
package protocol KeyCertifier: Sendable {
    /// The certificate of `privateKey`'s public half, signed by itself, good from `preparedAt`.
    func certificate(for privateKey: PrivateSigningKey, preparedAt: NumericDate) throws -> KeyCertificate
}
