// Records commit in groups: what one piece of a group did, the next one sees; and who waits is called once.

import Issuer
import JOSE
import Keys
import Storage
import Synchronization
import TestSupport
import Testing

@Suite(.eachStore) struct GroupCommitTests {
    private func isUnbroken(_ store: any TestedStore) async throws -> Bool {
        AuditChain.firstBreak(in: try await store.records(after: 0, limit: 100_000), after: nil) == nil
    }

    @Test func `records that commit together are one chain`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await temporary.store.replaceKeyRing(with: TestKeys.ring(), expecting: 0))
        let job = try await temporary.registered()
        let kid = try TestKeys.key(0).kid
        let before = try await temporary.records().count
        try await withThrowingTaskGroup(of: CommitObstacle?.self) { group in
            for index in 0..<600 {
                let permit = TemporaryStore.permit(of: job, kid: kid, jti: ByteString("j\(index)"))
                group.addTask { try await temporary.store.commit([permit], of: job, at: time(1001)) }
            }
            for try await obstacle in group { #expect(obstacle == nil) }
        }
        let records = try await temporary.records()
        #expect(records.count == before + 600)
        #expect(Set(records.suffix(600).compactMap { $0["jti"]?.stringValue }).count == 600)
        #expect(try await isUnbroken(temporary.store))
    }

    /// What is queued in one go is committed in one go: the first piece reads the keys, the next replaces them, the
    /// third must not rest on what the first read.
    @Test func `a key that is withdrawn in the midst of a group signs no more in it`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        let (ring, first, second) = (try TestKeys.ring(), try TestKeys.key(0).kid, try TestKeys.key(1).kid)
        #expect(try await store.replaceKeyRing(with: ring, expecting: 0))
        let job = try await temporary.registered()
        let next = try ring.activating(second, at: time(1001))
        for _ in 0..<50 {
            async let before = store.commit([TemporaryStore.permit(of: job, kid: first)], of: job, at: time(1001))
            async let isReplaced = store.replaceKeyRing(with: next, expecting: ring.version)
            async let after = store.commit([TemporaryStore.permit(of: job, kid: first)], of: job, at: time(1001))
            _ = try await (before, isReplaced, after)
        }
        // Whatever the order was: no permit of the first key follows its withdrawal.
        let records = try await temporary.records()
        let withdrawal = try #require(
            records.lastIndex { $0["operation"]?.stringValue == "key_activate" } ?? records.indices.first
        )
        for record in records[withdrawal...] where record["operation"] == "token" && record["decision"] == "permit" {
            #expect(record["kid"] != .string(first) || withdrawal == 0)
        }
        #expect(
            try await store.commit([TemporaryStore.permit(of: job, kid: first)], of: job, at: time(1001))
                == .refused(.keyWithdrawn)
        )
        #expect(try await isUnbroken(store))
    }

    @Test func `the job's end and the tokens around it are seen in their order`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        for _ in 0..<50 {
            let job = try await temporary.registered()
            async let before = store.commit([TemporaryStore.permit(of: job)], of: job, at: time(1001))
            async let ended: Void = store.end(job.id, at: time(1001))
            async let after = store.commit([TemporaryStore.permit(of: job)], of: job, at: time(1001))
            _ = try await (before, ended, after)
            #expect(try await store.job(job.id)?.end != nil)
        }
        var ended: Set<ByteString> = []
        for record in try await temporary.records() {
            guard let job = record["job"]?.stringValue else { continue }
            if record["operation"] == "job_end" { ended.insert(job) }
            if record["operation"] == "token" { #expect((record["decision"] == "deny") == ended.contains(job)) }
        }
        #expect(store.liveJobCount == 0)
    }

    @Test func `who commits by callback is called once, after the commit`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        let calls = Mutex<[CommitObstacle?]>([])
        await withCheckedContinuation { continuation in
            temporary.store.commit([TemporaryStore.permit(of: job)], of: job, at: time(1001)) { result in
                calls.withLock { $0.append(try? result.get()) }
                continuation.resume()
            }
        }
        #expect(calls.withLock { $0 } == [nil])
        #expect(try await temporary.lastRecords(1) == ["token permit ok"])
    }

    @Test func `who commits by callback to a store that is closed is told at once`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        temporary.store.close()
        let answer = Mutex<StoreError?>(nil)
        temporary.store.commit([TemporaryStore.permit(of: job)], of: job, at: time(1001)) { result in
            if case .failure(let error) = result { answer.withLock { $0 = error } }
        }
        #expect(answer.withLock { $0 } == .unavailable)
    }

    // MARK: Waiting for company

    @Test func `who comes alone waits for nobody`() {
        var company = GroupCompany()
        #expect(company.wanted == 1)
        for count in [1, 2, 3, 1] {
            company.note(count)
            #expect(company.wanted == 1)
        }
    }

    @Test func `after a crowd as many are waited for, until one came alone`() {
        var company = GroupCompany()
        company.note(64)
        #expect(company.wanted == 64)
        company.note(9)
        #expect(company.wanted == 9)
        company.note(1)
        #expect(company.wanted == 1)
    }
}
