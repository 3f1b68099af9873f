// What a job's environment asks before there is a token (threats B20, B21).

import Issuer
import JOSE
import Keys
import Policy
import TestSupport
import Testing

@Suite struct ApprovalTests {
    private let store = InMemoryStore()
    private let now = time(1_000_000)
    private let reading = ClockReading(wall: time(1_000_005), sinceBoot: .zero, boot: "b")

    private static func rule(_ approvers: [ByteString] = [], wait: Int64 = 0) -> EnvironmentRule {
        EnvironmentRule(refs: nil, approvers: approvers, wait: wait)
    }

    /// A policy that permits everything, with one environment.
    private static func policy(_ approvers: String, wait: String? = nil) throws -> PolicySet {
        let names = approvers.split(separator: " ").map { JSONValue.string(ByteString(String($0))) }
        var rule = JSONObject()
        rule["approvers"] = names.isEmpty ? nil : .array(names)
        rule["wait"] = wait.map { .string(ByteString($0)) }
        let any = JSONObject([("name", "any"), ("audiences", .array(["*"]))])
        return try PolicySet(
            PolicyDocument(
                parsing: .object(
                    JSONObject([
                        ("environments", .object(JSONObject([("production", .object(rule))]))),
                        ("rules", .array([.object(any)])),
                    ])
                )
            )
        )
    }

    private func register(_ issuer: TokenIssuer, facts: [(ByteString, JSONValue?)] = []) async throws -> Job {
        let body = Samples.body(facts: [("environment", "production")] + facts).serialized
        let registrar = JobRegistrar(jobs: store, auditLog: store, issuer: issuer)
        return try await registrar.register(body, by: Samples.runner(), at: now).job
    }

    private func approve(_ job: Job, as name: ByteString?, _ issuer: TokenIssuer) async throws {
        let desk = OperatorDesk(store: store, ledger: InMemoryRevocationLedger(), keyDesk: nil, issuer: issuer)
        _ = try await desk.perform(.approveJob(id: job.id.text, approver: name), at: reading, by: 7)
    }

    private func planner(_ policy: PolicySet?) throws -> TokenPlanner {
        TokenPlanner(
            rules: StandingRules(ownURLs: OwnURLs([try Samples.issuer.get()])),
            profiles: TokenProfiles(standard: TokenProfile(algorithm: .ES256, lifetime: 300)),
            policy: policy
        )
    }

    @Test func `a rule asks for an approver, a time, both or nothing`() {
        #expect(Approval(Self.rule(), since: now) == nil)
        let named = Approval(Self.rule(["alice"]), since: now)
        #expect(named == Approval(isRequired: true, since: now, waitsUntil: now))
        let timed = Approval(Self.rule(wait: 60), since: now)
        #expect(timed == Approval(isRequired: false, since: now, waitsUntil: now.advanced(bySeconds: 60)))
    }

    @Test(
        arguments: [
            // required, given, seconds waited of 60, waiting
            (true, false, 59, true), (true, false, 61, true), (true, true, 59, true), (true, true, 60, false),
            (false, false, 59, true), (false, false, 60, false),
        ] as [(Bool, Bool, Int64, Bool)]
    )
    func `there is a token after the approval and after the time`(
        isRequired: Bool,
        isGiven: Bool,
        seconds: Int64,
        isWaiting: Bool
    ) {
        let approval = Approval(
            isRequired: isRequired,
            since: now,
            waitsUntil: now.advanced(bySeconds: 60),
            given: isGiven ? Approval.Given(by: "alice", at: now) : nil
        )
        #expect(approval.isWaiting(at: now.advanced(bySeconds: seconds)) == isWaiting)
    }

    @Test func `a later rule only ever asks for more`() {
        let asked = Approval(isRequired: true, since: now, waitsUntil: now.advanced(bySeconds: 60))
        #expect(asked.narrowed(by: Self.rule()) == asked)
        let longer = asked.narrowed(by: Self.rule(wait: 90))
        #expect(longer.isRequired && longer.waitsUntil == now.advanced(bySeconds: 90))
        let timed = Approval(isRequired: false, since: now, waitsUntil: now)
        #expect(timed.narrowed(by: Self.rule(["alice"])).isMissing)
    }

    @Test(
        arguments: [
            ("alice", "bob", ["alice"], nil), (nil, "bob", ["alice"], nil), ("bob", nil, ["alice", "bob"], nil),
            (nil, "bob", ["alice", "dora"], .approverMissing), ("eve", "bob", ["alice"], .notAnApprover),
            ("alice", "bob", [], .notAnApprover), (nil, "bob", [], .notAnApprover),
            ("Alice", "bob", ["alice"], .notAnApprover), ("alice", "alice", ["alice", "bob"], .selfApproval),
            // Where nobody else is named, there is nobody else to ask.
            ("alice", "alice", ["alice"], nil), (nil, "alice", ["alice"], nil),
            // Forges take them for the same.
            ("alice", "ALICE", ["alice", "bob"], .selfApproval), ("", nil, ["alice"], .notAnApprover),
        ] as [(ByteString?, ByteString?, [ByteString], RefusalReason?)]
    )
    func `an approver is one whom the policy names, and not who started the job`(
        name: ByteString?,
        actor: ByteString?,
        approvers: [ByteString],
        reason: RefusalReason?
    ) throws {
        let job = try Samples.live(facts: [("actor", actor.map { .string($0) })])
        do throws(Refusal) {
            let approver = try Approval.approver(name, of: job, among: approvers)
            #expect(reason == nil && approvers.contains(approver))
        } catch {
            #expect(error.reason == reason)
        }
    }

