// Runners: added, found, revoked.

import Issuer
import JOSE
import Keys
import Storage
import Testing

@Suite(.eachStore) struct RunnerStoreTests {
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
            try await !store.addRunner(
                named: "builder",
                patterns: [],
                bounds: .none,
                digest: TemporaryStore.digest(2),
                at: time(600)
            )
        )
        #expect(try await store.runner(TemporaryStore.digest(2)) == nil)
        #expect(try await store.runners() == [temporary.runner])
        // Bytes: another case is another name.
        #expect(
            try await store.addRunner(
                named: "Builder",
                patterns: [],
                bounds: .none,
                digest: TemporaryStore.digest(3),
                at: time(600)
            )
        )
    }

    @Test func `a digest that is taken is no crash and fails nobody else`() async throws {
        let temporary = try await TemporaryStore()
        await #expect(throws: StoreError.unavailable) {
            try await temporary.store.addRunner(
                named: "x",
                patterns: [],
                bounds: .none,
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

    // MARK: Bounds and rotation

    private static func bounds() throws -> RunnerBounds {
        let text = #"{"allow":{"actor":["a*"]},"deny":{"environment":true},"set":{"job":"x"},"sources":["10.0.0.0/8"],"#
        return try RunnerBounds(
            parsing: JSONBody.object(Array((text + #""max_duration":60,"valid_for":1000}"#).utf8))
        )
    }

    private func rotate(
        _ store: any TestedStore,
        to digit: UInt8,
        overlap: Int64,
        at now: NumericDate
    ) async throws -> Runner {
        let runner = try #require(try await store.runner(named: "builder"))
        let known = KnownCredential(digest: TemporaryStore.digest(digit), validity: nil, at: now)
        let next = runner.rotating(to: known, overlap: overlap, at: now)
        #expect(try await store.rotateCredential(of: runner, to: next, at: now))
        return next
    }

    @Test func `bounds and the credential's end survive a restart`() async throws {
        let temporary = try await TemporaryStore()
        let (digest, bounds) = (TemporaryStore.digest(2), try Self.bounds())
        let store = temporary.store
        #expect(try await store.addRunner(named: "x", patterns: [], bounds: bounds, digest: digest, at: time(600)))
        let runner = try #require(try await store.runner(digest))
        #expect(runner.bounds == bounds)
        #expect(runner.credentials == [KnownCredential(digest: digest, validUntil: time(1600))])
        #expect(try await temporary.reopened().runner(digest) == runner)
    }

    @Test func `both credentials of a rotation find the runner, also after a restart`() async throws {
        let temporary = try await TemporaryStore()
        let next = try await rotate(temporary.store, to: 2, overlap: 3600, at: time(700))
        #expect(next.id == temporary.runner.id)
        #expect(try await temporary.lastRecords(1) == ["runner_rotate permit ok"])
        for isRestarted in [false, true] {
            let store = isRestarted ? try temporary.reopened() : temporary.store
            for digit in [1, 2] as [UInt8] {
                #expect(try await store.runner(TemporaryStore.digest(digit)) == next)
            }
            #expect(try await store.runners() == [next])
        }
        #expect(next.credentials.map(\.validUntil) == [nil, time(4300)])
    }

    @Test func `the third credential drops the first, also after a restart`() async throws {
        let temporary = try await TemporaryStore()
        _ = try await rotate(temporary.store, to: 2, overlap: 3600, at: time(700))
        let next = try await rotate(temporary.store, to: 3, overlap: 3600, at: time(800))
        for isRestarted in [false, true] {
            let store = isRestarted ? try temporary.reopened() : temporary.store
            #expect(try await store.runner(TemporaryStore.digest(1)) == nil)
            #expect(try await store.runner(TemporaryStore.digest(2)) == next)
            #expect(try await store.runner(TemporaryStore.digest(3)) == next)
        }
    }

    @Test func `without an overlap the first is gone, also after a restart`() async throws {
        let temporary = try await TemporaryStore()
        let next = try await rotate(temporary.store, to: 2, overlap: 0, at: time(700))
        for isRestarted in [false, true] {
            let store = isRestarted ? try temporary.reopened() : temporary.store
            #expect(try await store.runner(TemporaryStore.digest(1)) == nil)
            #expect(try await store.runner(TemporaryStore.digest(2)) == next)
        }
    }

    @Test func `a revoked runner is found by neither, and is not rotated`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        let known = try await rotate(store, to: 2, overlap: 3600, at: time(700))
        _ = try await store.revokeRunner(named: "builder", at: time(800))
        for isRestarted in [false, true] {
            let store = isRestarted ? try temporary.reopened() : temporary.store
            for digit in [1, 2] as [UInt8] {
                #expect(try await store.runner(TemporaryStore.digest(digit)) == nil)
            }
            #expect(try await store.runner(named: "builder") == nil)
        }
        let again = KnownCredential(digest: TemporaryStore.digest(3), validUntil: nil)
        let late = known.rotating(to: again, overlap: 0, at: time(900))
        #expect(try await !temporary.reopened().rotateCredential(of: known, to: late, at: time(900)))
    }

    @Test func `of two rotations of one credential, one is done`() async throws {
        let temporary = try await TemporaryStore()
        let (store, runner) = (temporary.store, temporary.runner)
        let done = try await withThrowingTaskGroup(of: Bool.self) { group in
            for digit in 2...9 as ClosedRange<UInt8> {
                let known = KnownCredential(digest: TemporaryStore.digest(digit), validUntil: nil)
                let next = runner.rotating(to: known, overlap: 60, at: time(700))
                group.addTask { try await store.rotateCredential(of: runner, to: next, at: time(700)) }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(done == 1)
        let now = try #require(try await store.runner(named: "builder"))
        #expect(now.credentials.map(\.digest).last == TemporaryStore.digest(1))
        #expect(try await temporary.reopened().runners() == [now])
    }

    @Test(.tags(.sqliteFile)) func `a store whose bounds cannot be read is not opened: they might forbid`() async throws
    {
        let temporary = try await TemporaryStore()
        temporary.store.close()
        try RawDatabase.run(
            "UPDATE runner SET bounds = CAST('{\"deny\":{\"new_fact\":true}}' AS BLOB)",
            in: temporary.files.database
        )
        await #expect(throws: (any Error).self) { try await TemporaryStore.open(temporary.folder).runners() }
    }

    @Test func `a runner with as many and as long patterns as there may be does not lock the store out`() async throws {
        let temporary = try await TemporaryStore()
        let patterns = try (0..<Runner.maximumPatterns).map { number in
            try RepositoryPattern(ByteString("acme/\(100 + number)" + String(repeating: "\\", count: 247)))
        }
        let digest = TemporaryStore.digest(2)
        #expect(
            try await temporary.store.addRunner(
                named: "many",
                patterns: patterns,
                bounds: .none,
                digest: digest,
                at: time(600)
            )
        )
        #expect(try await temporary.store.runners().last?.patterns == patterns)
        #expect(try await temporary.reopened().runner(digest)?.patterns == patterns)
    }
}
