// Whatever happens between, the ring and what is served stay in step (threats G01 to G09, G14).

import JOSE
import Keys
import Synchronization
import TestSupport
import Testing

@Suite struct KeyCustodianTests {
    private let ledger = InMemoryRevocationLedger()
    private let clock = ClockGuard(trusted: nil)

    /// What a serving process took into use.
    private final class Served: Sendable {
        private let taken = Mutex<[KeyRing]>([])

        var use: @Sendable (SigningKeys, NumericDate?) -> Void {
            { [self] keys, _ in taken.withLock { $0.append(keys.ring) } }
        }

        var rings: [KeyRing] {
            taken.withLock { $0 }
        }
    }

    private func custodian(
        _ store: InMemoryKeyStore,
        serving served: Served? = Served(),
        sealer: Result<AESGCMKeySealer, any Error> = TestKeys.sealer,
        clock: ClockGuard? = nil
    ) throws -> KeyCustodian {
        KeyCustodian(
            store: store,
            sealer: try sealer.get(),
            ledger: ledger,
            clock: clock ?? self.clock,
            standardRules: try Rotations.rules(),
            use: served?.use
        )
    }

    private func kid(_ index: Int) throws -> ByteString {
        try TestKeys.es256(index).kid
    }

    /// ES256 alone is due at 12,000: the other algorithm's key, which is slow to make, changed late.
    private func ring() throws -> KeyRing {
        try TestKeys.fullRing().publishing(kid(1), at: time(2000))
    }

    // MARK: Turns

    @Test func `the first turn makes keys that sign and standbys, and serves them; the next says so`() async throws {
        let store = InMemoryKeyStore()
        let served = Served()
        let custodian = try custodian(store, serving: served)
        let first = try await custodian.turn(at: Rotations.reading(5000))
        #expect(first.state.ring.violations.isEmpty)
        #expect(first.state.ring.keys.count == 4)
        for algorithm in SigningAlgorithm.allCases {
            #expect(first.state.ring.active(algorithm)?.activatedAt == time(5000))
            #expect(first.state.ring.standbys(algorithm).map(\.publishedAt) == [nil])
        }
        #expect(served.rings.last == first.state.ring)
        #expect(first.transitions.map(\.verb).count { $0 == .prepare } == 4)
        let second = try await custodian.turn(at: Rotations.reading(5010))
        #expect(second.transitions.map(\.verb) == [.publish, .publish])
        for algorithm in SigningAlgorithm.allCases {
            #expect(second.state.ring.standbys(algorithm).map(\.publishedAt) == [time(5010)])
        }
        #expect(try await store.keyRing() == second.state.ring)
        #expect(store.transitions == first.transitions + second.transitions)
        let third = try await custodian.turn(at: Rotations.reading(5020))
        #expect(third.transitions.isEmpty)
        #expect(third.state.ring == second.state.ring)
        #expect(third.waits.map(\.cause) == [.rotationInterval, .rotationInterval])
    }

    @Test func `what somebody else changed is taken into use at once when it is asked for, and read once`() async throws
    {
        let store = InMemoryKeyStore()
        let (served, idle) = (Served(), Served())
        let (first, second) = (try custodian(store, serving: served), try custodian(store, serving: idle))
        let begun = try await first.turn(at: Rotations.reading(5000)).state.ring
        _ = try await second.turn(at: Rotations.reading(5000))
        let active = try #require(begun.active(.ES256)).kid
        let revoked = try await first.perform(.revoke(active), at: Rotations.reading(5001)).state.ring
        #expect(idle.rings.last?.active(.ES256)?.kid == active)
        try await second.refresh(after: begun.version, at: Rotations.reading(5002))
        #expect(idle.rings.last?.version == revoked.version)
        #expect(idle.rings.last?.active(.ES256)?.kid != active)
        let count = idle.rings.count
        try await second.refresh(after: begun.version, at: Rotations.reading(5003))
        #expect(idle.rings.count == count)
    }

