// A rule gives a job so many tokens and no more, and who retries gets the token that there is.

import Issuer
import JOSE
import Keys
import Storage
import Testing

@Suite(.eachStore) struct GrantUseTests {
    /// A permit of a token for `audience` under rules that each give so many.
    private static func permit(
        of job: Job,
        _ audience: ByteString = "a",
        _ rules: [(ByteString, Int)] = [("once", 1)],
        claims: ByteString = "first"
    ) throws -> AuditRecord {
        let audiences = try Audiences([audience])
        return AuditRecord(
            at: time(1000),
            operation: .token,
            decision: .permit,
            reason: "ok",
            runner: job.runnerName,
            job: job.id,
            audiences: [audience],
            jti: claims,
            rules: rules.map { $0.0 },
            uses: rules.map { rule, maximum in
                GrantUse(rule: rule, maximumTokens: maximum, audiences: audiences, claims: claims.bytes)
            }
        )
    }

    private static func commit(
        _ store: any TestedStore,
        _ permits: [AuditRecord],
        of job: Job,
        at seconds: Int64
    ) async throws -> CommitObstacle? {
        try await store.commit(permits, of: job, at: time(seconds))
    }

    @Test func `for ten seconds a retry is told the claims that there are, and then it is refused`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        let (first, second) = try (Self.permit(of: job), Self.permit(of: job, claims: "second"))
        #expect(try await Self.commit(temporary.store, [first], of: job, at: 1000) == nil)
        for at in [1000, 1005, 1010] as [Int64] {
            let obstacle = try await Self.commit(temporary.store, [second], of: job, at: at)
            #expect(obstacle == .repeats(index: 0, claims: Array("first".utf8)))
        }
        // Nothing is recorded of what has to be made again.
        #expect(try await temporary.records().count { $0["operation"] == "token" } == 1)
        #expect(try await Self.commit(temporary.store, [first], of: job, at: 1010) == nil)
        #expect(try await Self.commit(temporary.store, [first], of: job, at: 1011) == .refused(.grantUsed))
        let record = try #require(try await temporary.records().last)
        #expect(record["reason"] == "grant_used")
        #expect(record["alarm"] == .bool(true))
        #expect(record["jti"] == nil)
    }

    @Test func `another audience is another token, another job has a grant of its own`() async throws {
        let temporary = try await TemporaryStore()
        let (job, other) = try await (temporary.registered(), temporary.registered())
        #expect(try await Self.commit(temporary.store, [Self.permit(of: job)], of: job, at: 1000) == nil)
        #expect(
            try await Self.commit(temporary.store, [Self.permit(of: job, "b")], of: job, at: 1000)
                == .refused(.grantUsed)
        )
        #expect(try await Self.commit(temporary.store, [Self.permit(of: other, "b")], of: other, at: 1000) == nil)
        let elsewhere = try Self.permit(of: job, "b", [("other", 1)])
        #expect(try await Self.commit(temporary.store, [elsewhere], of: job, at: 1000) == nil)
    }

    @Test func `three are three, whichever process asks`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        for audience in ["a", "b", "c"] as [ByteString] {
            let permit = try Self.permit(of: job, audience, [("thrice", 3)])
            #expect(try await Self.commit(temporary.store, [permit], of: job, at: 1000) == nil)
        }
        let reopened = try temporary.reopened()
        defer { reopened.close() }
        let fourth = try Self.permit(of: job, "d", [("thrice", 3)])
        #expect(try await Self.commit(reopened, [fourth], of: job, at: 1001) == .refused(.grantUsed))
        // What the file says is in force: a rule that gives more now gives more.
        let more = try Self.permit(of: job, "d", [("thrice", 4)])
        #expect(try await Self.commit(reopened, [more], of: job, at: 1001) == nil)
    }

    @Test func `a token that one of its rules refuses uses up none of the others`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        #expect(
            try await Self.commit(temporary.store, [Self.permit(of: job, "a", [("two", 1)])], of: job, at: 1000) == nil
        )
        let both = try Self.permit(of: job, "b", [("one", 1), ("two", 1)])
        #expect(try await Self.commit(temporary.store, [both], of: job, at: 1000) == .refused(.grantUsed))
        #expect(
            try await Self.commit(temporary.store, [Self.permit(of: job, "c", [("one", 1)])], of: job, at: 1000) == nil
        )
    }

    @Test func `tokens that are made together count together`() async throws {
        let temporary = try await TemporaryStore()
        let job = try await temporary.registered()
        let three = try ["a", "b", "c"].map { try Self.permit(of: job, ByteString($0), [("two", 2)]) }
        #expect(try await Self.commit(temporary.store, three, of: job, at: 1000) == .refused(.grantUsed))
        #expect(try await Self.commit(temporary.store, Array(three.prefix(2)), of: job, at: 1000) == nil)
        #expect(try await Self.commit(temporary.store, [three[2]], of: job, at: 1000) == .refused(.grantUsed))
    }
}
