// Nothing leaves without its record, and the record rests on what is true when it is made (threats A08, H01).

import Issuer
import JOSE
import Keys
import Storage
import TestSupport
import Testing

@Suite(.eachStore) struct AuditLogTests {
    private func commit(
        _ temporary: TemporaryStore,
        _ job: Job,
        kid: ByteString? = nil,
        at now: NumericDate = time(1001)
    ) async throws -> CommitObstacle? {
        try await temporary.store.commit([TemporaryStore.permit(of: job, kid: kid)], of: job, at: now)
    }

    private func chainBreak(_ store: any TestedStore) async throws -> Int64? {
        AuditChain.firstBreak(in: try await store.records(after: 0, limit: 100_000), after: nil)
    }

    @Test func `the end of each chain is its last record`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        for _ in 0..<3 {
            #expect(try await commit(temporary, job) == nil)
            let ends = try await temporary.store.auditChains()
            for end in ends {
                let records = try await temporary.store.records(of: end.name, after: 0, limit: 100)
                #expect(records.last?.sequence ?? 0 == end.sequence)
                #expect(records.last?.digest ?? AuditChain.beginning == end.digest)
            }
            let own = try await temporary.store.records(after: 0, limit: 100)
            #expect(ends.contains { $0.sequence == own.last?.sequence && $0.digest == own.last?.digest })
        }
        #expect(try await temporary.store.records(of: "nobody", after: 0, limit: 100) == [])
    }

    @Test func `a permit of a live job is recorded as it is`() async throws {
        let temporary = try await TemporaryStore()
        let ring = try TestKeys.ring()
        #expect(try await temporary.store.replaceKeyRing(with: ring, expecting: 0))
        let job = try await temporary.registered()
        let permit = TemporaryStore.permit(of: job, kid: try TestKeys.key(0).kid)
        #expect(try await temporary.store.commit([permit], of: job, at: time(1001)) == nil)
        #expect(try await temporary.store.records(after: 0, limit: 100).last?.document == permit.document.serialized)
    }

    @Test func `the token of an ended job is refused, and that is recorded without its name`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        try await temporary.store.end(job.id, at: time(1001))
        // The caller still holds the job as it was.
        #expect(try await commit(temporary, job) == .refused(.jobEnded))
        let record = try #require(try await temporary.records().last)
        #expect(record["decision"] == "deny")
        #expect(record["reason"] == "job_ended")
        #expect(record["job"] == .string(job.id.text))
        #expect(record["jti"] == nil)
        #expect(record["kid"] == nil)
        #expect(record["exp"] == nil)
    }

    @Test func `the token of a job that the store never saw is refused`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await commit(temporary, temporary.job()) == .refused(.jobEnded))
    }

    @Test func `time and lease are read again`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered([("lease", .integer(60))])
        #expect(try await commit(temporary, job, at: time(1059)) == nil)
        #expect(try await commit(temporary, job, at: time(1060)) == .refused(.jobEnded))
        #expect(try await commit(temporary, job, at: time(4600)) == .refused(.jobEnded))
        // By the stored lease, not by that of the job in the caller's hand.
        #expect(try await temporary.store.extendLease(of: job.id, to: time(1100), at: time(1050)) == nil)
        #expect(try await commit(temporary, job, at: time(1060)) == nil)
        #expect(
            try await temporary.lastRecords(3) == ["token deny job_ended", "token deny job_ended", "token permit ok"]
        )
    }

    @Test func `the token of a revoked runner's job is refused`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        _ = try await temporary.store.revokeRunner(named: "builder", at: time(1001))
        // Revoking ended the job.
        #expect(try await commit(temporary, job) == .refused(.jobEnded))
        #expect(try await temporary.lastRecords(1) == ["token deny job_ended"])
    }

    @Test func `a token signed with a key that no longer signs is refused`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        let ring = try TestKeys.ring()
        let (first, second) = (try TestKeys.key(0).kid, try TestKeys.key(1).kid)
        #expect(try await store.replaceKeyRing(with: ring, expecting: 0))
        let job = try await temporary.registered()
        #expect(try await commit(temporary, job, kid: first) == nil)
        // A standby does not sign yet.
        #expect(try await commit(temporary, job, kid: second) == .refused(.keyWithdrawn))
        #expect(try await store.replaceKeyRing(with: ring.activating(second, at: time(1001)), expecting: ring.version))
        #expect(try await commit(temporary, job, kid: first) == .refused(.keyWithdrawn))
        #expect(try await commit(temporary, job, kid: second) == nil)
        #expect(try await temporary.lastRecords(2) == ["token deny key_withdrawn", "token permit ok"])
        // At registration, too.
        let other = try temporary.job()
        let named = TemporaryStore.permit(of: other, kid: first)
        #expect(try await store.register(other, permits: [named]) == .refused(.keyWithdrawn))
        #expect(try await store.job(other.id) == nil)
    }

    @Test func `a token of older facts is refused`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        let facts = try job.facts.adding(JSONObject([("sha", "0f")]))
        #expect(try await temporary.store.setFacts(facts, of: job, at: time(1001)) == nil)
        #expect(try await commit(temporary, job) == .refused(.factsChanged))
        #expect(try await temporary.lastRecords(1) == ["token deny facts_changed"])
        let current = try #require(try await temporary.store.job(job.id))
        #expect(try await commit(temporary, current) == nil)
    }

    @Test func `permits are recorded all or none`() async throws {
        let temporary = try await TemporaryStore()
        let ring = try TestKeys.ring()
        #expect(try await temporary.store.replaceKeyRing(with: ring, expecting: 0))
        let job = try await temporary.registered()
        let permits = [
            TemporaryStore.permit(of: job, kid: try TestKeys.key(0).kid, jti: "j1"),
            TemporaryStore.permit(of: job, kid: "withdrawn", jti: "j2"),
        ]
        #expect(try await temporary.store.commit(permits, of: job, at: time(1001)) == .refused(.keyWithdrawn))
        #expect(try await temporary.lastRecords(2) == ["token deny key_withdrawn", "token deny key_withdrawn"])
    }

    // A08: no permit is recorded behind the end of its job.
    @Test(arguments: 0..<10)
    func `around the end of a job, every permit comes before it`(round: Int) async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    if number == 20 { try? await temporary.store.end(job.id, at: time(1001)) }
                    let permit = TemporaryStore.permit(of: job, jti: ByteString("\(number)"))
                    _ = try? await temporary.store.commit([permit], of: job, at: time(1001))
                }
            }
        }
        let records = try await temporary.records()
        let end = try #require(records.firstIndex { $0["operation"] == "job_end" })
        #expect(records[end...].allSatisfy { $0["operation"] != "token" || $0["decision"] == "deny" })
        #expect(records.count { $0["operation"] == "token" } == 40)
        #expect(try await chainBreak(temporary.store) == nil)
    }

    @Test(.timeLimit(.minutes(1)))
    func `the chain verifies after 200 commits at once, and after a restart`() async throws {
        let temporary = try await TemporaryStore()
        let jobs = try await [temporary.registered(), temporary.registered(), temporary.registered()]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let job = jobs[number % 3]
                    let permit = TemporaryStore.permit(of: job, jti: ByteString("\(number)"))
                    let reason = try await temporary.store.commit([permit], of: job, at: time(1001))
                    #expect(reason == nil)
                }
            }
            try await group.waitForAll()
        }
        let names = try await temporary.records().compactMap { $0["jti"]?.stringValue }
        #expect(Set(names) == Set((0..<200).map { ByteString("\($0)") }))
        #expect(names.count == 200)
        let records = try await temporary.store.records(after: 0, limit: 100_000)
        #expect(AuditChain.firstBreak(in: records, after: nil) == nil)
        let store = try temporary.reopened()
        #expect(try await store.records(after: 0, limit: 100_000) == records)
        try await store.append(AuditRecord(at: time(2000), operation: .token, decision: .deny, reason: "x"))
        #expect(try await chainBreak(store) == nil)
    }

    @Test func `the log is read in pages`() async throws {
        let temporary = try await TemporaryStore()
        for _ in 0..<5 {
            try await temporary.store.append(AuditRecord(at: time(1), operation: .token, decision: .deny, reason: "x"))
        }
        // The runner that was added is the first.
        #expect(try await temporary.store.records(after: 0, limit: 2).map(\.sequence) == [1, 2])
        #expect(try await temporary.store.records(after: 2, limit: 100).map(\.sequence) == [3, 4, 5, 6])
        #expect(try await temporary.store.records(after: 6, limit: 100).isEmpty)
    }

    @Test func `a closed store commits nothing and says so`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        #expect(temporary.store.isWritable)
        temporary.store.close()
        temporary.store.close()
        #expect(!temporary.store.isWritable)
        await #expect(throws: StoreError.unavailable) { try await commit(temporary, job) }
    }

    @Test func `what waits when the store is closed is committed or refused, never lost`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        let answers = await withTaskGroup(of: (ByteString, Bool).self) { group in
            for number in 0..<300 {
                group.addTask {
                    let name = ByteString("\(number)")
                    let permit = TemporaryStore.permit(of: job, jti: name)
                    do {
                        return (name, try await temporary.store.commit([permit], of: job, at: time(1001)) == nil)
                    } catch {
                        return (name, false)
                    }
                }
            }
            group.addTask {
                temporary.store.close()
                return ("close", false)
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let records = try await temporary.records(TemporaryStore.open(temporary.folder))
        #expect(Set(records.compactMap { $0["jti"]?.stringValue }) == Set(answers.filter(\.1).map(\.0)))
    }
}
