// What operators and cron say to the keys, and what they are told (threats G03, G09, G12, G13).

import Issuer
import JOSE
import Keys
import Synchronization
import TestSupport
import Testing

@Suite struct KeyDeskTests {
    private let store = InMemoryStore()
    private let ledger = InMemoryRevocationLedger()
    private let sealer: ReplaceableKeySealer
    private let replacement: DraftedSealingKey
    private let requestTokens = RequestTokenKey(secret: [UInt8](repeating: 1, count: 32))
    private let clock = ClockGuard(trusted: nil)
    private let desk: OperatorDesk

    /// 10:00 on 21 November 2026.
    private static let now: Int64 = 1_795_255_200
    private let now = reading(Self.now)

    private static func reading(_ wall: Int64, sinceBoot: Int64 = Self.now) -> ClockReading {
        ClockReading(wall: time(wall), sinceBoot: .seconds(sinceBoot), boot: "b")
    }

    /// Keys that sign since 1970 and are due in a hundred years, standbys that are published for longer than the lead.
    private static let settledRing: Result<KeyRing, any Error> = Result {
        let maker = KeyMaker(sealer: try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 7, count: 32)))
        var ring = try Samples.keys.get().ring
        for algorithm in SigningAlgorithm.allCases {
            let key = try maker.makeKey(.tokens(algorithm), preparedAt: time(0))
            ring = try ring.preparing(key).publishing(key.kid, at: time(Self.now - 86_400))
        }
        return ring
    }

    init() async throws {
        sealer = ReplaceableKeySealer(try DraftedSealingKey.sealer(7))
        replacement = DraftedSealingKey(try DraftedSealingKey.sealer(7))
        let rules = RotationRules(
            schedule: try RotationSchedule(
                rotationInterval: .seconds(3_155_760_000),
                maximumTokenLifetime: .seconds(3600)
            ),
            places: ["web"]
        )
        let custodian = KeyCustodian(
            store: store,
            sealer: sealer,
            ledger: ledger,
            clock: clock,
            standardRules: rules,
            use: { _, _ in }
        )
        let ticks = Mutex(Duration.zero)
        let keyDesk = KeyDesk(
            custodian: custodian,
            store: store,
            sealer: sealer,
            resealing: Resealing(keys: store, secrets: store, sealer: sealer, replacement: replacement),
            requestTokens: requestTokens,
            elapsed: {
                ticks.withLock { elapsed in
                    elapsed += .microseconds(1_234_567)
                    return elapsed
                }
            }
        )
        desk = OperatorDesk(store: store, ledger: ledger, keyDesk: keyDesk)
        try await store.setRotationRules(rules)
        let ring = try Self.settledRing.get()
        _ = try await store.replaceKeyRing(with: ring, expecting: 0)
        try await store.noteSighting(of: ring.publishedKids, at: "web", at: time(Self.now - 86_400))
    }

    private func perform(_ command: KeyCommand, at reading: ClockReading? = nil) async throws -> JSONObject {
        try await desk.perform(.keys(command), at: reading ?? now)
    }

    private func active(_ algorithm: SigningAlgorithm = .ES256) throws -> ByteString {
        try #require(try Self.settledRing.get().active(algorithm)).kid
    }

    private func standby(_ algorithm: SigningAlgorithm = .ES256) throws -> ByteString {
        try #require(try Self.settledRing.get().standbys(algorithm).first).kid
    }

    private var operations: [String] {
        store.records.map { "\($0.operation.rawValue) \($0.decision.rawValue) \($0.reason.string)" }
    }

    // MARK: Rotation

    @Test func `a turn with nothing due says what waits for what`() async throws {
        let until = time(3_155_760_000).internetDate.string
        let waits = try SigningAlgorithm.allCases.map { algorithm in
            #"{"algorithm":"\#(algorithm.rawValue)","kid":"\#(try standby(algorithm).string)","#
                + #""waits_for":"rotation_interval","until":"\#(until)"}"#
        }
        let version = try Self.settledRing.get().version
        #expect(
            ByteString(try await perform(.rotate(clockIsRight: false)).serialized).string
                == #"{"version":\#(version),"changes":[],"waiting":[\#(waits.joined(separator: ","))]}"#
        )
    }

    @Test func `what was asked for is told with its reason`() async throws {
        let answer = try await perform(.ask(.activateStandbys([.ES256])))
        let changes = try #require(answer["changes"]?.arrayValue)
        #expect(
            changes.first
                == .object(
                    JSONObject([
                        ("transition", "activate"), ("kid", .string(try standby())), ("algorithm", "ES256"),
                        ("reason", "asked"),
                    ])
                )
        )
        #expect(changes.map { $0.objectValue?["transition"]?.stringValue } == ["activate", "prepare"])
        let ring = try await store.keyRing()
        #expect(answer["version"] == .integer(ring.version))
        #expect(try ring.active(.ES256)?.kid == standby())
        #expect(operations == ["key_activate permit asked", "key_prepare permit asked"])
        let waits = try #require(answer["waiting"]?.arrayValue).compactMap(\.objectValue)
        let next = try #require(ring.standbys(.ES256).first).kid
        #expect(waits.contains { $0["kid"] == .string(next) && $0["waits_for"] == "rotation_interval" })
        let retiring = waits.first { $0["waits_for"] == "grace_period" }
        #expect(try retiring?["kid"] == .string(active()))
        #expect(retiring?["until"] == "2026-11-23T10:00:00Z")
    }

    @Test func `keys are shown with what they wait for`() async throws {
        let answer = try await desk.perform(.showKeys, at: now)
        let keys = try #require(answer["keys"]?.arrayValue).compactMap(\.objectValue)
        #expect(keys.last?["published_at"] == "2026-11-20T10:00:00Z")
        #expect(answer["waiting"]?.arrayValue?.count == 2)
        #expect(answer["max_age"] == .integer(300))
        #expect(answer.members.map(\.name) == ["version", "max_age", "keys", "waiting"])
    }

    @Test func `each refusal has its name`() async throws {
        let (signs, waits) = (try active(), try standby())
        let young = Self.reading(Self.now - 1)
        let cases: [(KeyCommand, ClockReading, Refusal)] = [
            (.ask(.revoke("x")), now, Refusal(.notFound, "x")),
            (.ask(.activate(signs)), now, Refusal(.keyState, signs + " is active")),
            (.ask(.retire(signs)), now, Refusal(.keyState, signs + " is active")),
            (
                .ask(.activate(waits)), young,
                Refusal(.standbyTooYoung, waits + " may sign at 2026-11-21T10:00:00Z")
            ),
        ]
        for (command, reading, refusal) in cases {
            await #expect(throws: refusal) { try await perform(command, at: reading) }
        }
        try await store.noteSighting(of: [], at: "web", at: time(Self.now))
        await #expect(throws: Refusal(.standbyNotSeen, waits + " at web")) {
            try await perform(.ask(.activateStandbys([.ES256])))
        }
        #expect(try await store.keyRing() == Self.settledRing.get())
        #expect(store.records.isEmpty)
    }

    @Test func `a ring that can't be changed is refused by name`() async throws {
        sealer.replace(with: try DraftedSealingKey.sealer(8))
        let kid = try #require(try Self.settledRing.get().keys.first { $0.state == .active }).kid
        await #expect(throws: Refusal(.keyUnusable, kid)) { try await perform(.rotate(clockIsRight: false)) }
        sealer.replace(with: try DraftedSealingKey.sealer(7))
        ledger.fail(RevocationLedgerError(explanation: "the disk is full"))
        await #expect(throws: Refusal(.ledgerUnusable, "the disk is full")) {
            try await perform(.ask(.revoke(active())))
        }
        #expect(try await store.keyRing() == Self.settledRing.get())
    }

    @Test func `a moved clock refuses, until an operator says that it is right`() async throws {
        _ = try await perform(.rotate(clockIsRight: false))
        let moved = Self.reading(Self.now + 90_000)
        let answer = try await perform(.rotate(clockIsRight: false), at: moved)
        #expect(
            try #require(answer["waiting"]?.arrayValue).map { $0.objectValue?["waits_for"] } == ["clock", "clock"]
        )
        #expect(store.records.isEmpty)
        let accepted = try await perform(.rotate(clockIsRight: true), at: moved)
        #expect(
            try #require(accepted["waiting"]?.arrayValue).allSatisfy { $0.objectValue?["waits_for"] != "clock" }
        )
        #expect(operations == ["clock_accept permit ok"])
        #expect(try await store.trustedClock() == moved)
    }

    @Test func `what is asked for on a moved clock is refused, and is not the end of the process`() async {
        await #expect(processExitsWith: .success) {
            let tests = try await KeyDeskTests()
            _ = try await tests.perform(.rotate(clockIsRight: false))
            let moved = KeyDeskTests.reading(KeyDeskTests.now + 90_000, sinceBoot: KeyDeskTests.now)
            for request in [.prepare([.ES256]), .activateStandbys([.ES256]), .retire(try tests.standby())]
                as [KeyRequest]
            {
                await #expect(throws: Refusal(.clockUncertain)) { try await tests.perform(.ask(request), at: moved) }
            }
        }
    }

    // MARK: Revocation

    @Test func `a revocation tells until when, and where, the key may be accepted`() async throws {
        let kid = try active()
        #expect(store.keyStore.recordToken(of: kid, expiringAt: time(Self.now + 300)))
        let answer = try await perform(.ask(.revoke(kid)))
        #expect(
            answer.members.map(\.name) == [
                "version", "changes", "waiting", "verifiers_may_accept_until", "tokens_expire_by", "places",
            ]
        )
        #expect(answer["verifiers_may_accept_until"] == "2026-11-21T10:05:01Z")
        #expect(answer["tokens_expire_by"] == "2026-11-21T10:05:00Z")
        #expect(
            answer["places"]
                == .array([
                    .object(JSONObject([("place", "web"), ("still_holds", .array([.string(kid)]))]))
                ])
        )
        #expect(try ledger.revocations() == [.key(kid)])
        let ring = try await store.keyRing()
        #expect(try ring.active(.ES256)?.kid == standby())
        #expect(ring.standbys(.ES256).count == 1)
        #expect(operations.prefix(2) == ["key_revoke permit asked", "key_activate permit revocation"])
    }

    @Test func `a standby that never signed has no tokens to wait for`() async throws {
        let answer = try await perform(.ask(.revoke(standby())))
        #expect(answer["tokens_expire_by"] == nil)
        #expect(answer["verifiers_may_accept_until"] == "2026-11-21T10:05:01Z")
    }

    @Test func `revoking all ends every job and every request token`() async throws {
        let job = try Samples.live(at: now.wall)
        store.keep(job)
        let token = requestTokens.token(for: job.id)
        #expect(requestTokens.job(of: token) == job.id)
        let before = try await store.keyRing()
        let answer = try await perform(.ask(.revokeAll))
        #expect(answer["jobs_ended"] == .integer(1))
        #expect(try await store.job(job.id)?.end == JobEnd(reason: .keysRevoked, at: now.wall))
        let ring = try await store.keyRing()
        #expect(before.publishedKids.allSatisfy { ring.key($0)?.state == .revoked })
        #expect(Set(before.publishedKids).isDisjoint(with: ring.publishedKids))
        for algorithm in SigningAlgorithm.allCases {
            #expect(ring.active(algorithm) != nil)
            #expect(ring.standbys(algorithm).count == 1)
        }
        #expect(try ledger.revocations() == Set(before.publishedKids.map(Revocation.key)))
        let held = try #require(answer["places"]?.arrayValue?.first?.objectValue?["still_holds"]?.arrayValue)
        #expect(held.count == 4)
        // The thief's request token is dead, in this process and in the next.
        #expect(requestTokens.job(of: token) == nil)
        let sealed = try #require(try await store.sealedSecrets()[RequestTokenKey.secretName])
        let secret = try sealer.unseal(sealed, context: RequestTokenKey.sealingContext)
        #expect(RequestTokenKey(secret: secret).token(for: job.id) == requestTokens.token(for: job.id))
        #expect(requestTokens.token(for: job.id) != token)
    }

    @Test func `the tokens of a key are told as they were recorded`() async throws {
        let kid = try active()
        let record = AuditRecord(
            at: now.wall,
            operation: .token,
            decision: .permit,
            reason: "ok",
            jti: "j1",
            kid: kid,
            expiresAt: time(Self.now + 300)
        )
        try await store.append(record)
        let answer = try await perform(.tokens(kid: kid, after: 0))
        #expect(answer == JSONObject([("records", .array([.string(ByteString(record.document.serialized))]))]))
        #expect(try await perform(.tokens(kid: standby(), after: 0)) == JSONObject([("records", .array([]))]))
        await #expect(throws: Refusal(.notFound, "x")) { try await perform(.tokens(kid: "x", after: 0)) }
    }

    // MARK: The drill

    @Test func `a drill says that all is ready, and changes nothing`() async throws {
        let answer = try await perform(.drill)
        let standbys = try SigningAlgorithm.allCases.map { algorithm in
            #"{"algorithm":"\#(algorithm.rawValue)","signs":true,"kid":"\#(try standby(algorithm).string)","#
                + #""published_at":"2026-11-20T10:00:00Z","known_to_verifiers":true}"#
        }
        #expect(
            ByteString(answer.serialized).string
                == #"{"ready":true,"milliseconds":1234,"standbys":[\#(standbys.joined(separator: ","))],"#
                + #""verifiers_may_accept_until":"2026-11-21T10:05:01Z"}"#
        )
        #expect(try await store.keyRing() == Self.settledRing.get())
        #expect(operations == ["key_drill permit ok"])
        let young = try await perform(.drill, at: Self.reading(Self.now - 1))
        #expect(young["standbys"]?.arrayValue?.first?.objectValue?["known_to_verifiers"] == .bool(false))
    }

    @Test func `a drill without a standby, or with one that does not sign, is not ready`() async throws {
        let ring = try Self.settledRing.get()
        let without = try ring.retiring(standby(), at: now.wall)
        #expect(try await store.replaceKeyRing(with: without, expecting: ring.version))
        let answer = try await perform(.drill)
        #expect(answer["ready"] == .bool(false))
        let row = try #require(
            answer["standbys"]?.arrayValue?.compactMap(\.objectValue).first { $0["algorithm"] == "ES256" }
        )
        #expect(row == JSONObject([("algorithm", "ES256"), ("signs", .bool(false))]))
        #expect(operations == ["key_drill deny no_standby"])
        let other = try KeyMaker(sealer: DraftedSealingKey.sealer(8)).makeKey(.ES256, preparedAt: now.wall)
        #expect(try await store.replaceKeyRing(with: without.preparing(other), expecting: without.version))
        #expect(try await perform(.drill)["ready"] == .bool(false))
    }

    // MARK: Sealing anew

    @Test func `after sealing anew the old sealing key opens nothing and the new one all`() async throws {
        let secret: [UInt8] = [5, 6, 7]
        let context = RequestTokenKey.sealingContext
        _ = try await store.secret(
            named: RequestTokenKey.secretName,
            orStore: sealer.seal(secret, context: context)
        )
        let old = try DraftedSealingKey.sealer(7)
        #expect(try await perform(.reseal) == JSONObject([("sealed", .integer(5))]))
        let ring = try await store.keyRing()
        let stored = try #require(try await store.sealedSecrets()[RequestTokenKey.secretName])
        #expect(replacement.hasNoDraft)
        let new = replacement.file
        for key in ring.keys {
            let sealed = try #require(key.sealedPrivateKey)
            let context = "jobsworth signing key " + key.kid
            #expect(throws: SealingError.notOpened) { try old.unseal(sealed, context: context) }
            #expect(throws: Never.self) { try new.unseal(sealed, context: context) }
        }
        #expect(throws: SealingError.notOpened) { try old.unseal(stored, context: context) }
        #expect(try new.unseal(stored, context: context) == secret)
        // The running process goes on with the new one.
        #expect(throws: Never.self) { try SigningKeys(opening: ring, with: sealer) }
        #expect(try ring.version == Self.settledRing.get().version + 1)
        #expect(throws: Never.self) { try sealer.unseal(stored, context: context) }
        #expect(try await perform(.rotate(clockIsRight: false))["changes"] == .array([]))
    }

    @Test func `a sealing key that cannot be written changes nothing`() async throws {
        replacement.failDrafts()
        await #expect(throws: Refusal(.sealingKeyNotReplaced)) { try await perform(.reseal) }
        let ring = try await store.keyRing()
        #expect(try ring == Self.settledRing.get())
        #expect(throws: Never.self) { try SigningKeys(opening: ring, with: sealer) }
    }

    @Test func `a store that fails meanwhile leaves a sealing key that opens it`() async throws {
        store.fail(.unavailable)
        await #expect(throws: StoreError.unavailable) { try await perform(.reseal) }
        store.fail(nil)
        let ring = try await store.keyRing()
        #expect(replacement.opens(ring))
        #expect(throws: Never.self) { try SigningKeys(opening: ring, with: sealer) }
    }

    @Test func `a ring that changed meanwhile is sealed as it then is`() async throws {
        let ring = try Self.settledRing.get()
        let rival = try ring.retiring(standby(), at: now.wall)
        store.keyStore.letRivalStore(rival)
        #expect(try await perform(.reseal) == JSONObject([("sealed", .integer(3))]))
        let stored = try await store.keyRing()
        #expect(stored.version == rival.version + 1)
        #expect(throws: Never.self) { try SigningKeys(opening: stored, with: replacement.file) }
    }

    // The store is sealed with a draft that could not be moved: the next draft must not take its place before its
    // work is committed.
    @Test func `a draft that is in use is never written over`() async throws {
        replacement.failPromotions(true)
        await #expect(throws: Refusal(.sealingKeyNotReplaced)) { try await perform(.reseal) }
        #expect(replacement.opens(try await store.keyRing()))
        store.fail(.unavailable)
        _ = try? await perform(.reseal)
        store.fail(nil)
        // Killed here, the next process has the file and the draft.
        #expect(replacement.opens(try await store.keyRing()))
    }

    @Test func `a process takes over the sealing key that another has sealed the store with`() async throws {
        let (old, next) = (try DraftedSealingKey.sealer(7), try DraftedSealingKey.sealer(9))
        let known = Mutex<[SealingKeySuccessor]>([])
        let successions = Mutex(0)
        let other = ReplaceableKeySealer(old, successors: { known.withLock { $0 } })
        let ring = try await store.keyRing().resealed(from: old, to: next)
        // Until the key is there, nothing opens, and nothing is replaced.
        #expect(throws: KeyRingError.self) { try SigningKeys(opening: ring, with: other) }
        let wrong = SealingKeySuccessor(sealer: try DraftedSealingKey.sealer(8)) { successions.withLock { $0 += 100 } }
        let right = SealingKeySuccessor(sealer: next) { successions.withLock { $0 += 1 } }
        known.withLock { $0 = [wrong, right] }
        #expect(throws: Never.self) { try SigningKeys(opening: ring, with: other) }
        known.withLock { $0 = [] }
        #expect(throws: Never.self) { try SigningKeys(opening: ring, with: other) }
        #expect(successions.withLock { $0 } == 1)
        // What it seals from now on, all others open.
        let sealed = try other.seal([1], context: "c")
        #expect(try next.unseal(sealed, context: "c") == [1])
    }

    // MARK: The head of the log

    @Test func `a head covers its own record, by a key that signs now`() async throws {
        let answer = try await perform(.auditHead)
        #expect(operations == ["audit_head permit ok"])
        let compact = try #require(answer["head"]?.stringValue)
        let verified = try VerifiedAuditHead(parsing: compact.bytes, believing: Self.settledRing.get().published)
        #expect(try verified.kid == active())
        #expect(verified.head.count == 1 && answer["count"] == .integer(1))
        let last = try #require(try await store.records(after: 0, limit: .max).last)
        #expect(verified.head.chains == [AuditChainHead(name: "sqlite", sequence: 1, digest: last.digest)])
    }

    // MARK: Publication and backup

    @Test func `what is to be published is what the issuer serves`() async throws {
        await #expect(throws: Refusal(.standbyNotServed)) { try await desk.perform(.showPublication, at: now) }
        store.publishMetadata(Array(#"{"issuer":"https://ci.example.org"}"#.utf8))
        let answer = try await desk.perform(.showPublication, at: now)
        let ring = try await store.keyRing()
        #expect(answer["kids"] == .array(ring.publishedKids.map { .string($0) }))
        let documents = try #require(answer["documents"]?.arrayValue).compactMap(\.objectValue)
        #expect(
            documents.map { $0["path"] } == [
                ".well-known/jwks", ".well-known/jwks.json", ".well-known/openid-configuration",
            ]
        )
        for document in documents {
            #expect(document.members.map(\.name) == ["path", "body", "content_type", "max_age"])
            #expect(document["content_type"] == "application/json")
        }
        #expect(documents[0]["body"] == documents[1]["body"])
        #expect(documents[0]["body"] == .string(ByteString(ring.published.serialized)))
        #expect(documents[0]["max_age"] == .integer(300))
        #expect(documents[2]["body"] == #"{"issuer":"https://ci.example.org"}"#)
    }

    @Test func `what was seen at a place is kept`() async throws {
        let answer = try await desk.perform(.noteSighting(place: "web", kids: ["k1"]), at: now)
        #expect(answer == JSONObject([]))
        #expect(try await store.rotationState().sightings == ["web": ["k1": now.wall]])
    }

    @Test func `a backup says what it holds, and the log says that it was made`() async throws {
        let answer = try await desk.perform(.backUp(path: "/b"), at: now)
        let version = try Self.settledRing.get().version
        #expect(
            ByteString(answer.serialized).string == #"{"path":"/b","key_ring_version":\#(version),"records":1}"#
        )
        #expect(operations == ["backup permit ok"])
    }
}

