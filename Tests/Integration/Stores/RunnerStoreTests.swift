// Runners: added, found, revoked.

import Issuer
import JOSE
import Keys
import Storage
import Testing

@Suite struct RunnerStoreTests {
    @Test func `a runner is found by its digest alone`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await temporary.store.runner(TemporaryStore.digest(1)) == temporary.runner)
        #expect(try await temporary.store.runner(TemporaryStore.digest(2)) == nil)
        #expect(temporary.runner.name == "builder")
        #expect(temporary.runner.patterns.map(\.text) == ["acme/*"])
        #expect(try await temporary.lastRecords(1) == ["runner_add permit ok"])
    }

    @Test func `a live name cannot be taken`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        #expect(
            try await !store.addRunner(named: "builder", patterns: [], digest: TemporaryStore.digest(2), at: time(600))
        )
        #expect(try await store.runner(TemporaryStore.digest(2)) == nil)
        #expect(try await store.runners() == [temporary.runner])
        // Bytes: another case is another name.
        #expect(
            try await store.addRunner(named: "Builder", patterns: [], digest: TemporaryStore.digest(3), at: time(600))
        )
    }

    @Test func `a digest that is taken is no crash and fails nobody else`() async throws {
        let temporary = try await TemporaryStore()
        await #expect(throws: StoreError.unavailable) {
            try await temporary.store.addRunner(
                named: "x",
                patterns: [],
                digest: TemporaryStore.digest(1),
                at: time(600)
            )
        }
        #expect(temporary.store.isWritable)
        #expect(try await temporary.store.runners() == [temporary.runner])
        #expect(try await temporary.store.runner(TemporaryStore.digest(1)) == temporary.runner)
    }

    @Test func `revoking ends the runner and its jobs, and frees its name`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        let other = try await TemporaryStore.addRunner("other", digit: 9, to: store)
        let jobs = [try await temporary.registered(), try await temporary.registered()]
        let theirs = try temporary.job(of: other)
        #expect(try await store.register(theirs, permits: []) == .registered)
        #expect(store.liveJobCount == 3)

        #expect(try await store.revokeRunner(named: "nobody", at: time(1100)) == nil)
        #expect(try await store.revokeRunner(named: "builder", at: time(1100)) == 2)
        #expect(try await store.runner(TemporaryStore.digest(1)) == nil)
        #expect(store.liveJobCount == 1)
        for job in jobs {
            #expect(try await store.job(job.id)?.end == JobEnd(reason: .runnerRevoked, at: time(1100)))
        }
        #expect(try await store.job(theirs.id)?.end == nil)
        #expect(try await temporary.lastRecords(1) == ["runner_revoke permit ok"])
        // Twice is not found.
        #expect(try await store.revokeRunner(named: "builder", at: time(1200)) == nil)

        // The name may be used again; the number never is.
        let next = try await TemporaryStore.addRunner("builder", digit: 3, to: store)
        #expect(next.id > other.id)
        #expect(try await store.runners().map(\.revokedAt) == [time(1100), nil, nil])
        // The new one of that name did not inherit the jobs.
        #expect(try await store.revokeRunner(named: "builder", at: time(1300)) == 0)
    }

    @Test func `a revoked runner registers nothing, and the attempt is recorded`() async throws {
        let temporary = try await TemporaryStore()
        let job = try temporary.job()
        _ = try await temporary.store.revokeRunner(named: "builder", at: time(900))
        let permits = [TemporaryStore.registration(of: job), TemporaryStore.permit(of: job)]
        #expect(try await temporary.store.register(job, permits: permits) == .refused(.runnerRevoked))
        #expect(try await temporary.store.job(job.id) == nil)
        #expect(
            try await temporary.lastRecords(2) == ["registration deny runner_revoked", "token deny runner_revoked"]
        )
    }

    @Test func `runners survive a restart, the revoked ones as revoked`() async throws {
        let temporary = try await TemporaryStore()
        try await TemporaryStore.addRunner("second", digit: 2, to: temporary.store)
        _ = try await temporary.store.revokeRunner(named: "builder", at: time(600))
        let before = try await temporary.store.runners()
        let store = try temporary.reopened()
        #expect(try await store.runners() == before)
        #expect(try await store.runner(TemporaryStore.digest(1)) == nil)
        #expect(try await store.runner(TemporaryStore.digest(2))?.name == "second")
        // A number is not used again, not even after a restart.
        #expect(try await TemporaryStore.addRunner("third", digit: 3, to: store).id == 3)
    }

    @Test func `a runner with as many and as long patterns as there may be does not lock the store out`() async throws {
        let temporary = try await TemporaryStore()
        let patterns = try (0..<Runner.maximumPatterns).map { number in
            try RepositoryPattern(ByteString("acme/\(100 + number)" + String(repeating: "\\", count: 247)))
        }
        let digest = TemporaryStore.digest(2)
        #expect(try await temporary.store.addRunner(named: "many", patterns: patterns, digest: digest, at: time(600)))
        #expect(try await temporary.store.runners().last?.patterns == patterns)
        #expect(try await temporary.reopened().runner(digest)?.patterns == patterns)
    }
}