    @Test func `a job has no token before its approval, and says in each who gave it`() async throws {
        let issuer = try Samples.tokenIssuer(store, policy: Self.policy("alice bob"))
        let job = try await register(issuer)
        let request = TokenRequest(audiences: try Audiences(["a"]))
        await #expect(throws: IssuanceError.refused(Refusal(.waitingApproval, "production"))) {
            try await issuer.issue(request, for: job, at: now)
        }
        try await approve(job, as: "bob", issuer)
        let approved = try #require(try await store.job(job.id))
        #expect(approved.revision == 1)
        let compact = try await issuer.issue(request, for: approved, at: reading.wall).compact
        let payload = try UnverifiedToken(parsing: compact.bytes).payload
        let claims = try #require(try JSONReader.read(payload).objectValue)
        #expect(claims["environment_approved_by"] == "bob")
        #expect(claims["environment_approved_at"] == .string(reading.wall.internetDate))
        let record = try #require(store.records.first { $0.operation == .jobApprove })
        #expect(record.approver == "bob" && record.peerUID == 7 && record.job == job.id)
    }

    @Test func `who asks again and again is recorded a few times`() async throws {
        let issuer = try Samples.tokenIssuer(store, policy: Self.policy("alice"))
        let job = try await register(issuer)
        let request = TokenRequest(audiences: try Audiences(["a"]))
        for _ in 0..<1000 { _ = try? await issuer.issue(request, for: job, at: now) }
        let refusals = store.records.filter { $0.reason == "waiting_approval" && $0.decision == .deny }
        #expect((1...20).contains(refusals.count))
    }

    @Test func `what the registration asked for stays when the policy goes`() async throws {
        let issuer = try Samples.tokenIssuer(store, policy: Self.policy("alice", wait: "10m"))
        let job = try await register(issuer)
        for policy in [nil, try Self.policy("")] {
            issuer.use(try planner(policy))
            #expect(try issuer.isWaiting(job, at: now.advanced(bySeconds: 3000)))
            await #expect(throws: Refusal(.notAnApprover, "alice")) { try await approve(job, as: "alice", issuer) }
        }
    }

    @Test func `what a later policy asks beyond the registration is asked, too`() async throws {
        let issuer = try Samples.tokenIssuer(store, policy: Self.policy("", wait: "60s"))
        let job = try await register(issuer)
        #expect(try !issuer.isWaiting(job, at: now.advanced(bySeconds: 60)))
        issuer.use(try planner(Self.policy("", wait: "90s")))
        #expect(try issuer.isWaiting(job, at: now.advanced(bySeconds: 60)))
        issuer.use(try planner(Self.policy("alice")))
        #expect(try issuer.isWaiting(job, at: now.advanced(bySeconds: 3000)))
    }

    @Test func `a job of before the policy waits when there is one`() async throws {
        let issuer = try Samples.tokenIssuer(store)
        let job = try await register(issuer)
        #expect(job.approval == nil)
        issuer.use(try planner(Self.policy("alice")))
        #expect(try issuer.isWaiting(job, at: now))
        try await approve(job, as: nil, issuer)
        let approved = try #require(try await store.job(job.id))
        #expect(try !issuer.isWaiting(approved, at: now))
        // An approval is a fact: that the approver leaves takes nothing back.
        issuer.use(try planner(Self.policy("dora")))
        #expect(try !issuer.isWaiting(approved, at: now))
    }

    @Test func `an environment that comes late is waited for from then on`() async throws {
        let issuer = try Samples.tokenIssuer(store, policy: Self.policy("", wait: "60s"))
        let registrar = JobRegistrar(jobs: store, auditLog: store, issuer: issuer)
        let job = try await registrar.register(Samples.body().serialized, by: Samples.runner(), at: now).job
        #expect(job.approval == nil)
        let later = now.advanced(bySeconds: 50)
        let patch = Array(#"{"job":{"environment":"production"}}"#.utf8)
        let patched = try await registrar.setFacts(patch, of: job.id, by: Samples.runner(), at: later)
        #expect(patched.approval?.waitsUntil == now.advanced(bySeconds: 110))
        #expect(try await store.job(job.id)?.approval == patched.approval)
    }

    @Test func `a fact that comes after the approval takes it back, the same again does not`() async throws {
        let issuer = try Samples.tokenIssuer(store, policy: Self.policy("alice bob"))
        let job = try await register(issuer, facts: [("sha", "0f")])
        try await approve(job, as: "alice", issuer)
        let registrar = JobRegistrar(jobs: store, auditLog: store, issuer: issuer)
        let same = Array(#"{"job":{"sha":"0f"}}"#.utf8)
        #expect(try await registrar.setFacts(same, of: job.id, by: Samples.runner(), at: now).approval?.given != nil)
        let actor = Array(#"{"job":{"actor":"alice"}}"#.utf8)
        #expect(try await registrar.setFacts(actor, of: job.id, by: Samples.runner(), at: now).approval?.given == nil)
        await #expect(throws: Refusal(.selfApproval, "alice")) { try await approve(job, as: "alice", issuer) }
    }

    @Test func `a job whose tokens an approval would make too long is refused when it is registered`() async throws {
        let name = String(repeating: "a", count: PreparedToken.maximumLength)
        let issuer = try Samples.tokenIssuer(store, policy: Self.policy(name))
        await #expect(throws: IssuanceError.refused(Refusal(.tokenTooLarge))) { try await register(issuer) }
    }

    @Test func `nothing is approved or listed where no issuer runs`() async throws {
        let desk = OperatorDesk(store: store, ledger: InMemoryRevocationLedger(), keyDesk: nil)
        for command in [.listWaitingJobs, .approveJob(id: "j", approver: nil)] as [OperatorCommand] {
            await #expect(throws: Refusal(.issuerNotRunning)) { try await desk.perform(command, at: reading) }
        }
    }
}
