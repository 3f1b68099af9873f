import JOSE

/// Changes the stored ring: load, decide, make and seal keys outside the transaction, replace expecting the version.
///
/// Any number of processes may do it at once: who loses a race reads again and decides again.
package struct KeyRotation: Sendable {
    private static let maximumAttempts = 100
    private let store: any KeyStore
    private let opener: RingOpener
    private let maker: KeyMaker

    package init(store: any KeyStore, sealer: any KeySealer, certifier: (any KeyCertifier)? = nil) {
        self.init(
            store: store,
            maker: KeyMaker(sealer: sealer, certifier: certifier),
            opener: RingOpener(sealer: sealer)
        )
    }

    init(store: any KeyStore, maker: KeyMaker, opener: RingOpener) {
        self.store = store
        self.opener = opener
        self.maker = maker
    }

    /// The state after what `decide` says was done, and the transitions that were; none where it says nothing.
    ///
    /// Nothing is touched where an active key does not open: then the sealing key is the wrong one.
    ///
    /// - Throws: What `decide` throws; ``KeyRingError/privateKeyUnusable(_:)``; ``KeyRingError/contended`` where others
    ///   were always faster.
    package func change(
        at now: NumericDate,
        _ decide: @Sendable (RotationState) throws -> [RotationStep]
    ) async throws -> RotationOutcome {
        for _ in 0..<Self.maximumAttempts {
            var state = try await store.rotationState()
            state.unusable = try opener.open(state.ring).unusable
            let steps = try decide(state)
            guard !steps.isEmpty else { return RotationOutcome(state: state, transitions: []) }
            let (next, transitions) = try applying(steps, to: state.ring, at: now)
            // Opened before it is stored: keys that don't open change nothing, and those that do sign at once.
            _ = try opener.open(next)
            let version = state.ring.version
            guard try await store.replaceKeyRing(with: next, expecting: version, recording: transitions, at: now) else {
                continue
            }
            state.ring = next
            return RotationOutcome(state: state, transitions: transitions)
        }
        throw KeyRingError.contended
    }

    private func applying(
        _ steps: [RotationStep],
        to ring: KeyRing,
        at now: NumericDate
    ) throws -> (KeyRing, [KeyTransition]) {
        var next = ring
        var transitions: [KeyTransition] = []
        for step in steps {
            next = try applying(step, to: next, at: now, noting: &transitions)
        }
        return (KeyRing(version: ring.version + 1, keys: next.trimmed.keys), transitions)
    }

    private func applying(
        _ step: RotationStep,
        to ring: KeyRing,
        at now: NumericDate,
        noting transitions: inout [KeyTransition]
    ) throws -> KeyRing {
        func note(_ verb: KeyTransition.Verb, _ kid: ByteString) {
            guard let purpose = ring.key(kid)?.purpose else { return }
            transitions.append(KeyTransition(verb, kid, purpose, because: step.reason))
        }
        switch step.action {
        case .prepare(let purpose), .begin(let purpose):
            let key = try maker.makeKey(purpose, preparedAt: now)
            transitions.append(KeyTransition(.prepare, key.kid, purpose, because: step.reason))
            let prepared = try ring.preparing(key)
            guard case .begin = step.action else { return prepared }
            transitions.append(KeyTransition(.activate, key.kid, purpose, because: step.reason))
            return try prepared.activating(key.kid, at: now)
        case .publish(let kid):
            note(.publish, kid)
            return try ring.publishing(kid, at: now)
        case .activate(let kid):
            note(.activate, kid)
            return try ring.activating(kid, at: now)
        case .retire(let kid):
            note(.retire, kid)
            return try ring.retiring(kid, at: now)
        case .revoke(let kid):
            note(.revoke, kid)
            return try ring.revoking(kid, at: now)
        }
    }
}
