// Approvals in the store: durable, once, and read again in the transaction that lets a token leave.

import Issuer
import JOSE
import Keys
import Storage
import TestSupport
import Testing

@Suite(.eachStore) struct ApprovalStoreTests {
    private let temporary: TemporaryStore
    private var store: any TestedStore { temporary.store }
    private let asked = Approval(isRequired: true, since: time(1000), waitsUntil: time(1000))

    init() async throws {
        temporary = try await TemporaryStore()
        #expect(try await temporary.store.replaceKeyRing(with: TestKeys.ring(), expecting: 0))
    }

    /// A job that waits.
    private func waiting(_ approval: Approval? = nil) async throws -> Job {
        let job = try temporary.job(facts: [("environment", "production")]).changing(approval: approval ?? asked)
        #expect(try await store.register(job, permits: [TemporaryStore.registration(of: job)]) == .registered)
        return job
    }

    private func approve(_ job: Job, _ name: ByteString = "alice", at now: NumericDate) async throws -> RefusalReason? {
        let given = try #require(job.approval).given(Approval.Given(by: name, at: now))
        let record = AuditRecord(at: now, operation: .jobApprove, decision: .permit, reason: "ok", approver: name)
        return try await store.approve(job, as: given, recording: record, at: now)
    }

    private func commit(_ job: Job, at now: NumericDate) async throws -> CommitObstacle? {
        let permit = TemporaryStore.permit(of: job, kid: try TestKeys.key(0).kid)
        return try await store.commit([permit], of: job, at: now)
    }

    @Test func `an approval is there for the next process, with its record`() async throws {
        let job = try await waiting()
        #expect(try await approve(job, at: time(1005)) == nil)
        let approved = asked.given(Approval.Given(by: "alice", at: time(1005)))
        let expected = job.changing(revision: 1, approval: approved)
        #expect(try await store.job(job.id) == expected)
        #expect(try await temporary.lastRecords(1) == ["job_approve permit ok"])
        let next = try temporary.reopened()
        defer { next.close() }
        #expect(try await next.job(job.id) == expected)
        #expect(try await next.jobsWithEnvironment() == [expected])
    }

    @Test func `a job that waits is one that waits for the next process`() async throws {
        let job = try await waiting(Approval(isRequired: false, since: time(1000), waitsUntil: time(1600)))
        let next = try temporary.reopened()
        defer { next.close() }
        #expect(try await next.job(job.id) == job)
    }

    @Test func `no token leaves for a job that waits, whoever made it`() async throws {
        let job = try await waiting(Approval(isRequired: true, since: time(1000), waitsUntil: time(1010)))
        #expect(try await commit(job, at: time(1020)) == .refused(.waitingApproval))
        #expect(try await temporary.lastRecords(1) == ["token deny waiting_approval"])
        #expect(try await approve(job, at: time(1005)) == nil)
        let approved = try #require(try await store.job(job.id))
        #expect(try await commit(approved, at: time(1009)) == .refused(.waitingApproval))
        #expect(try await commit(approved, at: time(1010)) == nil)
    }

    @Test func `a token of what was before the approval never leaves`() async throws {
        let job = try await waiting()
        #expect(try await approve(job, at: time(1005)) == nil)
        #expect(try await commit(job, at: time(1006)) == .refused(.factsChanged))
    }

    @Test func `of two approvals the first stands, and an ended job gets none`() async throws {
        let job = try await waiting()
        #expect(try await approve(job, at: time(1005)) == nil)
        #expect(try await approve(job, "bob", at: time(1006)) == .factsChanged)
        #expect(try await store.job(job.id)?.approval?.given?.by == "alice")
        let ended = try await waiting()
        try await store.end(ended.id, at: time(1001))
        #expect(try await approve(ended, at: time(1005)) == .jobEnded)
        let lapsed = try await waiting()
        #expect(try await approve(lapsed, at: time(4600)) == .jobEnded)
    }

    @Test func `facts that are set later take the approval back`() async throws {
        let job = try await waiting()
        #expect(try await approve(job, at: time(1005)) == nil)
        let approved = try #require(try await store.job(job.id))
        let facts = try job.facts.adding(JSONObject([("sha", "0f")]))
        #expect(try await store.setFacts(facts, approval: asked, of: approved, at: time(1006)) == nil)
        #expect(try await store.job(job.id)?.approval == asked)
        let next = try temporary.reopened()
        defer { next.close() }
        #expect(try await next.job(job.id)?.approval == asked)
    }
}
