// Whole custodians over one store, with the faults that processes and machines have (threats G01 to G05, G14).

import JOSE
import Keys
import Synchronization
import TestSupport
import Testing

@Suite struct ReplicaTests {
    @Test(arguments: 0..<5)
    func `any order of time steps, crashes and replicas keeps the invariants`(seed: UInt64) async throws {
        var world = try await ReplicaWorld(seed: seed)
        for _ in 0..<80 where world.failures.isEmpty { try await world.step() }
        #expect(world.failures.isEmpty)
        #expect(world.verifiers.checks > 0)
        try await world.settle()
        #expect(world.failures.isEmpty)
    }
}

/// A process that serves: its custodian, its clocks, and what it serves and signs with.
private final class Replica: Sendable {
    let custodian: KeyCustodian
    let clock: ClockGuard
    private let taken: Taken

    private final class Taken: Sendable {
        let ring = Mutex<KeyRing?>(nil)

        var use: @Sendable (SigningKeys, NumericDate?) -> Void {
            { [self] keys, _ in ring.withLock { $0 = keys.ring } }
        }
    }

    init(_ store: InMemoryKeyStore, _ ledger: InMemoryRevocationLedger, serves: Bool = true) async throws {
        let taken = Taken()
        self.taken = taken
        clock = ClockGuard(trusted: try await store.trustedClock())
        custodian = KeyCustodian(
            store: store,
            sealer: try TestKeys.sealer.get(),
            ledger: ledger,
            clock: clock,
            standardRules: RotationRules(schedule: try Verifiers.schedule()),
            use: serves ? taken.use : nil
        )
    }

    var ring: KeyRing? {
        taken.ring.withLock { $0 }
    }
}

/// Three replicas and cron over one store on one machine, and whoever verifies.
///
/// Private halves are real, so that a step of RS256 takes its time: few steps, many seeds.
struct ReplicaWorld {
    private struct Seat {
        var replica: Replica
        /// What its wall clock differs by, always.
        let offset: Int64
        /// What somebody moved its wall clock by, for a while.
        var jump: Int64 = 0
        var refreshedAt: Int64
    }

    private var random: SeededGenerator
    private let store: InMemoryKeyStore
    private let ledger = InMemoryRevocationLedger()
    private var now: Int64 = 2100
    private var seats: [Seat] = []
    private var notedTransitions = 0
    private let firstVersion: Int64
    private(set) var verifiers = Verifiers()
    private var found: [String] = []

    init(seed: UInt64) async throws {
        random = SeededGenerator(seed: seed)
        let ring = try Rotations.settledRing()
        store = InMemoryKeyStore(ring)
        firstVersion = ring.version
        for offset in [-100, 0, 100] as [Int64] {
            seats.append(Seat(replica: try await Replica(store, ledger), offset: offset, refreshedAt: now))
            try await turn(seats.count - 1)
        }
    }

    var failures: [String] {
        found + verifiers.failures
    }

    mutating func step() async throws {
        let seat = Int.random(in: 0..<3, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case ..<30: advance()
        case ..<52: try await turn(seat)
        case ..<55: try await cron()
        case ..<60: try await crash(seat)
        case ..<64: seats[seat].jump = seats[seat].jump == 0 ? Int64.random(in: -86_400...86_400, using: &random) : 0
        case ..<80: try await sign(seat)
        case ..<92: fetch(seat)
        default: try await ask(seat)
        }
        try await check()
    }

    /// Undisturbed for long enough, the ring is as it should be.
    mutating func settle() async throws {
        for seat in seats.indices { seats[seat].jump = 0 }
        for _ in 0..<8 {
            now += 350
            for seat in [1, 2] { try await turn(seat) }
            try await check()
            try await sign(1)
            fetch(2)
        }
        let ring = try await store.keyRing()
        for algorithm in SigningAlgorithm.allCases {
            let active = ring.active(algorithm)?.activatedAt ?? time(0)
            expect(active >= time(now - 100 - 2000 - 350), "no key signs that was changed in time")
            let isReady = ring.standbys(algorithm).contains { key in
                key.publishedAt != nil || key.preparedAt >= time(now - 100 - 350)
            }
            expect(isReady, "no standby is published")
        }
    }

    // MARK: Events

    private mutating func advance() {
        switch Int.random(in: 0..<10, using: &random) {
        case ..<6: now += Int64.random(in: 1...60, using: &random)
        case ..<9: now += Int64.random(in: 60...300, using: &random)
        default: now += Int64.random(in: 300...2000, using: &random)
        }
    }

