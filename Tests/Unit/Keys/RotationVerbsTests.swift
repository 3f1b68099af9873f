// What operators ask for: done whole, or refused by name (threats G01, G02, G09).

import JOSE
import Keys
import TestSupport
import Testing

@Suite struct RotationVerbsTests {
    private let both = KeyPurpose.allTokens

    private func state(
        _ ring: KeyRing,
        _ change: (inout RotationState) throws -> Void = { _ in }
    ) throws
        -> RotationState
    {
        var state = RotationState(ring: ring)
        try change(&state)
        return state
    }

    private func step(_ action: RotationStep.Action) -> RotationStep {
        RotationStep(action, because: .asked)
    }

    // MARK: Prepare

    @Test func `a further standby is made for each algorithm that was named`() throws {
        let state = try state(Rotations.settledRing())
        let planner = try Rotations.planner()
        #expect(try planner.preparing([.ES256], state, at: time(3000)) == [step(.prepare(.ES256))])
        #expect(try planner.preparing(both, state, at: time(3000)) == both.map { step(.prepare($0)) })
    }

    @Test func `no standby is made beyond what may be published`() throws {
        let ring = try Rotations.settledRing().preparing(TestKeys.es256(2))
        let planner = try Rotations.planner(maximumPublished: 6)
        #expect(try planner.preparing([.ES256], state(ring), at: time(3000)).count == 1)
        #expect(throws: RotationRefusal.tooManyPublished(6)) {
            try planner.preparing(both, state(ring), at: time(3000))
        }
        #expect(throws: RotationRefusal.tooManyPublished(6)) {
            try planner.preparing([.ES256], state(ring.preparing(TestKeys.es256(3))), at: time(3000))
        }
    }

    // MARK: Activate

    @Test func `a standby signs as soon as its lead is over, long before the interval`() throws {
        let ring = try Rotations.settledRing()
        let (first, second) = (try TestKeys.es256(1).kid, try TestKeys.rs256(1).kid)
        let planner = try Rotations.planner()
        #expect(
            try planner.activatingStandbys([.ES256], state(ring), at: time(3000))
                == [step(.activate(first)), step(.prepare(.ES256))]
        )
        #expect(
            try Set(planner.activatingStandbys(both, state(ring), at: time(3000))) == [
                step(.activate(first)), step(.prepare(.ES256)), step(.activate(second)), step(.prepare(.RS256)),
            ]
        )
        #expect(
            try planner.activating(first, state(ring), at: time(3000))
                == [step(.activate(first)), step(.prepare(.ES256))]
        )
    }

    @Test func `a standby of one's choice signs, and another that stands by stays`() throws {
        let ring = try Rotations.settledRing()
            .preparing(TestKeys.es256(2)).publishing(TestKeys.es256(2).kid, at: time(2000))
        let kid = try TestKeys.es256(2).kid
        #expect(
            try Rotations.planner().activating(kid, state(ring), at: time(3000))
                == [step(.activate(kid))]
        )
    }

    @Test func `a standby that verifiers may not know does not sign`() throws {
        let ring = try Rotations.settledRing()
        let kid = try TestKeys.es256(1).kid
        let cases: [(RotationPlanner, RotationState, Int64, RotationRefusal)] = [
            (try Rotations.planner(), try state(ring), 2999, .tooYoung(kid, until: time(3000))),
            (try Rotations.planner(), try state(TestKeys.fullRing()), 99_999, .notServed(kid)),
            (try Rotations.planner(places: ["web"]), try state(ring), 99_999, .notSeen(kid, place: "web")),
            (
                try Rotations.planner(places: ["web"]), try state(ring) { $0.sightings["web"] = [kid: time(2500)] },
                3499,
                .tooYoung(kid, until: time(3500))
            ),
            (try Rotations.planner(), try state(ring), 1699, .clockUncertain),
        ]
        for (planner, state, now, refusal) in cases {
            #expect(throws: refusal) { try planner.activatingStandbys([.ES256], state, at: time(now)) }
            #expect(throws: refusal) { try planner.activating(kid, state, at: time(now)) }
        }
    }

    @Test func `either both algorithms change their key or none does`() throws {
        let ring = try Rotations.settledRing()
        let young = try TestKeys.fullRing().publishing(TestKeys.es256(1).kid, at: time(2000))
        #expect(throws: RotationRefusal.notServed(try TestKeys.rs256(1).kid)) {
            try Rotations.planner().activatingStandbys(both, state(young), at: time(3000))
        }
        let missing = try ring.retiring(TestKeys.rs256(1).kid, at: time(2500))
        #expect(throws: RotationRefusal.noStandby(.RS256)) {
            try Rotations.planner().activatingStandbys(both, state(missing), at: time(3000))
        }
    }

    @Test func `too many published keys refuse a change that adds one`() throws {
        let ring = try Rotations.rotatedRing().activating(TestKeys.es256(2).kid, at: time(12_500))
            .preparing(TestKeys.es256(3)).publishing(TestKeys.es256(3).kid, at: time(12_500))
        #expect(ring.publishedKids.count == 6)
        #expect(throws: RotationRefusal.tooManyPublished(6)) {
            try Rotations.planner(maximumPublished: 6).activatingStandbys([.ES256], state(ring), at: time(13_500))
        }
        #expect(throws: Never.self) {
            try Rotations.planner(maximumPublished: 7).activatingStandbys([.ES256], state(ring), at: time(13_500))
        }
    }

    @Test func `both algorithms asked for at once do not publish more keys than may be`() throws {
        let ring = try Rotations.rotatedRing()
        #expect(ring.publishedKids.count == 5)
        #expect(throws: RotationRefusal.tooManyPublished(6)) {
            try Rotations.planner(maximumPublished: 6).activatingStandbys(both, state(ring), at: time(13_500))
        }
    }

    @Test func `only a standby can be activated`() throws {
        let ring = try Rotations.rotatedRing().retiring(TestKeys.es256(2).kid, at: time(12_500))
        let planner = try Rotations.planner()
        #expect(throws: RotationRefusal.noSuchKey("x")) { try planner.activating("x", state(ring), at: time(13_000)) }
        for (index, keyState) in [(0, .retiring), (1, .active), (2, .retired)] as [(Int, KeyState)] {
            let kid = try TestKeys.es256(index).kid
            #expect(throws: RotationRefusal.wrongState(kid, keyState)) {
                try planner.activating(kid, state(ring), at: time(13_000))
            }
        }
    }

    @Test func `a standby that does not open is not activated, however it is asked for`() throws {
        let ring = try Rotations.settledRing()
        let kid = try TestKeys.es256(1).kid
        let damaged = try state(ring) { $0.unusable = [kid] }
        #expect(throws: RotationRefusal.noStandby(.ES256)) {
            try Rotations.planner().activatingStandbys([.ES256], damaged, at: time(3000))
        }
        #expect(throws: RotationRefusal.self) {
            try Rotations.planner().activating(kid, damaged, at: time(3000))
        }
    }

    // MARK: Retire

    @Test func `a standby that is not wanted goes, and another takes its place`() throws {
        let kid = try TestKeys.es256(1).kid
        let ring = try Rotations.settledRing()
        #expect(
            try Rotations.planner().retiring(kid, state(ring), at: time(3000))
                == [step(.retire(kid)), step(.prepare(.ES256))]
        )
        #expect(
            try Rotations.planner().retiring(kid, state(ring.preparing(TestKeys.es256(2))), at: time(3000))
                == [step(.retire(kid))]
        )
    }

    @Test(arguments: [(nil, 15_000), (14_700, 15_000), (14_701, 15_001), (30_000, 30_300)] as [(Int64?, Int64)])
    func `a retiring key goes when no token can need it, not a second before`(expireBy: Int64?, dueAt: Int64) throws {
        let kid = try TestKeys.es256(0).kid
        let state = try state(Rotations.rotatedRing()) { $0.tokensExpireBy[kid] = expireBy.map(time) }
        #expect(throws: RotationRefusal.stillNeeded(kid, until: time(dueAt))) {
            try Rotations.planner().retiring(kid, state, at: time(dueAt - 1))
        }
        #expect(try Rotations.planner().retiring(kid, state, at: time(dueAt)) == [step(.retire(kid))])
    }

    @Test func `no other key can be retired`() throws {
        let planner = try Rotations.planner()
        let ring = try Rotations.rotatedRing().retiring(TestKeys.es256(2).kid, at: time(12_500))
            .revoking(TestKeys.es256(0).kid, at: time(12_500))
        #expect(throws: RotationRefusal.noSuchKey("x")) { try planner.retiring("x", state(ring), at: time(13_000)) }
        for (index, keyState) in [(0, .revoked), (1, .active), (2, .retired)] as [(Int, KeyState)] {
            let kid = try TestKeys.es256(index).kid
            #expect(throws: RotationRefusal.wrongState(kid, keyState)) {
                try planner.retiring(kid, state(ring), at: time(99_999))
            }
        }
    }

    @Test func `nothing but a revocation is done while the clock lies behind the ring`() throws {
        let state = try state(Rotations.rotatedRing())
        let planner = try Rotations.planner()
        let standby = try TestKeys.es256(2).kid
        #expect(throws: RotationRefusal.clockUncertain) { try planner.preparing(both, state, at: time(11_699)) }
        #expect(throws: RotationRefusal.clockUncertain) { try planner.activating(standby, state, at: time(11_699)) }
        #expect(throws: RotationRefusal.clockUncertain) { try planner.retiring(standby, state, at: time(11_699)) }
        #expect(throws: Never.self) { try planner.revoking([standby], state, at: time(3000)) }
    }

    // MARK: Revoke

    private func revoking(_ indices: [Int], _ ring: KeyRing) throws -> [RotationStep] {
        try Rotations.planner().revoking(Set(indices.map { try TestKeys.es256($0).kid }), state(ring), at: time(3000))
    }

    private func activation(_ index: Int) throws -> RotationStep {
        RotationStep(.activate(try TestKeys.es256(index).kid), because: .revocation)
    }

    private func revocation(_ index: Int) throws -> RotationStep {
        step(.revoke(try TestKeys.es256(index).kid))
    }

    @Test func `the standby takes over from a revoked key, old or young, served or not`() throws {
        for ring in [try Rotations.settledRing(), try TestKeys.fullRing()] {
            #expect(try revoking([0], ring) == [revocation(0), activation(1)])
        }
    }

    @Test func `a new key signs at once where no standby is left`() throws {
        let ring = try Rotations.settledRing()
        let begin = RotationStep(.begin(.ES256), because: .revocation)
        #expect(
            try revoking([0], ring.retiring(TestKeys.es256(1).kid, at: time(2500))) == [revocation(0), begin]
        )
        #expect(try revoking([0, 1], ring) == [revocation(0), revocation(1), begin])
        let damaged = try state(ring) { $0.unusable = [ring.standbys(.ES256)[0].kid] }
        #expect(
            try Rotations.planner().revoking([TestKeys.es256(0).kid], damaged, at: time(3000)) == [
                revocation(0), begin,
            ]
        )
    }

    @Test func `of two standbys the one that stays takes over`() throws {
        let ring = try Rotations.settledRing().preparing(TestKeys.es256(2))
        #expect(try revoking([0], ring) == [revocation(0), activation(1)])
        #expect(try revoking([0, 1], ring) == [revocation(0), revocation(1), activation(2)])
    }

    @Test func `what does not sign is revoked and nothing else happens`() throws {
        let ring = try Rotations.rotatedRing()
        #expect(try revoking([2], ring) == [revocation(2)])
        #expect(try revoking([0], ring) == [revocation(0)])
        #expect(try revoking([0], ring.retiring(TestKeys.es256(0).kid, at: time(15_000))) == [revocation(0)])
    }

    @Test func `revoking twice changes nothing more`() throws {
        let ring = try Rotations.settledRing()
        let revoked = try ring.revoking(TestKeys.es256(0).kid, at: time(2500))
            .activating(TestKeys.es256(1).kid, at: time(2500))
        #expect(try revoking([0], revoked).isEmpty)
        #expect(try revoking([0, 1], revoked).first == revocation(1))
    }

    @Test func `all at once leaves a new key of each algorithm`() throws {
        let ring = try Rotations.settledRing()
        let steps = try Rotations.planner().revoking(Set(ring.publishedKids), state(ring), at: time(3000))
        #expect(Set(steps.prefix(4).map(\.action)) == Set(ring.publishedKids.map { .revoke($0) }))
        #expect(steps.dropFirst(4).map(\.action) == both.map { .begin($0) })
    }

    @Test func `a key that is not there is not revoked, and none beside it`() throws {
        let ring = try Rotations.settledRing()
        #expect(throws: RotationRefusal.noSuchKey("x")) {
            try Rotations.planner().revoking(["x", TestKeys.es256(0).kid], state(ring), at: time(3000))
        }
    }
}
