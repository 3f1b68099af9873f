// Not every live job is in memory; none is lost for it.

import Issuer
import JOSE
import Keys
import Policy
import Storage
import TestSupport
import Testing

@Suite(.eachStore) struct RecentJobsTests {
    @Test func `what is used stays, what is not goes, and never more than two generations are held`() async throws {
        let temporary = try await TemporaryStore()
        let jobs = try (0..<10).map { _ in try temporary.job() }
        var recent = RecentJobs(capacity: 3)
        recent[jobs[0].id] = jobs[0]
        for job in jobs.dropFirst() {
            recent[job.id] = job
            // Used each time.
            #expect(recent[jobs[0].id] == jobs[0])
            #expect(recent.count <= 6)
        }
        #expect(recent[jobs[1].id] == nil)
        #expect(recent[jobs[9].id] == jobs[9])
        recent[jobs[9].id] = nil
        #expect(recent[jobs[9].id] == nil)
        recent.removeAll { $0.runner == temporary.runner.id }
        #expect(recent.count == 0)
    }

    @Test func `a job is read from the file again, with all that became of it`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered([("lease", .integer(60))], facts: [("environment", "production")])
        let other = try await temporary.registered()
        let store = try temporary.reopened()
        defer { store.close() }
        #expect(store.liveJobCount == 2)
        #expect(try await store.job(job.id) == job)
        #expect(try await store.jobsWithEnvironment() == [job])
        #expect(try await store.extendLease(of: job.id, to: time(1100), at: time(1001)) == nil)
        #expect(try await store.job(job.id)?.leaseExpiresAt == time(1100))
        let facts = try other.facts.adding(JSONObject([("sha", "0f")]))
        #expect(try await store.setFacts(facts, of: other, at: time(1001)) == nil)
        #expect(try await store.job(other.id)?.facts == facts)
        try await store.end(other.id, at: time(1002))
        #expect(try await store.job(other.id)?.end?.at == time(1002))
        #expect(store.liveJobCount == 1)
        // Again changes nothing.
        try await store.end(other.id, at: time(1003))
        #expect(store.liveJobCount == 1)
    }

    @Test func `all jobs with an environment are found, page after page`() async throws {
        let temporary = try await TemporaryStore()
        var expected: Set<JobID> = []
        try await withThrowingTaskGroup(of: JobID?.self) { group in
            for index in 0..<1100 {
                group.addTask {
                    let facts: [(ByteString, JSONValue)] = index % 3 == 0 ? [("environment", "e")] : []
                    let job = try await temporary.registered(facts: facts, at: time(1000 + Int64(index / 100)))
                    return index % 3 == 0 ? job.id : nil
                }
            }
            for try await id in group { if let id { expected.insert(id) } }
        }
        let found = try await temporary.store.jobsWithEnvironment()
        #expect(found.count == expected.count)
        #expect(Set(found.map(\.id)) == expected)
    }

    @Test(.tags(.sqliteFile)) func `a job that cannot be read gets nothing, and the others are served`() async throws {
        let temporary = try await TemporaryStore()
        let (job, other) = (try await temporary.registered(), try await temporary.registered())
        temporary.store.close()
        try RawDatabase.run(
            "UPDATE job SET facts = x'7b' WHERE id = CAST('\(job.id.text)' AS BLOB)",
            in: temporary.files.database
        )
        let store = try TemporaryStore.open(temporary.folder)
        defer { store.close() }
        await #expect(throws: StoreError.unavailable) { try await store.job(job.id) }
        #expect(try await store.job(other.id) == other)
        #expect(try await store.commit([TemporaryStore.permit(of: other)], of: other, at: time(1001)) == nil)
    }

    // MARK: How many may live

    @Test func `a runner has no more live jobs than it may, however they come`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        let outcomes = try await withThrowingTaskGroup(of: RegistrationOutcome.self) { group in
            for _ in 0..<40 {
                let job = try temporary.job()
                group.addTask {
                    try await store.register(job, permits: [TemporaryStore.registration(of: job)], liveJobs: 15)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == .registered } == 15)
        #expect(outcomes.count { $0 == .refused(.tooManyLiveJobs) } == 25)
        #expect(store.liveJobCount == 15)
        // Another runner's jobs are its own.
        let runner = try await TemporaryStore.addRunner("other", digit: 2, to: store)
        let foreign = try temporary.job(of: runner)
        #expect(try await store.register(foreign, permits: [], liveJobs: 1) == .registered)
        // The bound holds after a restart, and one that ends makes room.
        let reopened = try temporary.reopened()
        defer { reopened.close() }
        let next = try temporary.job()
        #expect(try await reopened.register(next, permits: [], liveJobs: 15) == .refused(.tooManyLiveJobs))
        #expect(try await reopened.endLapsedJobs(at: time(99_999)) == 16)
        #expect(try await reopened.register(next, permits: [], liveJobs: 1) == .registered)
    }
}
