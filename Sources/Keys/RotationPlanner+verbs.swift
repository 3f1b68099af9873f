package import JOSE

/// What operators may ask for, each refused rather than half done.
extension RotationPlanner {
    /// A further standby of each of `purposes`, by default of all.
    package func preparing(
        _ purposes: [KeyPurpose]?,
        _ state: RotationState,
        at now: NumericDate
    ) throws(RotationRefusal) -> [RotationStep] {
        let purposes = try held(purposes)
        try refuseClockBehind(state, at: now)
        guard state.ring.publishedKids.count + purposes.count <= rules.schedule.maximumPublished else {
            throw .tooManyPublished(rules.schedule.maximumPublished)
        }
        return purposes.map { RotationStep(.prepare($0), because: .asked) }
    }

    /// The oldest standby of each of `purposes`, by default of all, signs now, if verifiers can know it.
    package func activatingStandbys(
        _ purposes: [KeyPurpose]?,
        _ state: RotationState,
        at now: NumericDate
    ) throws(RotationRefusal) -> [RotationStep] {
        let state = judging(state, at: now)
        var steps: [RotationStep] = []
        for purpose in try held(purposes) {
            let standbys = state.usableStandbys(for: purpose)
            guard let standby = standbys.first else { throw .noStandby(purpose) }
            try refuseUnready(standby, state, after: steps, at: now)
            steps += replacement(purpose, standbys, because: .asked)
        }
        return steps
    }

    /// `kid` signs now, if verifiers can know it.
    package func activating(
        _ kid: ByteString,
        _ state: RotationState,
        at now: NumericDate
    ) throws(RotationRefusal) -> [RotationStep] {
        let state = judging(state, at: now)
        guard let key = state.ring.key(kid) else { throw .noSuchKey(kid) }
        guard key.state == .prepared else { throw .wrongState(kid, key.state) }
        guard !state.unusable.contains(kid) else { throw .unusable(kid) }
        try refuseUnready(key, state, after: [], at: now)
        let others = state.usableStandbys(for: key.purpose).filter { $0.kid != kid }
        let activation = RotationStep(.activate(kid), because: .asked)
        return others.isEmpty ? [activation, RotationStep(.prepare(key.purpose), because: .asked)] : [activation]
    }

    /// `kid` leaves the JWK Set, if no token can need it.
    package func retiring(
        _ kid: ByteString,
        _ state: RotationState,
        at now: NumericDate
    ) throws(RotationRefusal) -> [RotationStep] {
        try refuseClockBehind(state, at: now)
        guard let key = state.ring.key(kid) else { throw .noSuchKey(kid) }
        let retirement = RotationStep(.retire(kid), because: .asked)
        switch key.state {
        case .prepared:
            let others = state.usableStandbys(for: key.purpose).filter { $0.kid != kid }
            return others.isEmpty ? [retirement, RotationStep(.prepare(key.purpose), because: .asked)] : [retirement]
        case .retiring:
            let dueAt = withdrawalDueAt(key, state)
            guard dueAt <= now else { throw .stillNeeded(kid, until: dueAt) }
            return [retirement]
        case .active, .retired, .revoked: throw .wrongState(kid, key.state)
        }
    }

    /// Withdraws `kids` at once, whatever their age and the clock.
    ///
    /// Where one of them signed, a standby that stays takes over, or a new key where none does. The next standby is no
    /// part of it: making a key takes time.
    ///
    /// Saying it twice changes nothing more.
    package func revoking(
        _ kids: Set<ByteString>,
        _ state: RotationState,
        because reason: KeyTransition.Reason = .asked,
        at now: NumericDate
    ) throws(RotationRefusal) -> [RotationStep] {
        let state = judging(state, at: now)
        for kid in kids where state.ring.key(kid) == nil { throw .noSuchKey(kid) }
        var steps = state.ring.keys.filter { kids.contains($0.kid) && $0.state != .revoked }
            .map { RotationStep(.revoke($0.kid), because: reason) }
        for purpose in rules.purposes {
            let staying = state.usableStandbys(for: purpose).filter { !kids.contains($0.kid) }
            if let active = state.ring.active(for: purpose), kids.contains(active.kid) {
                let next: RotationStep.Action = staying.first.map { .activate($0.kid) } ?? .begin(purpose)
                steps.append(RotationStep(next, because: .revocation))
            }
        }
        return steps
    }

    private func held(_ purposes: [KeyPurpose]?) throws(RotationRefusal) -> [KeyPurpose] {
        guard let purposes else { return rules.purposes }
        for purpose in purposes where !rules.purposes.contains(purpose) { throw .notHeld(purpose) }
        return purposes
    }

    private func refuseUnready(
        _ standby: SigningKey,
        _ state: RotationState,
        after steps: [RotationStep],
        at now: NumericDate
    ) throws(RotationRefusal) {
        try refuseClockBehind(state, at: now)
        guard let wait = obstacle(to: standby, state, room: room(in: state, after: steps), at: now) else { return }
        switch wait.cause {
        case .notSeen(let place): throw .notSeen(standby.kid, place: place)
        case .notServed: throw .notServed(standby.kid)
        case .tooManyPublished: throw .tooManyPublished(rules.schedule.maximumPublished)
        case .rotationInterval, .publicationLead, .gracePeriod, .clock:
            throw .tooYoung(standby.kid, until: wait.until ?? now)
        }
    }

    private func refuseClockBehind(_ state: RotationState, at now: NumericDate) throws(RotationRefusal) {
        guard !isBehind(state.ring, now) else { throw .clockUncertain }
    }
}
