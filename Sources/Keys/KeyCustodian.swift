import JOSE

/// Keeps the ring as its rules want it, and what this process signs with and serves in step with the ring.
///
/// The loop of a server, the cron command and an operator's request all come through here.
package actor KeyCustodian {
    /// A reading of the clocks is stored at least this often.
    private static let clockStorageInterval: Int64 = 600
    private let store: any KeyStore
    private let rotation: KeyRotation
    private let opener: RingOpener
    private let ledger: any RevocationLedger
    private let clock: ClockGuard
    private let standardRules: RotationRules
    /// Takes new keys into use; nil where this process serves nobody.
    private let use: (@Sendable (SigningKeys, _ nextChangeAt: NumericDate?) -> Void)?
    private let reading: (@Sendable () -> ClockReading)?
    private var usedVersion: Int64 = 0
    private var served: Set<ByteString> = []
    private var clockStoredAt: NumericDate?
    private var isChanging = false
    private var waitingToChange: [CheckedContinuation<Void, Never>] = []

    /// `certifier` is needed where the rules name ``KeyPurpose/certificates``; `standardRules` hold where the store has none yet; `reading` looks at the clocks anew once keys were made, which
    /// takes time, so that a request's answer can say since when they are published.
    package init(
        store: any KeyStore,
        sealer: any KeySealer,
        ledger: any RevocationLedger,
        clock: ClockGuard,
        standardRules: RotationRules,
        certifier: (any KeyCertifier)? = nil,
        use: (@Sendable (SigningKeys, _ nextChangeAt: NumericDate?) -> Void)? = nil,
        reading: (@Sendable () -> ClockReading)? = nil
    ) {
        self.store = store
        opener = RingOpener(sealer: sealer)
        rotation = KeyRotation(
            store: store,
            maker: KeyMaker(sealer: sealer, certifier: certifier),
            opener: opener
        )
        self.ledger = ledger
        self.clock = clock
        self.standardRules = standardRules
        self.use = use
        self.reading = reading
    }

    /// Does whatever is due, and nothing while the clock is in doubt; answers what was done and what waits.
    ///
    /// A key that is served from this turn on is noted as published by the next: its lead begins later than it might,
    /// never earlier.
    package func turn(at reading: ClockReading) async throws -> RotationOutcome {
        try await alone { custodian in
            try await custodian.turn(at: reading, servedBefore: custodian.served)
        }
    }

    /// Only what was served before `reading` was taken is noted as published then.
    private func turn(at reading: ClockReading, servedBefore: Set<ByteString>) async throws -> RotationOutcome {
        let trusted = try await isTrusted(reading)
        // What is revoked on a wrong clock must not date the ring to a time that never comes, or has long been.
        let now = clock.bestTime(at: reading)
        var transitions = try await refusingRevoked(at: now)
        guard trusted else {
            let state = try await store.rotationState()
            try take(state, at: now)
            return RotationOutcome(state: state, transitions: transitions, waits: clockWaits(state))
        }
        let outcome = try await change(at: reading.wall) { planner, state in
            planner.plan(state, served: servedBefore, at: reading.wall).steps
        }
        transitions += outcome.transitions
        try await storeClock(reading, afterChange: !outcome.transitions.isEmpty)
        return finished(outcome.state, transitions, at: reading.wall)
    }

    /// Does what an operator asks, and whatever is then due.
    ///
    /// - Throws: ``RotationRefusal`` where it would break a verifier, or where the clock is in doubt; revoking is never
    ///   refused for that.
    package func perform(_ request: KeyRequest, at reading: ClockReading) async throws -> RotationOutcome {
        try await alone { custodian in
            try await custodian.performing(request, at: reading)
        }
    }

    private func performing(_ request: KeyRequest, at reading: ClockReading) async throws -> RotationOutcome {
        let trusted = try await isTrusted(reading)
        guard trusted || request.isRevocation else { throw RotationRefusal.clockUncertain }
        let now = clock.bestTime(at: reading)
        let servedBefore = served
        let asked = try await asked(request, at: now)
        let after = try await turn(at: reading, servedBefore: servedBefore)
        let transitions = asked.transitions + after.transitions
        guard let later = self.reading, !transitions.isEmpty else {
            return RotationOutcome(state: after.state, transitions: transitions, waits: after.waits)
        }
        let noted = try await turn(at: later(), servedBefore: served)
        return RotationOutcome(
            state: noted.state,
            transitions: transitions + noted.transitions,
            waits: noted.waits
        )
    }

    private func asked(_ request: KeyRequest, at now: NumericDate) async throws -> RotationOutcome {
        guard request.isRevocation else {
            return try await change(at: now) { planner, state in try planner.steps(for: request, state, at: now) }
        }
        let first = request.revokedKeys(in: try await store.keyRing())
        let ledger = ledger
        let outcome = try await change(at: now) { planner, state in
            // Another process may act on our entries in the ledger before we can; the keys that it then made stay.
            let isDone = !first.isEmpty && first.allSatisfy { state.ring.key($0.kid)?.state == .revoked }
            let kids = isDone ? Set(first.map(\.kid)) : request.revokedKids(in: state.ring)
            let steps = try planner.revoking(kids, state, at: now)
            // The ledger first: whatever happens then, the key does not come back.
            if !kids.isEmpty { try ledger.add(Set(kids.map(Revocation.key)), at: now) }
            return steps
        }
        let ours = Set(outcome.transitions.map(\.kid))
        let theirs = first.filter { $0.state != .revoked && !ours.contains($0.kid) }
            .map { KeyTransition(.revoke, $0.kid, $0.purpose, because: .ledger) }
        return RotationOutcome(state: outcome.state, transitions: theirs + outcome.transitions)
    }

    /// Takes the stored ring into use where it is newer than `version`: somebody else has changed it, or this process
    /// has and is still on its way.
    package func refresh(after version: Int64, at reading: ClockReading) async throws {
        guard usedVersion <= version else { return }
        try take(try await store.rotationState(), at: clock.bestTime(at: reading))
    }

    private func isTrusted(_ reading: ClockReading) async throws -> Bool {
        guard clock.trusts(reading) else { return false }
        return try await store.agrees(with: reading.wall)
    }

    /// The operator's word that the clock is right as it is.
    package func acceptClock(_ reading: ClockReading) async throws {
        clock.accept(reading)
        try await store.setTrustedClock(reading)
    }

    /// Stores the clocks' reading, if it is trusted: so that drift which was accepted is known after a restart, too.
    package func keepClock(at reading: ClockReading) async throws {
        guard clock.trusts(reading) else { return }
        try await store.setTrustedClock(reading)
    }

    // MARK: - Steps

    /// One change at a time: the loop does not act on what a request has just told the ledger.
    private func alone<Value: Sendable>(
        _ body: (isolated KeyCustodian) async throws -> Value
    ) async throws -> Value {
        if isChanging {
            await withCheckedContinuation { waitingToChange.append($0) }
        }
        isChanging = true
        defer {
            isChanging = !waitingToChange.isEmpty
            if isChanging { waitingToChange.removeFirst().resume() }
        }
        return try await body(self)
    }

    private func change(
        at now: NumericDate,
        _ decide: @escaping @Sendable (RotationPlanner, RotationState) throws -> [RotationStep]
    ) async throws -> RotationOutcome {
        let standard = standardRules
        let outcome = try await rotation.change(at: now) { state in
            try decide(RotationPlanner(rules: state.rules ?? standard), state)
        }
        try take(outcome.state, at: now)
        return outcome
    }

    /// Signs with the ring's keys and serves their public halves, unless a newer ring is in use.
    private func take(_ state: RotationState, at now: NumericDate) throws {
        guard let use, state.ring.version >= usedVersion else { return }
        let keys = try opener.open(state.ring).keys
        usedVersion = state.ring.version
        use(keys, plan(state, at: now).nextChangeAt)
        served = Set(state.ring.publishedKids)
    }

    private func finished(
        _ state: RotationState,
        _ transitions: [KeyTransition],
        at now: NumericDate
    ) -> RotationOutcome {
        RotationOutcome(state: state, transitions: transitions, waits: plan(state, at: now).waits)
    }

    private func plan(_ state: RotationState, at now: NumericDate) -> RotationPlan {
        RotationPlanner(rules: state.rules ?? standardRules).plan(state, served: served, at: now)
    }

    private func storeClock(_ reading: ClockReading, afterChange isChange: Bool) async throws {
        let isOld = clockStoredAt.map { $0.advanced(bySeconds: Self.clockStorageInterval) < reading.wall } ?? true
        guard isChange || isOld else { return }
        try await store.setTrustedClock(reading)
        clockStoredAt = reading.wall
    }

    // MARK: - Revocation

    /// Revokes what the ledger names and the ring does not know to be revoked.
    private func refusingRevoked(at now: NumericDate) async throws -> [KeyTransition] {
        let revoked = Set(
            try ledger.revocations().compactMap { revocation in
                if case .key(let kid) = revocation { kid } else { nil }
            }
        )
        guard !revoked.isEmpty else { return [] }
        return try await change(at: now) { planner, state in
            let returned = state.ring.keys.filter { revoked.contains($0.kid) && $0.state != .revoked }.map(\.kid)
            return returned.isEmpty ? [] : try planner.revoking(Set(returned), state, because: .ledger, at: now)
        }.transitions
    }

    private func clockWaits(_ state: RotationState) -> [RotationWait] {
        (state.rules ?? standardRules).purposes.map { RotationWait($0, nil, .clock) }
    }
}