    @Test func `keys that another process made because of our entries in the ledger are not revoked with the old ones`()
        async throws
    {
        let store = InMemoryKeyStore(try ring())
        let old = Set(try await store.keyRing().publishedKids)
        let rival = InMemoryKeyStore(try await store.keyRing())
        try ledger.add(Set(old.map(Revocation.key)), at: time(5000))
        let theirs = try await custodian(rival).turn(at: Rotations.reading(5000)).state.ring
        store.letRivalStore(theirs)
        let outcome = try await custodian(store).perform(.revokeAll, at: Rotations.reading(5000))
        #expect(Set(outcome.transitions.filter { $0.verb == .revoke }.map(\.kid)) == old)
        for algorithm in SigningAlgorithm.allCases {
            #expect(try outcome.state.ring.active(algorithm)?.kid == #require(theirs.active(algorithm)).kid)
        }
    }

    @Test func `a turn beside a revocation of all keys leaves it to the request, which alone makes new ones`()
        async throws
    {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        let old = Set(try await custodian.turn(at: Rotations.reading(5000)).state.ring.publishedKids)
        // The ledger names the keys by now, and the ring holds them still.
        store.beforeNextReplacement {
            Task { try await custodian.turn(at: Rotations.reading(5001)) }
            for _ in 0..<10_000 { await Task.yield() }
        }
        let outcome = try await custodian.perform(.revokeAll, at: Rotations.reading(5001))
        let revoked = outcome.transitions.filter { $0.verb == .revoke }
        #expect(Set(revoked.map(\.kid)) == old)
        #expect(revoked.allSatisfy { $0.reason == .asked })
        #expect(outcome.state.ring.violations.isEmpty)
    }

    @Test func `who serves nobody publishes nothing, and what is not published never signs`() async throws {
        let store = InMemoryKeyStore(try TestKeys.fullRing())
        let cron = try custodian(store, serving: nil)
        for now in [3000, 12_000, 500_000] as [Int64] {
            let outcome = try await cron.turn(at: Rotations.reading(now))
            #expect(outcome.transitions.isEmpty)
            #expect(outcome.state.ring.standbys(.ES256).map(\.publishedAt) == [nil])
        }
        let server = try custodian(store, clock: ClockGuard(trusted: nil))
        _ = try await server.turn(at: Rotations.reading(500_010))
        let outcome = try await server.turn(at: Rotations.reading(500_020))
        #expect(outcome.state.ring.standbys(.ES256).map(\.publishedAt) == [time(500_020)])
        // By then the lead counts, although the interval is long over.
        #expect(try await cron.turn(at: Rotations.reading(501_019)).transitions.isEmpty)
    }

    @Test func `a life of a key by the schedule`() async throws {
        let store = InMemoryKeyStore(try ring())
        let served = Served()
        let custodian = try custodian(store, serving: served)
        #expect(try await custodian.turn(at: Rotations.reading(11_999)).state.ring.active(.ES256)?.kid == kid(0))
        let rotated = try await custodian.turn(at: Rotations.reading(12_000)).state.ring
        #expect(rotated.violations.isEmpty)
        #expect(try rotated.active(.ES256)?.kid == kid(1))
        #expect(try rotated.key(kid(0))?.state == .retiring)
        #expect(try rotated.key(kid(0))?.sealedPrivateKey == nil)
        #expect(rotated.standbys(.ES256).map(\.publishedAt) == [nil])
        let published = try await custodian.turn(at: Rotations.reading(12_010)).state.ring
        #expect(published.standbys(.ES256).map(\.publishedAt) == [time(12_010)])
        #expect(store.recordToken(of: try kid(1), expiringAt: time(12_600)))
        #expect(try await custodian.turn(at: Rotations.reading(14_999)).state.ring.key(kid(0))?.state == .retiring)
        let retired = try await custodian.turn(at: Rotations.reading(15_000)).state.ring
        #expect(try retired.key(kid(0))?.state == .retired)
        #expect(try !served.rings[served.rings.count - 1].publishedKids.contains(kid(0)))
        #expect(served.rings.allSatisfy { $0.violations.isEmpty })
    }

