// What is due, and what waits for what (threats G01, G02, G04, G05).

import JOSE
import Keys
import TestSupport
import Testing

@Suite struct RotationPlannerTests {
    private func plan(
        _ ring: KeyRing,
        at now: Int64,
        served: Set<ByteString> = [],
        places: [ByteString] = [],
        maximumPublished: Int = 10,
        _ change: (inout RotationState) throws -> Void = { _ in }
    ) throws -> RotationPlan {
        var state = RotationState(ring: ring)
        try change(&state)
        return try Rotations.planner(maximumPublished: maximumPublished, places: places)
            .plan(state, served: served, at: time(now))
    }

    private func interval(_ algorithm: SigningAlgorithm, _ ring: KeyRing, until: Int64) throws -> RotationWait {
        let standby = try #require(ring.standbys(algorithm).first)
        return RotationWait(.tokens(algorithm), standby.kid, .rotationInterval, until: time(until))
    }

    private func wait(_ index: Int, _ cause: RotationWait.Cause, until: Int64? = nil) throws -> RotationWait {
        RotationWait(.ES256, try TestKeys.es256(index).kid, cause, until: until.map(time))
    }

    // MARK: Prepare

    @Test func `where nothing ever signed, a key signs at once and another stands by`() throws {
        let plan = try plan(KeyRing(), at: 5000)
        #expect(
            plan.steps
                == KeyPurpose.allTokens.flatMap { algorithm in
                    [
                        RotationStep(.begin(algorithm), because: .noActiveKey),
                        RotationStep(.prepare(algorithm), because: .noActiveKey),
                    ]
                }
        )
        #expect(plan.waits.isEmpty)
    }

    @Test func `where no key signs, a standby does, old or young`() throws {
        let ring = try KeyRing().preparing(TestKeys.es256(0)).preparing(TestKeys.es256(1))
        let steps = try plan(ring, at: 5000).steps
        #expect(steps.contains(RotationStep(.activate(try TestKeys.es256(0).kid), because: .noActiveKey)))
        #expect(!steps.contains { $0.action == .begin(.ES256) })
        // The second stands by already.
        #expect(!steps.contains { $0.action == .prepare(.ES256) })
    }

    @Test func `an algorithm without a standby gets one, and the other is left alone`() throws {
        let full = try Rotations.settledRing()
        let ring = try full.retiring(TestKeys.es256(1).kid, at: time(2500))
        let plan = try plan(ring, at: 3000)
        #expect(plan.steps == [RotationStep(.prepare(.ES256), because: .due)])
        #expect(plan.waits == [try interval(.RS256, ring, until: 12_000)])
    }

    // MARK: Publish

    @Test func `a key counts as published only when it is served`() throws {
        let ring = try TestKeys.fullRing()
        let (one, other) = (try TestKeys.es256(1).kid, try TestKeys.rs256(1).kid)
        #expect(try plan(ring, at: 3000).steps.isEmpty)
        #expect(try plan(ring, at: 3000, served: ["another"]).steps.isEmpty)
        #expect(
            try plan(ring, at: 3000, served: [one]).steps == [RotationStep(.publish(one), because: .due)]
        )
        #expect(
            try Set(plan(ring, at: 3000, served: [one, other]).steps.map(\.action)) == [.publish(one), .publish(other)]
        )
        // Once is enough.
        let published = try ring.publishing(one, at: time(3000))
        #expect(try plan(published, at: 3001, served: [one]).steps.isEmpty)
    }

    @Test func `what is served and signs, retires or ended is not published again`() throws {
        let ring = try Rotations.rotatedRing().retiring(TestKeys.es256(0).kid, at: time(15_000))
        let steps = try plan(ring, at: 15_001, served: Set(ring.keys.map(\.kid))).steps
        #expect(!steps.contains { if case .publish = $0.action { true } else { false } })
    }

    // MARK: Activate

    @Test func `a key is changed when its time is up, not a second before`() throws {
        let ring = try Rotations.settledRing()
        let early = try plan(ring, at: 11_999)
        #expect(early.steps.isEmpty)
        #expect(
            try Set(early.waits) == [interval(.RS256, ring, until: 12_000), interval(.ES256, ring, until: 12_000)]
        )
        #expect(early.nextChangeAt == time(12_000))
        let due = try plan(ring, at: 12_000)
        #expect(
            try Set(due.steps.map(\.action)) == [
                .activate(TestKeys.es256(1).kid), .prepare(.ES256), .activate(TestKeys.rs256(1).kid), .prepare(.RS256),
            ]
        )
        #expect(due.steps.allSatisfy { $0.reason == .due })
        #expect(due.waits.isEmpty)
    }

    @Test func `no key signs before its lead is over`() throws {
        let ring = try TestKeys.smallRing().publishing(TestKeys.es256(1).kid, at: time(11_500))
        let early = try plan(ring, at: 12_499)
        #expect(!early.steps.contains { $0.action == .activate(ring.keys[1].kid) })
        #expect(early.waits == [try wait(1, .publicationLead, until: 12_500)])
        let due = try plan(ring, at: 12_500)
        #expect(due.steps.contains(RotationStep(.activate(ring.keys[1].kid), because: .due)))
    }

    @Test func `a key that no issuer ever served is never activated`() throws {
        let ring = try TestKeys.fullRing()
        for now in [12_000, 13_000, 10_000_000] as [Int64] {
            let plan = try plan(ring, at: now)
            #expect(plan.steps.isEmpty)
            #expect(plan.waits.contains(try wait(1, .notServed)))
        }
    }

    @Test func `no key signs before each place has shown it for the lead`() throws {
        let ring = try Rotations.settledRing()
        let kid = try TestKeys.es256(1).kid
        let cases: [([ByteString: [ByteString: NumericDate]], RotationWait)] = [
            ([:], try wait(1, .notSeen(place: "bucket"))),
            (["bucket": [:]], try wait(1, .notSeen(place: "bucket"))),
            (["bucket": ["another": time(1)]], try wait(1, .notSeen(place: "bucket"))),
            (["elsewhere": [kid: time(1)]], try wait(1, .notSeen(place: "bucket"))),
            (["bucket": [kid: time(3000)]], try wait(1, .notSeen(place: "web"))),
            (
                ["bucket": [kid: time(3000)], "web": [kid: time(11_500)]],
                try wait(1, .publicationLead, until: 12_500)
            ),
            (
                ["bucket": [kid: time(11_600)], "web": [kid: time(11_500)]],
                try wait(1, .publicationLead, until: 12_600)
            ),
        ]
        for (sightings, expected) in cases {
            let plan = try plan(ring, at: 12_499, places: ["bucket", "web"]) { $0.sightings = sightings }
            #expect(plan.waits.contains(expected))
            #expect(!plan.steps.contains { $0.action == .activate(kid) })
        }
        let seen = try plan(ring, at: 12_500, places: ["bucket", "web"]) {
            $0.sightings = ["bucket": [kid: time(11_500)], "web": [kid: time(3000)]]
        }
        #expect(seen.steps.contains(RotationStep(.activate(kid), because: .due)))
    }

    @Test func `of several standbys the oldest signs next, and no further one is made`() throws {
        let ring = try Rotations.settledRing()
            .preparing(TestKeys.es256(2)).publishing(TestKeys.es256(2).kid, at: time(2000))
        let actions = try plan(ring, at: 12_000).steps.map(\.action)
        #expect(actions.contains(.activate(try TestKeys.es256(1).kid)))
        #expect(!actions.contains(.activate(try TestKeys.es256(2).kid)))
        #expect(!actions.contains(.prepare(.ES256)))
    }

    // MARK: Too many

    /// Three keys of ES256 retire, the fourth signs, the fifth stands by; with RS256 seven keys are published.
    private func crowdedRing() throws -> KeyRing {
        var ring = try Rotations.settledRing()
        for index in 2...4 {
            ring = try ring.activating(TestKeys.es256(index - 1).kid, at: time(2000 + Int64(index)))
                .preparing(TestKeys.es256(index)).publishing(TestKeys.es256(index).kid, at: time(2100))
        }
        return ring
    }

    @Test func `a change that would publish too many keys waits until one is gone`() throws {
        let ring = try crowdedRing()
        #expect(ring.publishedKids.count == 7)
        let notGone: (inout RotationState) throws -> Void = { state in
            for index in 0..<3 { state.tokensExpireBy[try TestKeys.es256(index).kid] = time(50_000) }
        }
        let full = try plan(ring, at: 12_100, maximumPublished: 7, notGone)
        #expect(full.steps.isEmpty)
        #expect(full.waits.contains(try wait(4, .tooManyPublished)))
        let roomy = try plan(ring, at: 12_100, maximumPublished: 9, notGone)
        #expect(roomy.steps.contains(RotationStep(.activate(try TestKeys.es256(4).kid), because: .due)))
        // With two standbys no key is added, so there is nothing to wait for.
        let two = try ring.preparing(TestKeys.es256(5))
        #expect(
            try plan(two, at: 12_100, maximumPublished: 8, notGone).steps.map(\.action)
                == [.activate(try TestKeys.es256(4).kid)]
        )
    }

    @Test func `both algorithms together do not publish more keys than may be`() throws {
        let ring = try crowdedRing()
        let steps = try plan(ring, at: 12_100, maximumPublished: 8) { state in
            for index in 0..<3 { state.tokensExpireBy[try TestKeys.es256(index).kid] = time(50_000) }
        }.steps
        let added = steps.count { if case .prepare = $0.action { true } else { false } }
        #expect(ring.publishedKids.count + added <= 8)
    }

    // MARK: Retire

    @Test func `a retiring key leaves when its grace is over and not a second before`() throws {
        let ring = try Rotations.rotatedRing()
        let kid = try TestKeys.es256(0).kid
        let early = try plan(ring, at: 14_999)
        #expect(!early.steps.contains { $0.action == .retire(kid) })
        #expect(early.waits.contains(RotationWait(.ES256, kid, .gracePeriod, until: time(15_000))))
        #expect(early.nextChangeAt == time(15_000))
        #expect(try plan(ring, at: 15_000).steps.contains(RotationStep(.retire(kid), because: .due)))
    }

    @Test(arguments: [(14_700, 15_000), (14_701, 15_001), (20_000, 20_300), (100, 15_000)] as [(Int64, Int64)])
    func `a retiring key stays while a token that it signed may live`(expireBy: Int64, dueAt: Int64) throws {
        let ring = try Rotations.rotatedRing()
        let kid = try TestKeys.es256(0).kid
        let early = try plan(ring, at: dueAt - 1) { $0.tokensExpireBy[kid] = time(expireBy) }
        #expect(!early.steps.contains { $0.action == .retire(kid) })
        #expect(early.waits.contains(RotationWait(.ES256, kid, .gracePeriod, until: time(dueAt))))
        let due = try plan(ring, at: dueAt) { $0.tokensExpireBy[kid] = time(expireBy) }
        #expect(due.steps.contains(RotationStep(.retire(kid), because: .due)))
    }

    // MARK: The clock

    @Test func `nothing is due while the clock lies behind the ring`() throws {
        let ring = try Rotations.rotatedRing()
        for now in [11_699, 0, -5] as [Int64] {
            let plan = try plan(ring, at: now, served: Set(ring.publishedKids))
            #expect(plan.steps.isEmpty)
            #expect(plan.waits == KeyPurpose.allTokens.map { RotationWait($0, nil, .clock) })
            #expect(plan.nextChangeAt == nil)
        }
        // Clocks may differ by the skew.
        #expect(try !plan(ring, at: 11_700).waits.contains { $0.cause == .clock })
    }

    @Test func `each instant of a key's record holds the clock`() throws {
        let published = try TestKeys.fullRing().publishing(TestKeys.rs256(1).kid, at: time(90_000))
        let ended = try TestKeys.fullRing().retiring(TestKeys.rs256(1).kid, at: time(90_000))
        let revoked = try TestKeys.fullRing().revoking(TestKeys.rs256(1).kid, at: time(90_000))
        for ring in [published, ended, revoked] {
            #expect(try plan(ring, at: 89_699).waits.map(\.cause) == [.clock, .clock])
            #expect(try !plan(ring, at: 89_700).waits.contains { $0.cause == .clock })
        }
    }

    // MARK: A standby that does not open

    @Test func `a standby that can never sign is replaced`() throws {
        let ring = try TestKeys.fullRing()
        let kid = try TestKeys.es256(1).kid
        let steps = try plan(ring, at: 3000, served: [kid]) { $0.unusable = [kid] }.steps
        #expect(
            Set(steps) == [
                RotationStep(.prepare(.ES256), because: .due), RotationStep(.retire(kid), because: .unusable),
            ]
        )
    }

    @Test func `the next usable standby signs, whatever lies before it`() throws {
        let ring = try Rotations.settledRing()
            .preparing(TestKeys.es256(2)).publishing(TestKeys.es256(2).kid, at: time(2000))
        let unusable = try TestKeys.es256(1).kid
        let actions = try plan(ring, at: 12_000) { $0.unusable = [unusable] }.steps.map(\.action)
        #expect(actions.contains(.activate(try TestKeys.es256(2).kid)))
        #expect(actions.contains(.prepare(.ES256)))
        #expect(actions.contains(.retire(unusable)))
        #expect(!actions.contains(.activate(unusable)))
    }
}
