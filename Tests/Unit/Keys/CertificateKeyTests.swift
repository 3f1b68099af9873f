// Keys that sign certificates, in the same ring as those that sign tokens.

import JOSE
import Keys
import TestSupport
import Testing

@Suite struct CertificateKeyTests {
    /// A certificate in name only, good for as long as a key of ``Rotations`` waits, signs and retires.
    private struct Certifier: KeyCertifier {
        static let lifetime: Int64 = 1000 + 2 * 10_000 + 3000

        func certificate(for privateKey: PrivateSigningKey, preparedAt: NumericDate) -> KeyCertificate {
            KeyCertificate(
                der: privateKey.publicKey.thumbprint.bytes,
                expiresAt: preparedAt.advanced(bySeconds: Self.lifetime)
            )
        }
    }

    private static let pool: Result<[SigningKey], any Error> = Result {
        let maker = KeyMaker(sealer: try TestKeys.sealer.get(), certifier: Certifier())
        return try (0..<3).map { _ in try maker.makeKey(.certificates, preparedAt: time(2000)) }
    }

    private let keys: [SigningKey]
    private let rules: RotationRules

    init() throws {
        keys = try Self.pool.get()
        rules = RotationRules(schedule: try Rotations.schedule(), purposes: [.ES256, .certificates])
    }

    /// Key 0 of each purpose signs since 2000, key 1 stands by and is published since then; certificates end at 26,000.
    private func ring() throws -> KeyRing {
        try TestKeys.smallRing().publishing(TestKeys.es256(1).kid, at: time(2000))
            .preparing(keys[0]).activating(keys[0].kid, at: time(2000))
            .preparing(keys[1]).publishing(keys[1].kid, at: time(2000))
    }

    private func plan(_ ring: KeyRing, at now: Int64) -> RotationPlan {
        RotationPlanner(rules: rules).plan(RotationState(ring: ring, rules: rules), served: [], at: time(now))
    }

    private func steps(_ ring: KeyRing, at now: Int64) -> [RotationStep] {
        let kids = Set(keys.map(\.kid))
        return plan(ring, at: now).steps.filter { step in
            switch step.action {
            case .prepare(let purpose), .begin(let purpose): purpose == .certificates
            case .publish(let kid), .activate(let kid), .retire(let kid), .revoke(let kid): kids.contains(kid)
            }
        }
    }

    private func step(_ action: RotationStep.Action, _ reason: KeyTransition.Reason) -> RotationStep {
        RotationStep(action, because: reason)
    }

    // MARK: Rotation

