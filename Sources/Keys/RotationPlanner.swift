package import JOSE

/// Decides what is to happen to the keys of a ring: state and time in, steps out.
///
/// No key signs before verifiers can know it, none is withdrawn while a token that it signed may live, and every
/// algorithm always has a published standby.
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
            return RotationPlan(waits: SigningAlgorithm.allCases.map { RotationWait($0, nil, .clock) })
        }
        var plan = RotationPlan()
        for algorithm in SigningAlgorithm.allCases {
            planSigning(algorithm, state, room: room(in: state, after: plan.steps), at: now, into: &plan)
        }
        for key in state.ring.keys where isToBeMarked(key, served) && !state.unusable.contains(key.kid) {
            plan.steps.append(RotationStep(.publish(key.kid), because: .due))
        }
        for kid in state.unusable {
            plan.steps.append(RotationStep(.retire(kid), because: .unusable))
        }
        for key in state.ring.keys where key.state == .retiring {
            let dueAt = withdrawalDueAt(key, state)
            if dueAt <= now {
                plan.steps.append(RotationStep(.retire(key.kid), because: .due))
            } else {
                plan.waits.append(RotationWait(key.algorithm, key.kid, .gracePeriod, until: dueAt))
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
        _ algorithm: SigningAlgorithm,
        _ state: RotationState,
        room: Int,
        at now: NumericDate,
        into plan: inout RotationPlan
    ) {
        let standbys = state.usableStandbys(algorithm)
        guard let active = state.ring.active(algorithm) else {
            plan.steps += replacement(algorithm, standbys, because: .noActiveKey)
            return
        }
        guard let standby = standbys.first else {
            if room > 0 {
                plan.steps.append(RotationStep(.prepare(algorithm), because: .due))
            } else {
                plan.waits.append(RotationWait(algorithm, nil, .tooManyPublished))
            }
            return
        }
        let dueAt = (active.activatedAt ?? active.preparedAt).advanced(by: rules.schedule.rotationInterval)
        if let obstacle = obstacle(to: standby, state, room: room, at: now) {
            plan.waits.append(now < dueAt ? wait(algorithm, standby.kid, .rotationInterval, dueAt) : obstacle)
        } else if now < dueAt {
            plan.waits.append(wait(algorithm, standby.kid, .rotationInterval, dueAt))
        } else {
            plan.steps += replacement(algorithm, standbys, because: .due)
        }
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
            return RotationWait(standby.algorithm, standby.kid, .notServed)
        }
        var mayAt = publishedAt.advanced(by: lead)
        for place in rules.places {
            guard let seenAt = state.sightings[place]?[standby.kid] else {
                return RotationWait(standby.algorithm, standby.kid, .notSeen(place: place))
            }
            mayAt = max(mayAt, seenAt.advanced(by: lead))
        }
        if now < mayAt { return wait(standby.algorithm, standby.kid, .publicationLead, mayAt) }
        guard room > 0 || state.usableStandbys(standby.algorithm).count > 1
        else { return RotationWait(standby.algorithm, standby.kid, .tooManyPublished) }
        return nil
    }

    /// The steps after which another key signs and a standby is published: the oldest standby, or a new key where
    /// there is none.
    func replacement(
        _ algorithm: SigningAlgorithm,
        _ standbys: [SigningKey],
        because reason: KeyTransition.Reason
    ) -> [RotationStep] {
        let next: RotationStep.Action = standbys.first.map { .activate($0.kid) } ?? .begin(algorithm)
        let steps = [RotationStep(next, because: reason)]
        return standbys.count > 1 ? steps : steps + [RotationStep(.prepare(algorithm), because: reason)]
    }

    /// When a retiring key may leave the JWK Set: by the schedule, and by the tokens that it really signed.
    func withdrawalDueAt(_ key: SigningKey, _ state: RotationState) -> NumericDate {
        let grace = (key.retiringAt ?? key.newestInstant).advanced(by: rules.schedule.gracePeriod)
        guard let expireBy = state.tokensExpireBy[key.kid] else { return grace }
        return max(grace, expireBy.advanced(by: rules.schedule.clockSkew))
    }

    private func wait(
        _ algorithm: SigningAlgorithm,
        _ kid: ByteString,
        _ cause: RotationWait.Cause,
        _ until: NumericDate
    ) -> RotationWait {
        RotationWait(algorithm, kid, cause, until: until)
    }
}
