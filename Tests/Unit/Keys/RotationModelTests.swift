// The planner in a world of replicas, clocks that differ, crashes and caches: no order of events breaks a verifier
// (threats G01 to G05).

import JOSE
import Keys
import TestSupport
import Testing

@Suite struct RotationModelTests {
    @Test(arguments: 0..<40)
    func `any order of events keeps every token verifiable`(seed: UInt64) throws {
        var model = try RotationModel(seed: seed, places: seed % 3 == 0 ? ["web"] : [])
        for _ in 0..<300 {
            try model.step()
            guard model.failures.isEmpty, model.hasKeys else { break }
        }
        #expect(model.failures.isEmpty)
        try model.settle()
        #expect(model.failures.isEmpty)
        #expect(model.verifiers.checks > 0)
    }

    @Test func `a copy that is kept for longer than it may be is found out`() throws {
        var isFound = false
        for seed in 0..<40 where !isFound {
            var model = try RotationModel(seed: UInt64(seed), places: [], keeping: 2500)
            for _ in 0..<300 where model.failures.isEmpty && model.hasKeys { try model.step() }
            isFound = model.failures.contains { $0.contains("lacks") }
        }
        #expect(isFound)
    }
}

/// One ring, three replicas whose clocks differ by what may be, and whoever verifies.
///
/// Keys are stand-ins: the planner never looks into one.
struct RotationModel {
    private struct Replica {
        let offset: Int64
        /// What it serves and signs with; nil while it is down.
        var ring: KeyRing?
        var refreshedAt: Int64 = 0
    }

    private static let standIns = Result {
        try (0..<500).map { _ in try PrivateSigningKey.generate(.ES256).publicKey }
    }

    /// As long as a key waits, signs and retires.
    private static let certificateLifetime: Int64 = 600 + 2 * 2000 + 1100

    private let rules: RotationRules
    private var random: SeededGenerator
    private var state = RotationState(ring: KeyRing())
    private var now: Int64 = 1_000_000
    private var replicas = [-150, 0, 150].map { Replica(offset: $0) }
    private var spare: ArraySlice<JWK>
    private var mayCrash = true
    private(set) var verifiers: Verifiers
    private var found: [String] = []

    init(seed: UInt64, places: [ByteString], keeping: Int64 = Verifiers.maximumAge) throws {
        verifiers = Verifiers(keeping: keeping)
        random = SeededGenerator(seed: seed)
        rules = RotationRules(
            schedule: try Verifiers.schedule(),
            places: places,
            purposes: KeyPurpose.allTokens + [.certificates]
        )
        spare = try Self.standIns.get()[...]
    }

    var failures: [String] {
        found + verifiers.failures
    }

    /// Whether there are stand-ins for some more steps.
    var hasKeys: Bool {
        spare.count > 20
    }

    mutating func step() throws {
        let replica = Int.random(in: 0..<3, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case ..<30: advance()
        case ..<60: try turn(replica)
        case ..<63: try turn(nil)
        case ..<66: replicas[replica].ring = nil
        case ..<80: sign(with: replica)
        case ..<90: fetch(from: replica)
        case ..<94: state.sightings = state.sightings.merging(seen()) { $1 }
        case ..<99: try ask()
        default: try revoke()
        }
        check()
    }

    /// Undisturbed for long enough, the ring is as it should be.
    mutating func settle() throws {
        mayCrash = false
        for _ in 0..<40 {
            now += 100
            guard hasKeys else { return }
            for replica in replicas.indices { try turn(replica) }
            state.sightings = state.sightings.merging(seen()) { $1 }
            fetch(from: 1)
            sign(with: 1)
            check()
        }
        for purpose in rules.purposes {
            let active = state.ring.active(for: purpose)?.activatedAt ?? time(0)
            expect(active >= time(now - 150 - 2000 - 100), "no key signs that was changed in time")
            let isReady = state.ring.standbys(for: purpose).contains { key in
                key.publishedAt != nil || key.preparedAt >= time(now - 150 - 200)
            }
            expect(isReady, "no standby is published")
        }
        expect(
            state.ring.active(for: .certificates)?.certificate?.expiresAt ?? time(0) > time(now + 1100 - 250),
            "what signs certificates is itself about to expire"
        )
        for key in state.ring.keys where key.state == .retiring {
            expect(key.retiringAt ?? time(0) >= time(now - 150 - 1100 - 100), "a key retires for too long")
        }
    }

