package import JOSE

/// A key pair with a state.
///
/// The private half is sealed; only a ``KeySealer`` opens it.
package struct SigningKey: Hashable, Sendable {
    /// The `kid`: RFC 7638 thumbprint of the public half, so it is derived and never used twice.
    package let kid: ByteString
    package let purpose: KeyPurpose
    /// Of a key that signs certificates, and of no other.
    package let certificate: KeyCertificate?
    package let publicKey: JWK
    /// The sealed private half; nil once the key can never sign again.
    package internal(set) var sealedPrivateKey: SealedSecret?
    package internal(set) var state: KeyState
    package let preparedAt: NumericDate
    /// Since when a running issuer serves the key to verifiers; the publication lead counts from here.
    package internal(set) var publishedAt: NumericDate?
    package internal(set) var activatedAt: NumericDate?
    package internal(set) var retiringAt: NumericDate?
    package internal(set) var endedAt: NumericDate?

    /// A new key, not yet served and not yet signing.
    package init(
        publicKey: JWK,
        purpose: KeyPurpose,
        sealed: SealedSecret,
        certificate: KeyCertificate? = nil,
        preparedAt: NumericDate
    ) {
        self.kid = publicKey.thumbprint
        self.purpose = purpose
        self.certificate = certificate
        self.publicKey = publicKey
        self.sealedPrivateKey = sealed
        self.state = .prepared
        self.preparedAt = preparedAt
    }

    init(
        publicKey: JWK,
        purpose: KeyPurpose,
        sealed: SealedSecret?,
        certificate: KeyCertificate?,
        state: KeyState,
        preparedAt: NumericDate,
        publishedAt: NumericDate?,
        activatedAt: NumericDate?,
        retiringAt: NumericDate?,
        endedAt: NumericDate?
    ) {
        self.kid = publicKey.thumbprint
        self.purpose = purpose
        self.certificate = certificate
        self.publicKey = publicKey
        self.sealedPrivateKey = sealed
        self.state = state
        self.preparedAt = preparedAt
        self.publishedAt = publishedAt
        self.activatedAt = activatedAt
        self.retiringAt = retiringAt
        self.endedAt = endedAt
    }

    /// What the key signs with.
    package var algorithm: SigningAlgorithm {
        purpose.algorithm
    }

    /// Whether the certificate of a key that has one is good no more at `instant`.
    func hasExpired(at instant: NumericDate) -> Bool {
        certificate.map { $0.expiresAt <= instant } ?? false
    }

    /// The latest instant that the key's record names.
    var newestInstant: NumericDate {
        [publishedAt, activatedAt, retiringAt, endedAt].compactMap(\.self).reduce(preparedAt, max)
    }
}