    @Test func `they rotate beside the keys for tokens, which use the same algorithm`() throws {
        let ring = try ring()
        #expect(plan(ring, at: 11_999).steps.isEmpty)
        #expect(
            steps(ring, at: 12_000) == [step(.activate(keys[1].kid), .due), step(.prepare(.certificates), .due)]
        )
        let rotated = try ring.activating(keys[1].kid, at: time(12_000))
        #expect(rotated.key(keys[0].kid)?.state == .retiring)
        #expect(try rotated.active(.ES256)?.kid == TestKeys.es256(0).kid)
        #expect(rotated.active(for: .certificates)?.kid == keys[1].kid)
    }

    @Test func `a ring whose rules ask for them and that has none gets them`() throws {
        let ring = try TestKeys.smallRing()
        #expect(
            steps(ring, at: 3000) == [
                step(.begin(.certificates), .noActiveKey), step(.prepare(.certificates), .noActiveKey),
            ]
        )
    }

    @Test func `rules that do not ask for them leave them alone`() throws {
        let rules = try Rotations.rules()
        let plan = RotationPlanner(rules: rules).plan(RotationState(ring: try ring()), served: [], at: time(12_000))
        #expect(!plan.steps.contains { $0.action == .activate(keys[1].kid) || $0.action == .prepare(.certificates) })
    }

    @Test func `a place that publishes the key set does not hold them back`() throws {
        let rules = RotationRules(
            schedule: try Rotations.schedule(),
            places: ["web"],
            purposes: [.ES256, .certificates]
        )
        let plan = RotationPlanner(rules: rules).plan(RotationState(ring: try ring()), served: [], at: time(12_000))
        #expect(plan.steps.map(\.action) == [.activate(keys[1].kid), .prepare(.certificates)])
    }

    // MARK: Expiry

    @Test func `a key whose certificate has expired signs no more, whatever its age`() throws {
        // Everything was off since 12,000: key 0 ended at 26,000, as did the standby.
        let ring = try ring()
        #expect(
            Set(steps(ring, at: 26_000)) == [
                step(.begin(.certificates), .certificateExpired), step(.prepare(.certificates), .certificateExpired),
                step(.retire(keys[1].kid), .certificateExpired),
            ]
        )
    }

    @Test func `a standby that is good for long enough takes over from one that has expired`() throws {
        let later = SigningKey(
            publicKey: keys[2].publicKey,
            purpose: .certificates,
            sealed: try #require(keys[2].sealedPrivateKey),
            certificate: KeyCertificate(der: [1], expiresAt: time(60_000)),
            preparedAt: time(20_000)
        )
        let ring = try ring().retiring(keys[1].kid, at: time(20_000)).preparing(later)
        #expect(
            steps(ring, at: 26_000) == [
                step(.activate(later.kid), .certificateExpired), step(.prepare(.certificates), .certificateExpired),
            ]
        )
    }

    @Test func `a standby whose certificate does not outlive the grace is replaced and never activated`() throws {
        let ring = try ring()
        // At 22,999 a certificate that ends at 26,000 still outlives 3000 of grace; at 23,000 it does not.
        #expect(steps(ring, at: 22_999).contains(step(.activate(keys[1].kid), .due)))
        let steps = steps(ring, at: 23_000)
        #expect(steps.contains(step(.retire(keys[1].kid), .certificateExpired)))
        #expect(steps.contains(step(.prepare(.certificates), .due)))
        #expect(!steps.contains { $0.action == .activate(keys[1].kid) })
    }

    @Test func `a key is changed before its certificate ends within the grace`() throws {
        // Activated late, at 20,000: due by age at 30,000, by its certificate at 23,000.
        let next = SigningKey(
            publicKey: keys[2].publicKey,
            purpose: .certificates,
            sealed: try #require(keys[2].sealedPrivateKey),
            certificate: KeyCertificate(der: [1], expiresAt: time(60_000)),
            preparedAt: time(20_000)
        )
        let ring = try ring().activating(keys[1].kid, at: time(20_000)).preparing(next)
            .publishing(next.kid, at: time(20_000))
        #expect(steps(ring, at: 22_999).contains { $0.action == .activate(next.kid) } == false)
        #expect(steps(ring, at: 23_000).contains(step(.activate(next.kid), .due)))
    }

    @Test func `what operators ask for heeds the certificate too`() throws {
        let planner = RotationPlanner(rules: rules)
        let state = RotationState(ring: try ring(), rules: rules)
        #expect(throws: RotationRefusal.unusable(keys[1].kid)) {
            try planner.activating(keys[1].kid, state, at: time(23_000))
        }
        #expect(throws: RotationRefusal.noStandby(.certificates)) {
            try planner.activatingStandbys([.certificates], state, at: time(23_000))
        }
        #expect(
            try planner.activatingStandbys([.certificates], state, at: time(12_000)).first?.action
                == .activate(keys[1].kid)
        )
        #expect(
            try planner.preparing(nil, state, at: time(3000)).map(\.action) == [
                .prepare(.ES256), .prepare(.certificates),
            ]
        )
        #expect(
            try planner.revoking([keys[0].kid], state, at: time(23_000)).map(\.action)
                == [.revoke(keys[0].kid), .begin(.certificates)]
        )
        #expect(throws: RotationRefusal.notHeld(.RS256)) { try planner.preparing([.RS256], state, at: time(3000)) }
    }

    // MARK: Made, kept, served

    @Test func `the key set never holds them, the authorities do`() throws {
        let ring = try ring()
        #expect(ring.published.keys.map(\.thumbprint) == [try TestKeys.es256(0).kid, try TestKeys.es256(1).kid])
        #expect(ring.publishedCertificates == [keys[0].certificate, keys[1].certificate])
        #expect(ring.publishedKids.count == 4)
        let opened = try SigningKeys(opening: ring, with: TestKeys.sealer.get())
        #expect(try opened.signer(for: .certificates).kid == keys[0].kid)
        #expect(try opened.signer(.ES256).kid == TestKeys.es256(0).kid)
        let retired = try ring.activating(keys[1].kid, at: time(3000)).retiring(keys[0].kid, at: time(9000))
        #expect(retired.publishedCertificates == [keys[1].certificate])
    }

    @Test func `without what certifies none is made, and nothing changes`() async throws {
        let store = InMemoryKeyStore(try TestKeys.smallRing(), rules: rules)
        let rotation = KeyRotation(store: store, sealer: try TestKeys.sealer.get())
        await #expect(throws: KeyRingError.noCertifier) {
            try await rotation.change(at: time(3000)) { _ in [RotationStep(.prepare(.certificates), because: .asked)] }
        }
        #expect(try await store.keyRing() == TestKeys.smallRing())
    }

    @Test func `the first turn makes them with their certificates`() async throws {
        let store = InMemoryKeyStore(rules: rules)
        let custodian = KeyCustodian(
            store: store,
            sealer: try TestKeys.sealer.get(),
            ledger: InMemoryRevocationLedger(),
            clock: ClockGuard(trusted: nil),
            standardRules: rules,
            certifier: Certifier()
        )
        let ring = try await custodian.turn(at: Rotations.reading(5000)).state.ring
        #expect(ring.violations.isEmpty)
        #expect(ring.keys.count == 4)
        let active = try #require(ring.active(for: .certificates))
        #expect(active.certificate?.der == active.kid.bytes)
        #expect(active.certificate?.expiresAt == time(5000 + Certifier.lifetime))
        #expect(ring.standbys(for: .certificates).count == 1)
    }

    @Test func `a ring with them is read back as it was written`() throws {
        let rotated = try ring().activating(keys[1].kid, at: time(12_000)).preparing(keys[2])
        for ring in [try ring(), rotated, try rotated.retiring(keys[0].kid, at: time(16_000))] {
            #expect(try KeyRingDocument.read(KeyRingDocument.write(ring)) == ring)
        }
    }

    @Test(arguments: [
        (#""purpose":"certificates","#, ""), (#""purpose":"certificates""#, #""purpose":"ES256""#),
        (#""certificateExpiresAt":26000"#, #""certificateExpiresAt":"26000""#),
        (#""certificate":""#, #""certificate":"=""#), (#","certificateExpiresAt":26000"#, ""),
    ])
    func `a certificate's key with one thing changed is refused`(original: String, changed: String) throws {
        let text = ByteString(KeyRingDocument.write(try ring())).string
        let parts = text.split(separator: original, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        #expect(throws: KeyRingError.malformedDocument) {
            try KeyRingDocument.read(Array((parts[0] + changed + parts[1]).utf8))
        }
    }

    @Test func `two that sign at once are no ring`() throws {
        let text = ByteString(KeyRingDocument.write(try ring().activating(keys[1].kid, at: time(3000)))).string
        let both = text.replacing("\"state\":\"retiring\"", with: "\"state\":\"active\"")
        #expect(throws: KeyRingError.malformedDocument) { try KeyRingDocument.read(Array(both.utf8)) }
    }

    @Test func `rules that ask for them are read back, and others are the bytes they always were`() throws {
        let document = RotationRulesDocument.write(rules)
        #expect(ByteString(document).string.hasSuffix(#","places":[],"purposes":["ES256","certificates"]}"#))
        #expect(try RotationRulesDocument.read(document) == rules)
        #expect(!ByteString(RotationRulesDocument.write(try Rotations.rules())).string.contains("purposes"))
        for changed in [#"["ES256"]"#, #"["ES256","x"]"#, #"["RS256","ES256"]"#, #""ES256""#, #"["ES256",1]"#] {
            let text = ByteString(document).string.replacing(#"["ES256","certificates"]"#, with: changed)
            let read = try? RotationRulesDocument.read(Array(text.utf8))
            #expect(read == nil || read?.purposes == [.ES256])
        }
    }

    @Test func `a schedule counts the keys of every purpose`() throws {
        let purposes = KeyPurpose.allTokens + [.certificates]
        #expect(try Rotations.schedule().keysAtOnce(of: purposes) == 9)
        #expect(throws: RotationScheduleError.tooManyPublished(needed: 9)) {
            try RotationSchedule(maximumPublished: 8, maximumTokenLifetime: .seconds(600), purposes: purposes)
        }
    }
}