extension KeyRequest {
    fileprivate var isRevocation: Bool {
        switch self {
        case .revoke, .revokeAll: true
        case .prepare, .activateStandbys, .activate, .retire: false
        }
    }

    fileprivate func revokedKeys(in ring: KeyRing) -> [SigningKey] {
        let kids = revokedKids(in: ring)
        return ring.keys.filter { kids.contains($0.kid) }
    }

    fileprivate func revokedKids(in ring: KeyRing) -> Set<ByteString> {
        switch self {
        case .revoke(let kid): [kid]
        case .revokeAll: Set(ring.publishedKids)
        case .prepare, .activateStandbys, .activate, .retire: []
        }
    }
}

extension RotationPlanner {
    fileprivate func steps(
        for request: KeyRequest,
        _ state: RotationState,
        at now: NumericDate
    ) throws(RotationRefusal) -> [RotationStep] {
        switch request {
        case .prepare(let purposes): try preparing(purposes, state, at: now)
        case .activateStandbys(let purposes): try activatingStandbys(purposes, state, at: now)
        case .activate(let kid): try activating(kid, state, at: now)
        case .retire(let kid): try retiring(kid, state, at: now)
        case .revoke, .revokeAll: try revoking(request.revokedKids(in: state.ring), state, at: now)
        }
    }
}
