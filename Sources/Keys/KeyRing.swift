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

    /// The one key that signs with `algorithm`, if there is one.
    package func active(_ algorithm: SigningAlgorithm) -> SigningKey? {
        keys.first { $0.state == .active && $0.algorithm == algorithm }
    }

    /// The published keys that may sign next with `algorithm`, oldest first.
    package func standbys(_ algorithm: SigningAlgorithm) -> [SigningKey] {
        keys.filter { $0.state == .prepared && $0.algorithm == algorithm }
    }

    package func key(_ kid: ByteString) -> SigningKey? {
        keys.first { $0.kid == kid }
    }

    /// The public halves that verifiers are to find, in the order in which the keys were prepared.
    package var published: JWKSet {
        JWKSet(keys.filter(\.state.isPublished).map(\.publicKey))
    }

    /// The kids that verifiers are to find.
    package var publishedKids: [ByteString] {
        keys.filter(\.state.isPublished).map(\.kid)
    }

    /// The latest instant that any key's record names.
    package var newestInstant: NumericDate? {
        keys.map(\.newestInstant).max()
    }
}
