// What is over is not kept for ever, save in the log.

import Issuer
import JOSE
import Keys
import Storage
import TestSupport
import Testing

@Suite(.eachStore) struct RetentionTests {
    @Test func `jobs that ended long ago are removed, a part at a time, and no others`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        var (old, kept): ([Job], [Job]) = ([], [])
        for index in 0..<30 {
            let job = try await temporary.registered([("reference", .string(ByteString("r\(index)")))])
            if index % 3 == 0 { old.append(job) } else { kept.append(job) }
        }
        for job in old { try await store.end(job.id, at: time(1001)) }
        // Ended at the very moment, and still alive.
        for job in kept.prefix(10) { try await store.end(job.id, at: time(2000)) }
        let records = try await temporary.records().count
        var parts = 1
        while try await !store.removeSomeJobs(endedBefore: time(2000), lookingAt: 7) { parts += 1 }
        #expect(parts == 5)
        for job in old { #expect(try await store.job(job.id) == nil) }
        for job in kept { #expect(try await store.job(job.id) != nil) }
        #expect(store.liveJobCount == 10)
        #expect(try await temporary.records().count == records)
        // Its reference is free again, and a token of it is refused like that of any unknown job.
        let again = try temporary.job([("reference", "r0")])
        #expect(try await store.register(again, permits: []) == .registered)
        let permit = TemporaryStore.permit(of: old[0])
        #expect(try await store.commit([permit], of: old[0], at: time(1001)) == .refused(.jobEnded))
        // And once more from the beginning.
        #expect(try await store.removeSomeJobs(endedBefore: time(2001)))
        #expect(try await store.job(kept[0].id) == nil)
        #expect(store.liveJobCount == 11)
    }

    @Test(.tags(.sqliteFile)) func `what an ended job used of its grants goes with it`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        let use = GrantUse(rule: "r", maximumTokens: 1, audiences: try Audiences(["a"]), claims: [1])
        let permit = AuditRecord(
            at: time(1001),
            operation: .token,
            decision: .permit,
            reason: "ok",
            job: job.id,
            jti: "j",
            uses: [use]
        )
        #expect(try await temporary.store.commit([permit], of: job, at: time(1001)) == nil)
        try await temporary.store.end(job.id, at: time(1002))
        #expect(try await temporary.store.removeSomeJobs(endedBefore: time(1003)))
        temporary.store.close()
        #expect(try RawDatabase.run("SELECT count(*) FROM grant_use", in: temporary.files.database) == ["0"])
    }
}