    @Test func `a token that lives long holds its key`() async throws {
        let store = InMemoryKeyStore(try ring())
        #expect(store.recordToken(of: try kid(0), expiringAt: time(40_000)))
        let custodian = try custodian(store)
        _ = try await custodian.turn(at: Rotations.reading(12_000))
        #expect(try await custodian.turn(at: Rotations.reading(20_000)).state.ring.key(kid(0))?.state == .retiring)
        #expect(try await custodian.turn(at: Rotations.reading(21_999)).state.ring.key(kid(0))?.state == .retiring)
    }

    // MARK: Others at work

    @Test func `who loses a race reads again and decides again`() async throws {
        let ring = try ring()
        // The rival has rotated already.
        let rival = try ring.activating(kid(1), at: time(12_000)).preparing(TestKeys.es256(2))
            .publishing(kid(2), at: time(12_000))
        let store = InMemoryKeyStore(ring, rival: rival)
        let outcome = try await custodian(store).turn(at: Rotations.reading(12_000))
        #expect(outcome.transitions.allSatisfy { $0.purpose == .RS256 })
        #expect(try outcome.state.ring.active(.ES256)?.kid == kid(1))
        #expect(outcome.state.ring.standbys(.ES256).map(\.kid) == [try kid(2)])
    }

    @Test func `who always loses gives up and says so`() async throws {
        let store = LosingStore(try TestKeys.smallRing())
        let rotation = KeyRotation(store: store, sealer: try TestKeys.sealer.get())
        let kid = try kid(1)
        await #expect(throws: KeyRingError.contended) {
            try await rotation.change(at: time(3000)) { _ in [RotationStep(.publish(kid), because: .due)] }
        }
        #expect(store.attempts.withLock { $0 } == 100)
    }

    /// Another process is always faster.
    private final class LosingStore: KeyStore {
        private let ring: KeyRing
        let attempts = Mutex(0)

        init(_ ring: KeyRing) {
            self.ring = ring
        }

        func keyRing() async throws -> KeyRing { ring }
        func rotationState() async throws -> RotationState { RotationState(ring: ring) }
        func replaceKeyRing(
            with ring: KeyRing,
            expecting version: Int64,
            recording transitions: [KeyTransition],
            at now: NumericDate
        ) async throws -> Bool {
            attempts.withLock { $0 += 1 }
            return false
        }
        func setRotationRules(_ rules: RotationRules) async throws {}
        func noteSighting(of kids: [ByteString], at place: ByteString, at now: NumericDate) async throws {}
        func trustedClock() async throws -> ClockReading? { nil }
        func setTrustedClock(_ reading: ClockReading) async throws {}
    }

    @Test func `of two that turn at once, one changes each key`() async throws {
        let store = InMemoryKeyStore(try Rotations.settledRing())
        let custodians = [
            try custodian(store, clock: ClockGuard(trusted: nil)),
            try custodian(store, clock: ClockGuard(trusted: nil)),
        ]
        for round in 0..<25 as Range<Int64> {
            // Due at 12,000 and 22,000.
            let reading = Rotations.reading(11_900 + round * 500)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for custodian in custodians { group.addTask { _ = try await custodian.turn(at: reading) } }
                try await group.waitForAll()
            }
            #expect(try await store.keyRing().violations.isEmpty)
        }
        for verb in [KeyTransition.Verb.activate, .retire] {
            let kids = store.transitions.filter { $0.verb == verb }.map(\.kid)
            #expect(Set(kids).count == kids.count)
        }
        #expect(store.transitions.count { $0.verb == .activate } == 4)
        #expect(try await store.keyRing().standbys(.ES256).count == 1)
    }

    @Test func `a thousand forced rotations give a thousand names`() async throws {
        let store = InMemoryKeyStore(try TestKeys.smallRing())
        let rotation = KeyRotation(store: store, sealer: try TestKeys.sealer.get())
        var signers: Set<ByteString> = []
        for round in 0..<1000 as Range<Int64> {
            let before = try await store.keyRing().version
            let ring = try await rotation.change(at: time(3000 + round)) { state in
                guard let standby = state.ring.standbys(.ES256).first else { return [] }
                let old = state.ring.keys.filter { $0.state == .retiring }.map { RotationStep.Action.retire($0.kid) }
                return (old + [.activate(standby.kid), .prepare(.ES256)]).map { RotationStep($0, because: .asked) }
            }.state.ring
            #expect(ring.version == before + 1)
            let signer = try #require(ring.active(.ES256))
            #expect(signer.kid == signer.publicKey.thumbprint)
            signers.insert(signer.kid)
        }
        #expect(signers.count == 1000)
        let prepared = store.transitions.filter { $0.verb == .prepare }.map(\.kid)
        #expect(Set(prepared).count == 1000)
        let ring = try await store.keyRing()
        #expect(ring.violations.isEmpty)
        // The newest 32 ended keys, and those that are published.
        #expect(ring.keys.count == 32 + 3)
        #expect(try KeyRingDocument.read(KeyRingDocument.write(ring)) == ring)
    }

    // MARK: Crashes

    @Test(arguments: [false, true])
    func `a crash at the replacement leaves the old ring or the new one`(isStored: Bool) async throws {
        let store = InMemoryKeyStore(try ring().retiring(TestKeys.rs256(1).kid, at: time(2500)))
        let before = try await store.keyRing()
        store.breakNextReplacement(isStored: isStored)
        await #expect(throws: InMemoryKeyStore.Broken()) {
            try await custodian(store, clock: ClockGuard(trusted: nil)).turn(at: Rotations.reading(12_000))
        }
        let stored = try await store.keyRing()
        #expect(stored.version == before.version + (isStored ? 1 : 0))
        #expect(stored.violations.isEmpty)
        let ring = try await custodian(store).turn(at: Rotations.reading(12_010)).state.ring
        #expect(try ring.active(.ES256)?.kid == kid(1))
        #expect(store.transitions.count { $0.verb == .activate } == 1)
        for algorithm in SigningAlgorithm.allCases { #expect(ring.standbys(algorithm).count == 1) }
    }

    @Test func `a store that is away changes nothing, and the keys in use go on`() async throws {
        let store = InMemoryKeyStore(try ring())
        let served = Served()
        let custodian = try custodian(store, serving: served)
        _ = try await custodian.turn(at: Rotations.reading(3000))
        let count = served.rings.count
        store.fail(InMemoryKeyStore.Broken())
        await #expect(throws: InMemoryKeyStore.Broken()) { try await custodian.turn(at: Rotations.reading(12_000)) }
        #expect(served.rings.count == count)
        store.fail(nil)
        #expect(try await custodian.turn(at: Rotations.reading(12_010)).state.ring.active(.ES256)?.kid == kid(1))
    }

    // MARK: Revocation

    @Test func `a key that the ledger names is revoked at the next turn, and the standby takes over`() async throws {
        let store = InMemoryKeyStore(try ring())
        try ledger.add([.key(kid(0)), .key("long gone"), .credential("c")], at: time(2500))
        let served = Served()
        let outcome = try await custodian(store, serving: served).turn(at: Rotations.reading(3000))
        #expect(try outcome.state.ring.key(kid(0))?.state == .revoked)
        #expect(try outcome.state.ring.active(.ES256)?.kid == kid(1))
        #expect(
            try outcome.transitions.prefix(2) == [
                KeyTransition(.revoke, kid(0), .ES256, because: .ledger),
                KeyTransition(.activate, kid(1), .ES256, because: .revocation),
            ]
        )
        #expect(try served.rings.allSatisfy { try !$0.publishedKids.contains(kid(0)) })
        #expect(outcome.state.ring.standbys(.ES256).count == 1)
    }

    @Test func `a revocation is in the ledger before it is in the store`() async throws {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        store.breakNextReplacement(isStored: false)
        let kid = try kid(0)
        await #expect(throws: InMemoryKeyStore.Broken()) {
            try await custodian.perform(.revoke(kid), at: Rotations.reading(3000))
        }
        #expect(try ledger.revocations() == [.key(kid)])
        #expect(try await store.keyRing().key(kid)?.state == .active)
        #expect(try await custodian.turn(at: Rotations.reading(3010)).state.ring.key(kid)?.state == .revoked)
    }

    @Test func `without the ledger nothing is revoked, and nothing rotates`() async throws {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        let error = RevocationLedgerError(explanation: "the disk is full")
        ledger.fail(error)
        let (ring, kid) = (try ring(), try kid(0))
        await #expect(throws: error) { try await custodian.perform(.revoke(kid), at: Rotations.reading(3000)) }
        await #expect(throws: error) { try await custodian.turn(at: Rotations.reading(12_000)) }
        #expect(try await store.keyRing() == ring)
    }

    @Test func `what is not there is not revoked and not in the ledger`() async throws {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        await #expect(throws: RotationRefusal.noSuchKey("x")) {
            try await custodian.perform(.revoke("x"), at: Rotations.reading(3000))
        }
        #expect(try ledger.revocations().isEmpty)
    }

    @Test func `every key that is withdrawn with all others is in the ledger`() async throws {
        let ring = try ring()
        // Another process adds a standby while we revoke.
        let store = InMemoryKeyStore(ring, rival: try ring.preparing(TestKeys.es256(2)))
        _ = try await custodian(store).perform(.revokeAll, at: Rotations.reading(3000))
        let revoked = store.transitions.filter { $0.verb == .revoke }.map(\.kid)
        #expect(revoked.count == 5)
        #expect(try ledger.revocations() == Set(revoked.map(Revocation.key)))
    }

    @Test func `however many keys are revoked, one more can be`() async throws {
        let store = InMemoryKeyStore(try TestKeys.smallRing())
        let rotation = KeyRotation(store: store, sealer: try TestKeys.sealer.get())
        let planner = try Rotations.planner()
        for round in 0..<40 as Range<Int64> {
            let active = try #require(try await store.keyRing().active(.ES256)).kid
            #expect(store.recordToken(of: active, expiringAt: time(100_000)))
            do {
                _ = try await rotation.change(at: time(3000 + round)) {
                    try planner.revoking([active], $0, at: time(3000))
                }
            } catch {
                Issue.record("revocation \(round + 1) failed: \(error)")
                return
            }
        }
    }

    // MARK: Keys that do not open

    @Test func `the wrong sealing key changes nothing`() async throws {
        let store = InMemoryKeyStore(try ring())
        let served = Served()
        let custodian = try custodian(store, serving: served, sealer: TestKeys.otherSealer)
        let (ring, kid) = (try ring(), try kid(0))
        for request in [nil, .prepare([.ES256]), .revoke(try self.kid(1))] as [KeyRequest?] {
            await #expect(throws: KeyRingError.self) {
                if let request {
                    _ = try await custodian.perform(request, at: Rotations.reading(12_000))
                } else {
                    _ = try await custodian.turn(at: Rotations.reading(12_000))
                }
            }
        }
        await #expect(throws: KeyRingError.privateKeyUnusable(kid)) {
            _ = try await KeyRotation(store: store, sealer: TestKeys.otherSealer.get()).change(at: time(9)) { _ in
                Issue.record("nothing is decided without the right sealing key")
                return []
            }
        }
        #expect(try await store.keyRing() == ring)
        #expect(served.rings.isEmpty)
    }

    /// `es256(0)` signs; the standby of its name does not open.
    private func damagedRing() throws -> (ring: KeyRing, kid: ByteString) {
        let key = try TestKeys.es256(5)
        let damaged = SigningKey(
            publicKey: key.publicKey,
            purpose: .ES256,
            sealed: SealedSecret(bytes: [1, 2, 3]),
            preparedAt: time(1000)
        )
        let ring = try TestKeys.fullRing().retiring(TestKeys.es256(1).kid, at: time(2000)).preparing(damaged)
            .publishing(key.kid, at: time(2000)).publishing(TestKeys.rs256(1).kid, at: time(2000))
        return (ring, key.kid)
    }

    @Test func `a damaged standby is retired and replaced, and never signs`() async throws {
        let (ring, kid) = try damagedRing()
        let store = InMemoryKeyStore(ring)
        let outcome = try await custodian(store).turn(at: Rotations.reading(3000))
        #expect(outcome.state.ring.key(kid)?.state == .retired)
        #expect(outcome.transitions.contains(KeyTransition(.retire, kid, .ES256, because: .unusable)))
        #expect(outcome.state.ring.standbys(.ES256).count == 1)
        #expect(outcome.state.ring.violations.isEmpty)
    }

    @Test func `a damaged standby is not activated when an operator asks for it by name`() async throws {
        let (ring, kid) = try damagedRing()
        let store = InMemoryKeyStore(ring)
        let custodian = try custodian(store)
        _ = try? await custodian.perform(.activate(kid), at: Rotations.reading(3000))
        let stored = try await store.keyRing()
        #expect(stored.key(kid)?.state != .active)
        #expect(throws: Never.self) { try SigningKeys(opening: stored, with: TestKeys.sealer.get()) }
    }

    // MARK: The clock

    @Test func `while the clock is in doubt nothing happens but a revocation`() async throws {
        let store = InMemoryKeyStore(try ring())
        let served = Served()
        let custodian = try custodian(store, serving: served)
        _ = try await custodian.turn(at: Rotations.reading(3000))
        let before = try await store.keyRing()
        let moved = Rotations.reading(1_000_000, sinceBoot: 3010)
        let outcome = try await custodian.turn(at: moved)
        #expect(outcome.transitions.isEmpty)
        #expect(outcome.waits.map(\.cause) == [.clock, .clock])
        for request in [.prepare([.ES256]), .activateStandbys([.ES256]), .activate(try kid(1)), .retire(try kid(1))]
            as [KeyRequest]
        {
            await #expect(throws: RotationRefusal.clockUncertain) { try await custodian.perform(request, at: moved) }
        }
        #expect(try await store.keyRing() == before)
        let kid = try kid(0)
        let revoked = try await custodian.perform(.revoke(kid), at: moved)
        #expect(try revoked.state.ring.active(.ES256)?.kid == self.kid(1))
        #expect(try !#require(served.rings.last).publishedKids.contains(kid))
    }

    @Test(arguments: [-10, 10] as [Int64])
    func `while the clocks of those who share the store differ no key is turned, and one can be revoked`(
        seconds: Int64
    ) async throws {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        _ = try await custodian.turn(at: Rotations.reading(3000))
        store.setClocksApart(bySeconds: seconds)
        let before = try await store.keyRing()
        let due = Rotations.reading(12_000)
        let outcome = try await custodian.turn(at: due)
        #expect(outcome.transitions.isEmpty)
        #expect(outcome.waits.map(\.cause) == [.clock, .clock])
        await #expect(throws: RotationRefusal.clockUncertain) {
            try await custodian.perform(.activateStandbys([.ES256]), at: due)
        }
        #expect(try await store.keyRing() == before)
        let revoked = try await custodian.perform(.revoke(try kid(0)), at: due)
        #expect(try revoked.state.ring.active(.ES256)?.kid == kid(1))
    }

    @Test func `the ledger is obeyed while the clock is in doubt`() async throws {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        _ = try await custodian.turn(at: Rotations.reading(3000))
        try ledger.add([.key(kid(0))], at: time(3000))
        let outcome = try await custodian.turn(at: Rotations.reading(1, sinceBoot: 3010))
        #expect(try outcome.state.ring.key(kid(0))?.state == .revoked)
        #expect(try outcome.state.ring.active(.ES256)?.kid == kid(1))
    }

    @Test func `when the time is back the ring goes on`() async throws {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        _ = try await custodian.turn(at: Rotations.reading(3000))
        #expect(try await custodian.turn(at: Rotations.reading(99_000, sinceBoot: 11_000)).transitions.isEmpty)
        let outcome = try await custodian.turn(at: Rotations.reading(12_000))
        #expect(try outcome.state.ring.active(.ES256)?.kid == kid(1))
    }

    @Test func `a revocation under a wrong clock does not hold the ring when the time is back`() async throws {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        _ = try await custodian.turn(at: Rotations.reading(3000))
        _ = try await custodian.perform(.revoke(kid(0)), at: Rotations.reading(40_000_000, sinceBoot: 3010))
        let outcome = try await custodian.turn(at: Rotations.reading(3020))
        #expect(!outcome.waits.contains { $0.cause == .clock })
        #expect(outcome.state.ring.standbys(.ES256).count == 1)
    }

    @Test func `an operator's word on the clock is kept in the store`() async throws {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        _ = try await custodian.turn(at: Rotations.reading(3000))
        let moved = Rotations.reading(12_000, sinceBoot: 3010)
        #expect(try await custodian.turn(at: moved).waits.map(\.cause) == [.clock, .clock])
        try await custodian.acceptClock(moved)
        #expect(try await store.trustedClock() == moved)
        #expect(try await custodian.turn(at: moved).state.ring.active(.ES256)?.kid == kid(1))
    }

    @Test func `a trusted reading is stored with each change and every ten minutes, a doubtful one never`() async throws
    {
        let store = InMemoryKeyStore(try ring().publishing(TestKeys.rs256(1).kid, at: time(2000)))
        let custodian = try custodian(store, serving: nil)
        _ = try await custodian.turn(at: Rotations.reading(3000))
        #expect(try await store.trustedClock() == Rotations.reading(3000))
        _ = try await custodian.turn(at: Rotations.reading(3600))
        #expect(try await store.trustedClock() == Rotations.reading(3000))
        _ = try await custodian.turn(at: Rotations.reading(3601))
        #expect(try await store.trustedClock() == Rotations.reading(3601))
        _ = try await custodian.turn(at: Rotations.reading(90_000, sinceBoot: 11_000))
        #expect(try await store.trustedClock() == Rotations.reading(3601))
        _ = try await custodian.perform(.prepare([.ES256]), at: Rotations.reading(3611))
        _ = try await custodian.turn(at: Rotations.reading(3621))
    }

    // MARK: Verbs

    @Test func `a refusal leaves the ring as it was`() async throws {
        let ring = try ring()
        let store = InMemoryKeyStore(ring)
        let custodian = try custodian(store, serving: nil)
        let (standby, active) = (try kid(1), try kid(0))
        let cases: [(KeyRequest, RotationRefusal)] = [
            (.activateStandbys([.ES256]), .tooYoung(standby, until: time(3000))),
            (.activate(standby), .tooYoung(standby, until: time(3000))),
            (.activateStandbys([.RS256]), .notServed(try TestKeys.rs256(1).kid)),
            (.retire(active), .wrongState(active, .active)), (.retire("x"), .noSuchKey("x")),
        ]
        for (request, refusal) in cases {
            await #expect(throws: refusal) { try await custodian.perform(request, at: Rotations.reading(2999)) }
        }
        #expect(try await store.keyRing() == ring)
    }

    @Test func `what is asked for is done at once, and noted as published by the next turn, never early`() async throws
    {
        let store = InMemoryKeyStore(try ring())
        let custodian = try custodian(store)
        let outcome = try await custodian.perform(.activateStandbys([.ES256]), at: Rotations.reading(3000))
        #expect(try outcome.state.ring.active(.ES256)?.kid == kid(1))
        #expect(outcome.state.ring.standbys(.ES256).map(\.publishedAt) == [nil])
        #expect(outcome.transitions.filter { $0.purpose == .ES256 }.map(\.reason) == [.asked, .asked])
        #expect(store.transitions == outcome.transitions)
        let next = try await custodian.turn(at: Rotations.reading(3007))
        #expect(next.state.ring.standbys(.ES256).map(\.publishedAt) == [time(3007)])
    }

    @Test func `stored rules go before one's own`() async throws {
        let schedule = try RotationSchedule(
            rotationInterval: .seconds(2000),
            publicationLead: .seconds(1000),
            gracePeriod: .seconds(1000),
            maximumTokenLifetime: .seconds(600)
        )
        let store = InMemoryKeyStore(try ring(), rules: RotationRules(schedule: schedule))
        let ring = try await custodian(store, serving: nil).turn(at: Rotations.reading(4000)).state.ring
        #expect(try ring.active(.ES256)?.kid == kid(1))
    }
}
