import JOSE

/// Brings a ring to the least that an issuer needs: for every algorithm one active key and one published standby.
///
/// The first key of an algorithm may sign at once: no verifier can hold an older set that lacks it.
package struct KeyRingBootstrap: Sendable {
    private let store: any KeyStore
    private let maker: KeyMaker

    package init(store: any KeyStore, maker: KeyMaker) {
        self.store = store
        self.maker = maker
    }

    /// The complete ring as stored.
    ///
    /// Safe to run in several processes at once: who loses the race reads again.
    package func completeRing(at now: NumericDate) async throws -> KeyRing {
        while true {
            let ring = try await store.keyRing()
            let missing = ring.incompleteAlgorithms
            if missing.isEmpty { return ring }
            let complete = try completing(ring, missing, at: now)
            if try await store.replaceKeyRing(with: complete, expecting: ring.version) { return complete }
        }
    }

    private func completing(_ ring: KeyRing, _ missing: [SigningAlgorithm], at now: NumericDate) throws -> KeyRing {
        var next = ring
        for algorithm in missing {
            if next.active(algorithm) == nil {
                let first = try next.standbys(algorithm).first ?? maker.makeKey(algorithm, preparedAt: now)
                if next.key(first.kid) == nil { next = try next.preparing(first) }
                next = try next.activating(first.kid, at: now)
            }
            if next.standbys(algorithm).isEmpty {
                next = try next.preparing(maker.makeKey(algorithm, preparedAt: now))
            }
        }
        return KeyRing(version: ring.version + 1, keys: next.keys)
    }
}
