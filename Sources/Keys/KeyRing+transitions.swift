package import JOSE

extension KeyRing {
    /// The ring with one more key, published and not yet signing.
    package func preparing(_ key: SigningKey) throws(KeyRingError) -> KeyRing {
        guard self.key(key.kid) == nil else { throw .keyExists(key.kid) }
        guard key.state == .prepared else { throw .wrongState(key.kid, key.state) }
        return KeyRing(version: version + 1, keys: keys + [key])
    }

    /// The ring in which `kid` signs; the key of the same algorithm that signed until now retires and loses its
    /// private half.
    package func activating(_ kid: ByteString, at now: NumericDate) throws(KeyRingError) -> KeyRing {
        guard let next = key(kid) else { throw .noSuchKey(kid) }
        guard next.state == .prepared else { throw .wrongState(kid, next.state) }
        let changed = keys.map { key in
            var key = key
            if key.kid == kid {
                key.state = .active
                key.activatedAt = now
            } else if key.state == .active && key.algorithm == next.algorithm {
                key.state = .retiring
                key.retiringAt = now
                key.sealedPrivateKey = nil
            }
            return key
        }
        return KeyRing(version: version + 1, keys: changed)
    }

    /// The algorithms that lack an active key or a standby, and so cannot sign or cannot be rotated at once.
    package var incompleteAlgorithms: [SigningAlgorithm] {
        SigningAlgorithm.allCases.filter { active($0) == nil || standbys($0).isEmpty }
    }
}
