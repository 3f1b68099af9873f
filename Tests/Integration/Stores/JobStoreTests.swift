// Jobs: registered whole or not at all, over when they are over (threats A06–A08, H01).

import Issuer
import JOSE
import Keys
import Policy
import Storage
import Testing

@Suite(.eachStore) struct JobStoreTests {
    private func facts(_ job: Job, _ name: ByteString, _ value: JSONValue) throws -> JobFacts {
        try job.facts.adding(JSONObject([(name, value)]))
    }

    @Test func `a job is found as it was registered, also after a restart`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered(
            [
                ("reference", "r \u{E9}"), ("lease", .integer(60)), ("audiences", .array(["a"])),
                ("id_tokens", .object(JSONObject([("T", .object(JSONObject([("aud", "a")])))]))),
            ],
            facts: [("actor", "e\u{301}\u{1F600}\"\\"), ("repository_id", "9223372036854775807")]
        )
        #expect(try await temporary.store.job(job.id) == job)
        #expect(try await temporary.store.job(runner: 1, reference: "r \u{E9}") == job)
        let store = try temporary.reopened()
        #expect(try await store.job(job.id) == job)
        #expect(try await store.job(runner: 1, reference: "r \u{E9}") == job)
        #expect(store.liveJobCount == 1)
        #expect(try await temporary.lastRecordsOf(store, 1) == ["registration permit ok"])
    }

    @Test func `an unknown job is none`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await temporary.store.job(temporary.job().id) == nil)
        #expect(try await temporary.store.job(runner: 1, reference: "r") == nil)
    }

    @Test func `a reference is taken once per runner, also by an ended job`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        let job = try await temporary.registered([("reference", "r")])
        let count = try await temporary.records().count
        let again = try temporary.job([("reference", "r")], facts: [("sha", "0f")])
        #expect(
            try await store.register(again, permits: [TemporaryStore.registration(of: again)]) == .referenceTaken(job)
        )
        // Nothing of the second one is left.
        #expect(try await store.job(again.id) == nil)
        #expect(try await temporary.records().count == count)
        // Another runner's references are another's; bytes, not looks.
        let other = try await TemporaryStore.addRunner("other", digit: 2, to: store)
        let theirs = try temporary.job([("reference", "r")], of: other)
        #expect(try await store.register(theirs, permits: []) == .registered)
        #expect(try await store.register(temporary.job([("reference", "R")]), permits: []) == .registered)
        try await store.end(job.id, at: time(1100))
        guard case .referenceTaken(let ended) = try await store.register(again, permits: []) else {
            Issue.record("the reference was given away")
            return
        }
        #expect(ended.end == JobEnd(reason: .ended, at: time(1100)))
    }

    // A06: replay in parallel, exactly one wins.
    @Test func `of many registrations under one reference one is new`() async throws {
        let temporary = try await TemporaryStore()
        let jobs = try (0..<50).map { number in
            try temporary.job([("reference", "r")], facts: [("sha", .string(ByteString("\(number)")))])
        }
        let outcomes = try await withThrowingTaskGroup(of: RegistrationOutcome.self) { group in
            for job in jobs { group.addTask { try await temporary.store.register(job, permits: []) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == .registered } == 1)
        let winner = try #require(try await temporary.store.job(runner: 1, reference: "r"))
        #expect(outcomes.count { $0 == .referenceTaken(winner) } == 49)
        #expect(temporary.store.liveJobCount == 1)
    }

    // MARK: Facts

    @Test func `a fact is set, and the revision rises`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        #expect(try await temporary.store.setFacts(facts(job, "sha", "0f"), of: job, at: time(1001)) == nil)
        let changed = try #require(try await temporary.store.job(job.id))
        #expect(changed.facts[.sha] == "0f")
        #expect(changed.revision == 1)
        // Whoever still holds the job of before changes nothing.
        #expect(
            try await temporary.store.setFacts(facts(job, "actor", "bob"), of: job, at: time(1001)) == .factsChanged
        )
        #expect(try await temporary.reopened().job(job.id) == changed)
    }

    @Test func `no fact is set after a token`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        let permit = TemporaryStore.permit(of: job)
        #expect(try await temporary.store.commit([permit], of: job, at: time(1001)) == nil)
        #expect(
            try await temporary.store.setFacts(facts(job, "sha", "0f"), of: job, at: time(1002)) == .tokenAlreadyIssued
        )
        // A named token is a token.
        let other = try temporary.job()
        let named = [TemporaryStore.registration(of: other), TemporaryStore.permit(of: other)]
        #expect(try await temporary.store.register(other, permits: named) == .registered)
        #expect(
            try await temporary.store.setFacts(facts(other, "sha", "0f"), of: other, at: time(1002))
                == .tokenAlreadyIssued
        )
        // So it is after a restart.
        #expect(
            try await temporary.reopened().setFacts(facts(job, "sha", "0f"), of: job, at: time(1003))
                == .tokenAlreadyIssued
        )
    }

    @Test func `a refused token does not stand in a fact's way`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        let permit = TemporaryStore.permit(of: job, kid: "withdrawn")
        #expect(try await temporary.store.commit([permit], of: job, at: time(1001)) == .refused(.keyWithdrawn))
        #expect(try await temporary.store.setFacts(facts(job, "sha", "0f"), of: job, at: time(1002)) == nil)
    }

    @Test func `no fact is set after the end`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        #expect(try await temporary.store.setFacts(facts(job, "sha", "0f"), of: job, at: time(4600)) == .jobEnded)
        try await temporary.store.end(job.id, at: time(1001))
        #expect(try await temporary.store.setFacts(facts(job, "sha", "0f"), of: job, at: time(1002)) == .jobEnded)
    }

    @Test func `a fact that is set does not turn a heartbeat back`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered([("lease", .integer(60))])
        #expect(try await temporary.store.extendLease(of: job.id, to: time(1100), at: time(1040)) == nil)
        // Who sets the fact read the job before the heartbeat.
        #expect(try await temporary.store.setFacts(facts(job, "sha", "0f"), of: job, at: time(1041)) == nil)
        #expect(try await temporary.store.job(job.id)?.leaseExpiresAt == time(1100))
        #expect(try await temporary.store.job(job.id)?.end(at: time(1070)) == nil)
        #expect(try await temporary.reopened().job(job.id)?.leaseExpiresAt == time(1100))
    }

    // MARK: Ends

    @Test func `ending is recorded once and repeatable`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        try await temporary.store.end(job.id, at: time(1100))
        try await temporary.store.end(job.id, at: time(1200))
        try await temporary.store.end(temporary.job().id, at: time(1200))
        #expect(try await temporary.store.job(job.id)?.end == JobEnd(reason: .ended, at: time(1100)))
        #expect(try await temporary.records().count { $0["operation"] == "job_end" } == 1)
        #expect(temporary.store.liveJobCount == 0)
        let store = try temporary.reopened()
        #expect(try await store.job(job.id)?.end == JobEnd(reason: .ended, at: time(1100)))
        #expect(store.liveJobCount == 0)
    }

    @Test func `a job whose time was up before it was ended expired`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered([("expires_in", .integer(10))])
        try await temporary.store.end(job.id, at: time(1100))
        #expect(try await temporary.store.job(job.id)?.end == JobEnd(reason: .expired, at: time(1010)))
        #expect(try await temporary.lastRecords(1) == ["job_end permit expired"])
    }

    @Test func `lapsed leases and times are recorded, each once`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        let leased = try await temporary.registered([("lease", .integer(60))])
        let short = try await temporary.registered([("expires_in", .integer(30))])
        let both = try await temporary.registered([("expires_in", .integer(60)), ("lease", .integer(60))])
        let long = try await temporary.registered()
        #expect(try await store.endLapsedJobs(at: time(1029)) == 0)
        #expect(try await store.endLapsedJobs(at: time(1030)) == 1)
        #expect(try await temporary.lastRecords(1) == ["job_end permit expired"])
        #expect(try await store.endLapsedJobs(at: time(1059)) == 0)
        #expect(try await store.endLapsedJobs(at: time(2000)) == 2)
        #expect(
            try await Set(temporary.lastRecords(2)) == ["job_end permit lease_lost", "job_end permit expired"]
        )
        #expect(try await store.endLapsedJobs(at: time(2000)) == 0)
        #expect(try await store.job(leased.id)?.end == JobEnd(reason: .leaseLost, at: time(1060)))
        #expect(try await store.job(short.id)?.end == JobEnd(reason: .expired, at: time(1030)))
        #expect(try await store.job(both.id)?.end == JobEnd(reason: .expired, at: time(1060)))
        #expect(try await store.job(long.id)?.end == nil)
        #expect(store.liveJobCount == 1)
    }

    @Test func `a heartbeat keeps the job alive, and comes too late for a lost one`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        let job = try await temporary.registered([("lease", .integer(60))])
        #expect(try await store.extendLease(of: job.id, to: time(1119), at: time(1059)) == nil)
        #expect(try await store.job(job.id)?.leaseExpiresAt == time(1119))
        #expect(try await store.endLapsedJobs(at: time(1118)) == 0)
        // Nobody noticed yet, and still it is lost.
        #expect(try await store.extendLease(of: job.id, to: time(1179), at: time(1119)) == .jobEnded)
        #expect(try await store.endLapsedJobs(at: time(1119)) == 1)
        #expect(try await store.extendLease(of: job.id, to: time(1179), at: time(1000)) == .jobEnded)
        #expect(try await store.extendLease(of: temporary.job().id, to: time(2000), at: time(1000)) == .jobEnded)
    }

    // A07: the deadline is in the row; the sweeper is only cleaning.
    @Test func `what was never swept is over after a restart`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered([("lease", .integer(60))])
        let store = try temporary.reopened()
        #expect(try await store.job(job.id)?.end(at: time(1060))?.reason == .leaseLost)
        #expect(try await store.endLapsedJobs(at: time(99_999)) == 1)
        #expect(store.liveJobCount == 0)
    }
}