    private func reading(_ seat: Int) -> ClockReading {
        Rotations.reading(now + seats[seat].offset + seats[seat].jump, sinceBoot: now)
    }

    private mutating func turn(_ seat: Int) async throws {
        let outcome = try await seats[seat].replica.custodian.turn(at: reading(seat))
        seats[seat].refreshedAt = now
        let isTrusted = seats[seat].replica.clock.trusts(reading(seat))
        expect(isTrusted || outcome.transitions.isEmpty, "transitions under a moved clock")
    }

    private mutating func cron() async throws {
        _ = try await Replica(store, ledger, serves: false).custodian.turn(at: Rotations.reading(now))
    }

    /// The process dies at its next replacement, before or after the commit, or between two; another takes its seat.
    private mutating func crash(_ seat: Int) async throws {
        if Bool.random(using: &random) {
            store.breakNextReplacement(isStored: Bool.random(using: &random))
            do {
                _ = try await seats[seat].replica.custodian.turn(at: reading(seat))
            } catch is InMemoryKeyStore.Broken {}
            store.mend()
        }
        seats[seat].replica = try await Replica(store, ledger)
    }

    private mutating func sign(_ seat: Int) async throws {
        guard isFresh(seat), seats[seat].replica.clock.trusts(reading(seat)),
            let algorithm = SigningAlgorithm.allCases.randomElement(using: &random),
            let kid = seats[seat].replica.ring?.active(algorithm)?.kid
        else { return }
        let until = now + seats[seat].offset + Int64.random(in: 1...Verifiers.maximumLifetime, using: &random)
        if store.recordToken(of: kid, expiringAt: time(until)) { verifiers.accept(kid, until: until, at: now) }
    }

    private mutating func fetch(_ seat: Int) {
        guard isFresh(seat), let ring = seats[seat].replica.ring else { return }
        verifiers.fetch(ring.publishedKids, at: now)
    }

    /// Whether the replica's view is no older than it may be; one that is older stands still.
    private func isFresh(_ seat: Int) -> Bool {
        seats[seat].replica.ring != nil && now - seats[seat].refreshedAt <= Verifiers.refreshInterval
    }

    private mutating func ask(_ seat: Int) async throws {
        guard let kid = try await store.keyRing().keys.randomElement(using: &random)?.kid else { return }
        let request: KeyRequest =
            switch Int.random(in: 0..<8, using: &random) {
            case 0: .prepare([.ES256])
            case ..<4: .activateStandbys([.ES256])
            case ..<6: .activate(kid)
            case 6: .retire(kid)
            default: .revoke(kid)
            }
        // What a moved clock stamps on a revocation is another test's matter.
        if case .revoke = request, seats[seat].jump != 0 { return }
        do {
            _ = try await seats[seat].replica.custodian.perform(request, at: reading(seat))
            seats[seat].refreshedAt = now
        } catch is RotationRefusal {}
    }

    // MARK: What must hold

    private mutating func check() async throws {
        let state = try await store.rotationState()
        found += state.ring.violations.map { "at \(now): \($0)" }
        for algorithm in SigningAlgorithm.allCases {
            expect(state.ring.active(algorithm) != nil, "nothing signs with \(algorithm.rawValue)")
        }
        expect(
            store.versions.enumerated().allSatisfy { $1 == firstVersion + Int64($0) + 1 },
            "versions do not rise by one"
        )
        let transitions = store.transitions
        for transition in transitions[notedTransitions...] { note(transition, state) }
        notedTransitions = transitions.count
    }

    private mutating func note(_ transition: KeyTransition, _ state: RotationState) {
        verifiers.note(transition, at: now)
        guard let key = state.ring.key(transition.kid) else { return }
        switch (transition.verb, transition.reason) {
        case (.activate, .due), (.activate, .asked):
            let publishedAt = key.publishedAt ?? time(.max)
            expect(publishedAt.advanced(bySeconds: 600) <= key.activatedAt ?? time(0), "a key signs before its lead")
        case (.retire, _):
            guard let retiringAt = key.retiringAt, let endedAt = key.endedAt else { return }
            expect(retiringAt.advanced(bySeconds: 1100) <= endedAt, "a key is withdrawn within its grace")
            let expireBy = state.tokensExpireBy[key.kid] ?? time(0)
            expect(expireBy.advanced(bySeconds: 300) <= endedAt, "a key is withdrawn while its tokens live")
        default: break
        }
    }

    private mutating func expect(_ isTrue: Bool, _ failure: String) {
        if !isTrue { found.append("at \(now): \(failure)") }
    }
}
