package import JOSE

/// All signing keys plus a version: one value, replaced whole by compare-and-swap, so that two processes that change
/// it at once cannot both succeed.
package struct KeyRing: Hashable, Sendable {
    /// Rises by one with every replacement; 0 is the ring that was never stored.
    package let version: Int64
    package let keys: [SigningKey]

    package init() {
        version = 0
        keys = []
    }

    init(version: Int64, keys: [SigningKey]) {
        self.version = version
        self.keys = keys
    }

    /// The one key that signs for `purpose`, if there is one.
    package func active(for purpose: KeyPurpose) -> SigningKey? {
        keys.first { $0.state == .active && $0.purpose == purpose }
    }

    /// The one key that signs tokens with `algorithm`, if there is one.
    package func active(_ algorithm: SigningAlgorithm) -> SigningKey? {
        active(for: .tokens(algorithm))
    }

    /// The published keys that may sign next for `purpose`, oldest first.
    package func standbys(for purpose: KeyPurpose) -> [SigningKey] {
        keys.filter { $0.state == .prepared && $0.purpose == purpose }
    }

    /// The published keys that may sign tokens next with `algorithm`, oldest first.
    package func standbys(_ algorithm: SigningAlgorithm) -> [SigningKey] {
        standbys(for: .tokens(algorithm))
    }

    package func key(_ kid: ByteString) -> SigningKey? {
        keys.first { $0.kid == kid }
    }

    /// The public halves by which tokens verify, in the order in which the keys were prepared.
    ///
    /// No key that signs certificates: what it signs is no token.
    package var published: JWKSet {
        JWKSet(keys.filter { $0.state.isPublished && $0.purpose != .certificates }.map(\.publicKey))
    }

    /// The certificates by which certificates verify, in the order in which the keys were prepared.
    package var publishedCertificates: [KeyCertificate] {
        keys.filter(\.state.isPublished).compactMap(\.certificate)
    }

    /// The kids that verifiers are to find, whatever they verify.
    package var publishedKids: [ByteString] {
        keys.filter(\.state.isPublished).map(\.kid)
    }

    /// The latest instant that any key's record names.
    package var newestInstant: NumericDate? {
        keys.map(\.newestInstant).max()
    }
}
