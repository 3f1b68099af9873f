package import JOSE

extension KeyRing {
    /// How many retired keys the ring remembers; the audit log remembers all.
    private static let maximumRetired = 32

    /// The ring with one more key, not yet served and not yet signing.
    package func preparing(_ key: SigningKey) throws(KeyRingError) -> KeyRing {
        guard self.key(key.kid) == nil else { throw .keyExists(key.kid) }
        guard key.state == .prepared else { throw .wrongState(key.kid, key.state) }
        return KeyRing(version: version + 1, keys: keys + [key])
    }

    /// The ring in which a prepared `kid` is known to be served since `now`.
    package func publishing(_ kid: ByteString, at now: NumericDate) throws(KeyRingError) -> KeyRing {
        try changing(kid, from: [.prepared]) { key in
            key.publishedAt = key.publishedAt ?? now
        }
    }

    /// The ring in which `kid` signs; the key of the same purpose that signed until now retires and loses its
    /// private half.
    package func activating(_ kid: ByteString, at now: NumericDate) throws(KeyRingError) -> KeyRing {
        let next = try changing(kid, from: [.prepared]) { key in
            key.state = .active
            key.activatedAt = now
        }
        let purpose = next.key(kid)?.purpose
        let keys = next.keys.map { key in
            guard key.kid != kid, key.state == .active, key.purpose == purpose else { return key }
            var key = key
            key.state = .retiring
            key.retiringAt = now
            key.sealedPrivateKey = nil
            return key
        }
        return KeyRing(version: next.version, keys: keys)
    }

    /// The ring in which `kid` is published no more: one that retired and has no live tokens, or one that never signed.
    package func retiring(_ kid: ByteString, at now: NumericDate) throws(KeyRingError) -> KeyRing {
        try changing(kid, from: [.prepared, .retiring]) { key in
            key.state = .retired
            key.endedAt = now
            key.sealedPrivateKey = nil
        }
    }

    /// The ring in which `kid` is withdrawn because of compromise, whatever it did before.
    package func revoking(_ kid: ByteString, at now: NumericDate) throws(KeyRingError) -> KeyRing {
        try changing(kid, from: [.prepared, .active, .retiring, .retired]) { key in
            key.state = .revoked
            key.endedAt = now
            key.sealedPrivateKey = nil
        }
    }

    /// The ring as a restored store begins with it: of a version above any that was seen, and with standbys that are
    /// not known to be published.
    package func restarted(above version: Int64) -> KeyRing {
        guard self.version > 0 else { return self }
        let keys = keys.map { key in
            var key = key
            if key.state == .prepared { key.publishedAt = nil }
            return key
        }
        return KeyRing(version: max(self.version, version) + 1, keys: keys)
    }

    /// The ring whose private halves `old` sealed, sealed by `new`.
    package func resealed(from old: any KeySealer, to new: any KeySealer) throws -> KeyRing {
        let keys = try keys.map { key in
            guard let sealed = key.sealedPrivateKey else { return key }
            var key = key
            let context = KeyMaker.context(key.kid)
            key.sealedPrivateKey = try new.seal(old.unseal(sealed, context: context), context: context)
            return key
        }
        return KeyRing(version: version + 1, keys: keys)
    }

    /// The ring that remembers the newest of the retired keys only; revoked ones it never forgets.
    var trimmed: KeyRing {
        let retired = keys.filter { $0.state == .retired }
        let forgotten = Set(
            retired.sorted { $0.newestInstant < $1.newestInstant }.dropLast(Self.maximumRetired).map(\.kid)
        )
        return KeyRing(version: version, keys: keys.filter { !forgotten.contains($0.kid) })
    }

    private func changing(
        _ kid: ByteString,
        from states: Set<KeyState>,
        _ change: (inout SigningKey) -> Void
    ) throws(KeyRingError) -> KeyRing {
        guard let key = key(kid) else { throw .noSuchKey(kid) }
        guard states.contains(key.state) else { throw .wrongState(kid, key.state) }
        var changed = key
        change(&changed)
        return KeyRing(version: version + 1, keys: keys.map { $0.kid == kid ? changed : $0 })
    }
}