    // MARK: Events

    /// Small steps mostly; often to just before, at or just after the next thing that is due.
    private mutating func advance() {
        let planner = RotationPlanner(rules: rules)
        let next = planner.plan(state, served: [], at: time(now)).nextChangeAt?.secondsSinceEpoch
        switch Int.random(in: 0..<10, using: &random) {
        case ..<6: now += Int64.random(in: 1...60, using: &random)
        case ..<8: now += Int64.random(in: 60...700, using: &random)
        case ..<9: now = max(now, (next ?? now) + Int64.random(in: -151...151, using: &random))
        default: now += Int64.random(in: 700...4000, using: &random)
        }
    }

    /// A replica does what is due and takes the ring into use, or dies between; nil is cron, which serves nobody.
    private mutating func turn(_ replica: Int?) throws {
        let offset = replica.map { replicas[$0].offset } ?? 0
        let served = replica.flatMap { replicas[$0].ring?.publishedKids } ?? []
        let steps = RotationPlanner(rules: rules).plan(state, served: Set(served), at: time(now + offset)).steps
        try apply(steps, at: now + offset)
        guard let replica else { return }
        let dies = mayCrash && Int.random(in: 0..<50, using: &random) == 0
        replicas[replica].ring = dies ? nil : state.ring
        replicas[replica].refreshedAt = now
    }

    private mutating func sign(with replica: Int) {
        guard isFresh(replica), let purpose = rules.purposes.randomElement(using: &random),
            let kid = replicas[replica].ring?.active(for: purpose)?.kid, let key = state.ring.key(kid),
            key.state == .active
        else { return }
        let wall = now + replicas[replica].offset
        // What an expired certificate's key signs is worth nothing, and no issuer signs with it.
        let last = key.certificate?.expiresAt.secondsSinceEpoch ?? .max
        guard last > wall else { return }
        let until = min(wall + Int64.random(in: 1...Verifiers.maximumLifetime, using: &random), last)
        state.tokensExpireBy[kid] = max(state.tokensExpireBy[kid] ?? time(until), time(until))
        verifiers.accept(kid, until: until, at: now)
    }

    private mutating func fetch(from replica: Int) {
        guard isFresh(replica), let ring = replicas[replica].ring else { return }
        verifiers.fetch(ring.publishedKids, at: now)
    }

    /// Whether the replica's view is no older than it may be; one that is older stands still.
    private func isFresh(_ replica: Int) -> Bool {
        replicas[replica].ring != nil && now - replicas[replica].refreshedAt <= Verifiers.refreshInterval
    }

    /// Each place holds the set as it is stored.
    private func seen() -> [ByteString: [ByteString: NumericDate]] {
        let kids = state.ring.publishedKids
        return Dictionary(
            uniqueKeysWithValues: rules.places.map { place in
                let before = state.sightings[place] ?? [:]
                return (place, Dictionary(uniqueKeysWithValues: kids.map { ($0, before[$0] ?? time(now)) }))
            }
        )
    }

    private mutating func ask() throws {
        let planner = RotationPlanner(rules: rules)
        guard let kid = state.ring.keys.randomElement(using: &random)?.kid else { return }
        let choices: [[KeyPurpose]?] = [nil, [.ES256], [.certificates]]
        let purposes = choices.randomElement(using: &random) ?? nil
        let choice = Int.random(in: 0..<4, using: &random)
        let steps = try? {
            switch choice {
            case 0: try planner.preparing(purposes, state, at: time(now))
            case 1: try planner.activatingStandbys(purposes, state, at: time(now))
            case 2: try planner.activating(kid, state, at: time(now))
            default: try planner.retiring(kid, state, at: time(now))
            }
        }()
        try apply(steps ?? [], at: now)
    }

    private mutating func revoke() throws {
        let kids = state.ring.publishedKids
        guard let kid = kids.randomElement(using: &random) else { return }
        let victims: Set = Int.random(in: 0..<8, using: &random) == 0 ? Set(kids) : [kid]
        try apply(RotationPlanner(rules: rules).revoking(victims, state, at: time(now)), at: now)
    }

