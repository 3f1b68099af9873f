// A token without a task that waits: the same tokens, and nothing from a memory of what no longer holds.

import Issuer
import JOSE
import Keys
import Policy
import Synchronization
import Testing

@Suite struct TokenAtOnceTests {
    private let store = InMemoryStore()
    private let now = time(1_000_000)

    /// The claims of a token that is made at once, without its id; nil where the long way decides.
    private func claims(_ issuer: TokenIssuer, _ audience: ByteString, for job: Job) throws -> JSONObject? {
        guard let prepared = issuer.prepareAtOnce(audience, for: job, at: now) else { return nil }
        let outcome = Mutex<ReleaseOutcome?>(nil)
        issuer.release(try issuer.signAtOnce(prepared), of: job, at: now) { result in outcome.withLock { $0 = result } }
        guard case .released(let token)? = outcome.withLock({ $0 }) else { return nil }
        return try claims(of: token)
    }

    private func claims(of token: ReleasedToken) throws -> JSONObject {
        let parts = token.compact.bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        try #require(parts.count == 3)
        var claims = try #require(try JSONReader.read(Base64URL.decode(parts[1])).objectValue)
        claims["jti"] = nil
        return claims
    }

    private func planner(lifetime: Int64) throws -> TokenPlanner {
        TokenPlanner(
            rules: StandingRules(ownURLs: OwnURLs([try Samples.issuer.get()])),
            profiles: TokenProfiles(standard: TokenProfile(algorithm: .ES256, lifetime: lifetime))
        )
    }

    @Test func `both ways give the same token, the first time and the next`() async throws {
        let issuer = try Samples.tokenIssuer(store, forgeURL: "https://forge.example")
        let job = try Samples.live(facts: [("actor", "alice \"the\" builder"), ("environment", "prod é")])
        let slow = try await claims(of: issuer.issue(Samples.request("a"), for: job, at: now))
        for _ in 0..<3 { #expect(try claims(issuer, "a", for: job) == slow) }
        #expect(try claims(issuer, "b", for: job)?["aud"] == "b")
        #expect(store.records.map(\.decision) == Array(repeating: .permit, count: 5))
    }

    @Test(arguments: ["", "a b", "a,b", "ä", "https://ci.example.org", "https://ci.example.org/x"] as [ByteString])
    func `what is refused or several audiences is for the long way`(audience: ByteString) async throws {
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live()
        // Two audiences are remembered under a name that one audience can't have.
        _ = try await issuer.issue(Samples.request("a", "b"), for: job, at: now)
        let isOneAudience = audience == "a,b"
        #expect((issuer.prepareAtOnce(audience, for: job, at: now) != nil) == isOneAudience)
    }

    @Test func `a job that did not opt in is for the long way`() throws {
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live([("permissions", nil)])
        #expect(issuer.prepareAtOnce("a", for: job, at: now) == nil)
    }

    @Test func `facts that were set since are in the next token`() throws {
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live()
        #expect(try claims(issuer, "a", for: job)?["sha"] == nil)
        let changed = job.changing(facts: try Samples.facts([("sha", "0f")]), revision: job.revision + 1)
        #expect(try claims(issuer, "a", for: changed)?["sha"] == "0f")
        #expect(try claims(issuer, "a", for: job)?["sha"] == nil)
    }

    @Test func `another policy decides anew`() throws {
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live()
        #expect(try claims(issuer, "a", for: job)?["exp"] == .integer(1_000_300))
        issuer.use(try planner(lifetime: 60))
        #expect(try claims(issuer, "a", for: job)?["exp"] == .integer(1_000_060))
    }

    @Test func `no job finds the template of another, however many there are`() throws {
        let issuer = try Samples.tokenIssuer(store)
        let jobs = try (0..<3000).map { number in
            try Samples.live(facts: [("run_id", .string(ByteString(String(number))))])
        }
        for _ in 0..<2 {
            for job in jobs {
                let prepared = try #require(issuer.prepareAtOnce("a", for: job, at: now))
                #expect(prepared.subject == "repo:acme/widgets:ref:refs/heads/main")
            }
        }
        for job in [jobs[0], jobs[2999], jobs[1500]] {
            #expect(try claims(issuer, "a", for: job)?["run_id"] == job.facts[.runID].map { .string($0) })
        }
    }

    @Test func `what the commit refuses does not leave`() throws {
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live()
        let prepared = try #require(issuer.prepareAtOnce("a", for: job, at: now))
        for (reason, isFailure) in [(RefusalReason.jobEnded, true), (.factsChanged, true), (.keyWithdrawn, false)] {
            store.refuseCommits(reason)
            let outcome = Mutex<ReleaseOutcome?>(nil)
            issuer.release(try issuer.signAtOnce(prepared), of: job, at: now) { result in
                outcome.withLock { $0 = result }
            }
            switch outcome.withLock({ $0 }) {
            case .failed: #expect(isFailure)
            case .undecided: #expect(!isFailure)
            case .released, nil: Issue.record("\(reason)")
            }
        }
    }
}

extension TokenIssuer {
    fileprivate func prepareAtOnce(_ audience: ByteString, for job: Job, at now: NumericDate) -> PreparedToken? {
        var generator = SystemRandomNumberGenerator()
        return prepareAtOnce(audience, for: job, at: now, using: &generator)
    }
}