/// A sealing key and its draft, as two files would keep them.
private final class DraftedSealingKey: SealingKeyReplacement {
    private struct Full: Error {}
    private let state: Mutex<State>

    private struct State {
        var file: AESGCMKeySealer
        var draft: AESGCMKeySealer?
        var next: UInt8 = 100
        var failsDrafts = false
        var failsPromotions = false
    }

    init(_ sealer: AESGCMKeySealer) {
        state = Mutex(State(file: sealer))
    }

    static func sealer(_ byte: UInt8) throws -> AESGCMKeySealer {
        try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: byte, count: 32))
    }

    func failDrafts() {
        state.withLock { $0.failsDrafts = true }
    }

    func failPromotions(_ fails: Bool) {
        state.withLock { $0.failsPromotions = fails }
    }

    var file: AESGCMKeySealer {
        state.withLock { $0.file }
    }

    var hasNoDraft: Bool {
        state.withLock { $0.draft == nil }
    }

    /// Whether one of the two files opens the ring.
    func opens(_ ring: KeyRing) -> Bool {
        let files = state.withLock { [$0.file] + ($0.draft.map { [$0] } ?? []) }
        return files.contains { (try? SigningKeys(opening: ring, with: $0)) != nil }
    }

    func makeDraft() throws -> any KeySealer {
        try state.withLock { state in
            guard !state.failsDrafts else { throw Full() }
            state.next += 1
            let draft = try Self.sealer(state.next)
            state.draft = draft
            return draft
        }
    }

    func promoteDraft() throws {
        try state.withLock { state in
            guard !state.failsPromotions, let draft = state.draft else { throw Full() }
            state.file = draft
            state.draft = nil
        }
    }
}