    // MARK: What is done, and whether it may be

    private mutating func apply(_ steps: [RotationStep], at wall: Int64) throws {
        if let newest = state.ring.newestInstant, newest > time(wall + 300) {
            expect(steps.allSatisfy { if case .revoke = $0.action { true } else { false } }, "steps of a clock behind")
        }
        for step in steps { try apply(step, at: wall) }
    }

    private mutating func apply(_ step: RotationStep, at wall: Int64) throws {
        let ring = state.ring
        switch step.action {
        case .prepare(let purpose): state.ring = try ring.preparing(key(purpose, wall))
        case .begin(let purpose):
            let key = key(purpose, wall)
            state.ring = try ring.preparing(key).activating(key.kid, at: time(wall))
            note(.activate, key.kid, step)
        case .publish(let kid):
            expect(replicas.contains { $0.ring?.publishedKids.contains(kid) ?? false }, "a key is published unserved")
            state.ring = try ring.publishing(kid, at: time(wall))
        case .activate(let kid):
            checkActivation(kid, step, at: wall)
            state.ring = try ring.activating(kid, at: time(wall))
            note(.activate, kid, step)
        case .retire(let kid):
            checkRetirement(kid, at: wall)
            state.ring = try ring.retiring(kid, at: time(wall))
        case .revoke(let kid):
            state.ring = try ring.revoking(kid, at: time(wall))
            note(.revoke, kid, step)
        }
    }

    private mutating func note(_ verb: KeyTransition.Verb, _ kid: ByteString, _ step: RotationStep) {
        verifiers.note(KeyTransition(verb, kid, .ES256, because: step.reason), at: now)
    }

    private mutating func key(_ purpose: KeyPurpose, _ wall: Int64) -> SigningKey {
        SigningKey(
            publicKey: spare.removeFirst(),
            purpose: purpose,
            sealed: SealedSecret(bytes: [1]),
            certificate: purpose == .certificates
                ? KeyCertificate(der: [1], expiresAt: time(wall + Self.certificateLifetime)) : nil,
            preparedAt: time(wall)
        )
    }

    private mutating func checkActivation(_ kid: ByteString, _ step: RotationStep, at wall: Int64) {
        guard step.reason == .due || step.reason == .asked else { return }
        guard let key = state.ring.key(kid) else { return }
        let places = key.purpose == .certificates ? [] : rules.places
        let seen = places.map { state.sightings[$0]?[kid] } + [key.publishedAt]
        expect(seen.allSatisfy { $0.map { $0 <= time(wall - 600) } ?? false }, "a key signs before its lead")
        expect(key.certificate?.expiresAt ?? time(.max) > time(wall + 1100), "a certificate ends within the grace")
        if step.reason == .due, let active = state.ring.active(for: key.purpose) {
            let isEnding = active.certificate.map { $0.expiresAt <= time(wall + 1100) } ?? false
            let since = active.activatedAt ?? time(0)
            expect(since <= time(wall - 2000) || isEnding, "a key was changed before its time")
        }
    }

    private mutating func checkRetirement(_ kid: ByteString, at wall: Int64) {
        guard let key = state.ring.key(kid), key.state == .retiring else { return }
        expect(key.retiringAt ?? time(.max) <= time(wall - 1100), "a key is withdrawn within its grace")
        let expireBy = state.tokensExpireBy[kid] ?? time(0)
        expect(expireBy <= time(wall - 300), "a key is withdrawn while its tokens live")
    }

    private mutating func check() {
        for purpose in rules.purposes {
            let active = state.ring.keys.count { $0.state == .active && $0.purpose == purpose }
            expect(active == (state.ring.version == 0 ? 0 : 1), "\(active) keys sign")
        }
        for key in state.ring.keys {
            expect((key.sealedPrivateKey != nil) == key.state.keepsPrivateHalf, "a private half is kept or missing")
        }
        expect(Set(state.ring.keys.map(\.kid)).count == state.ring.keys.count, "a key is there twice")
    }

    private mutating func expect(_ isTrue: Bool, _ failure: String) {
        if !isTrue { found.append("at \(now): \(failure)") }
    }
}
