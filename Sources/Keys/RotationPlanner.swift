package import JOSE

/// Decides what is to happen to the keys of a ring: state and time in, steps out.
///
/// No key signs before verifiers can know it, none is withdrawn while a token that it signed may live, and every
/// purpose always has a published standby.
package struct RotationPlanner: Sendable {
    let rules: RotationRules

    package init(rules: RotationRules) {
        self.rules = rules
    }

    /// What is due at `now` for a process that serves the keys `served`.
    ///
    /// Where the clock lies behind the ring's own instants, nothing is.
    package func plan(_ state: RotationState, served: Set<ByteString>, at now: NumericDate) -> RotationPlan {
        guard !isBehind(state.ring, now) else {
            return RotationPlan(waits: rules.purposes.map { RotationWait($0, nil, .clock) })
        }
        let unopened = state.unusable
        let state = judging(state, at: now)
        var plan = RotationPlan()
        for purpose in rules.purposes {
            planSigning(purpose, state, room: room(in: state, after: plan.steps), at: now, into: &plan)
        }
        let passed = state.unusable.union(plan.steps.compactMap(\.activated))
        for key in state.ring.keys where isToBeMarked(key, served) && !passed.contains(key.kid) {
            plan.steps.append(RotationStep(.publish(key.kid), because: .due))
        }
        for kid in state.unusable {
            plan.steps.append(
                RotationStep(.retire(kid), because: unopened.contains(kid) ? .unusable : .certificateExpired)
            )
        }
        for key in state.ring.keys where key.state == .retiring {
            let dueAt = withdrawalDueAt(key, state)
            if dueAt <= now {
                plan.steps.append(RotationStep(.retire(key.kid), because: .due))
            } else {
                plan.waits.append(RotationWait(key.purpose, key.kid, .gracePeriod, until: dueAt))
            }
        }
        return plan
    }

    /// Whether the clock says a time before one that the ring already saw, by more than clocks may differ.
    func isBehind(_ ring: KeyRing, _ now: NumericDate) -> Bool {
        guard let newest = ring.newestInstant else { return false }
        return now.advanced(by: rules.schedule.clockSkew) < newest
    }

    /// Whether verifiers are served a key of which the ring does not say so yet.
    private func isToBeMarked(_ key: SigningKey, _ served: Set<ByteString>) -> Bool {
        key.state == .prepared && key.publishedAt == nil && served.contains(key.kid)
    }

    private func planSigning(
        _ purpose: KeyPurpose,
        _ state: RotationState,
        room: Int,
        at now: NumericDate,
        into plan: inout RotationPlan
    ) {
        let standbys = state.usableStandbys(for: purpose)
        guard let active = state.ring.active(for: purpose) else {
            plan.steps += replacement(purpose, standbys, because: .noActiveKey)
            return
        }
        guard !active.hasExpired(at: now) else {
            plan.steps += replacement(purpose, standbys, because: .certificateExpired)
            return
        }
        guard let standby = standbys.first else {
            if room > 0 {
                plan.steps.append(RotationStep(.prepare(purpose), because: .due))
            } else {
                plan.waits.append(RotationWait(purpose, nil, .tooManyPublished))
            }
            return
        }
        let dueAt = rotationDueAt(active)
        if let obstacle = obstacle(to: standby, state, room: room, at: now) {
            plan.waits.append(now < dueAt ? wait(purpose, standby.kid, .rotationInterval, dueAt) : obstacle)
        } else if now < dueAt {
            plan.waits.append(wait(purpose, standby.kid, .rotationInterval, dueAt))
        } else {
            plan.steps += replacement(purpose, standbys, because: .due)
        }
    }

    /// When another key is to sign: by the schedule, and early enough that all that the key signs lives as long as it
    /// might.
    private func rotationDueAt(_ active: SigningKey) -> NumericDate {
        let dueAt = (active.activatedAt ?? active.preparedAt).advanced(by: rules.schedule.rotationInterval)
        guard let expiresAt = active.certificate?.expiresAt else { return dueAt }
        return min(dueAt, expiresAt.advanced(by: .zero - rules.schedule.gracePeriod))
    }

    /// The state in which standbys whose certificate does not outlive a grace period can't sign either.
    func judging(_ state: RotationState, at now: NumericDate) -> RotationState {
        let least = now.advanced(by: rules.schedule.gracePeriod)
        let expiring = state.ring.keys.filter { $0.state == .prepared && $0.hasExpired(at: least) }.map(\.kid)
        var state = state
        state.unusable.formUnion(expiring)
        return state
    }

    /// Where verifiers must have seen the key: the places hold the JWK Set, in which no certificate's key is.
    private func places(of key: SigningKey) -> [ByteString] {
        key.purpose == .certificates ? [] : rules.places
    }

    /// How many more keys may be published once `steps` were done.
    func room(in state: RotationState, after steps: [RotationStep]) -> Int {
        let added = steps.count { step in
            switch step.action {
            case .prepare, .begin: true
            case .publish, .activate, .retire, .revoke: false
            }
        }
        return rules.schedule.maximumPublished - state.ring.publishedKids.count - added
    }

    /// What keeps a standby from signing, where `room` more keys may be published.
    func obstacle(
        to standby: SigningKey,
        _ state: RotationState,
        room: Int,
        at now: NumericDate
    ) -> RotationWait? {
        let lead = rules.schedule.publicationLead
        guard let publishedAt = standby.publishedAt else {
            return RotationWait(standby.purpose, standby.kid, .notServed)
        }
        var mayAt = publishedAt.advanced(by: lead)
        for place in places(of: standby) {
            guard let seenAt = state.sightings[place]?[standby.kid] else {
                return RotationWait(standby.purpose, standby.kid, .notSeen(place: place))
            }
            mayAt = max(mayAt, seenAt.advanced(by: lead))
        }
        if now < mayAt { return wait(standby.purpose, standby.kid, .publicationLead, mayAt) }
        guard room > 0 || state.usableStandbys(for: standby.purpose).count > 1
        else { return RotationWait(standby.purpose, standby.kid, .tooManyPublished) }
        return nil
    }

    /// The steps after which another key signs and a standby is published: the oldest standby, or a new key where
    /// there is none.
    func replacement(
        _ purpose: KeyPurpose,
        _ standbys: [SigningKey],
        because reason: KeyTransition.Reason
    ) -> [RotationStep] {
        let next: RotationStep.Action = standbys.first.map { .activate($0.kid) } ?? .begin(purpose)
        let steps = [RotationStep(next, because: reason)]
        return standbys.count > 1 ? steps : steps + [RotationStep(.prepare(purpose), because: reason)]
    }

    /// When a retiring key may leave the JWK Set: by the schedule, and by the tokens that it really signed.
    func withdrawalDueAt(_ key: SigningKey, _ state: RotationState) -> NumericDate {
        let grace = (key.retiringAt ?? key.newestInstant).advanced(by: rules.schedule.gracePeriod)
        guard let expireBy = state.tokensExpireBy[key.kid] else { return grace }
        return max(grace, expireBy.advanced(by: rules.schedule.clockSkew))
    }

    private func wait(
        _ purpose: KeyPurpose,
        _ kid: ByteString,
        _ cause: RotationWait.Cause,
        _ until: NumericDate
    ) -> RotationWait {
        RotationWait(purpose, kid, cause, until: until)
    }
}
