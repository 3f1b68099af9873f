// Who presents a credential (threats A01, A03, A07, D28).

import Issuer
import JOSE
import Keys
import Testing

@Suite struct CallerAuthenticationTests {
    private let store = InMemoryStore()
    private let key = RequestTokenKey(secret: [UInt8](repeating: 1, count: 32))
    private let now = time(1_000_000)

    private var authentication: CallerAuthentication {
        CallerAuthentication(runners: store, jobs: store, auditLog: store, requestTokens: key)
    }

    @Test func `a live runner is known by its credential alone`() async throws {
        var random = SystemRandomNumberGenerator()
        let credential = RunnerCredential.random(using: &random)
        let other = RunnerCredential.random(using: &random)
        _ = try await store.addRunner(named: "one", patterns: [], bounds: .none, digest: credential.digest, at: now)
        #expect(try await authentication.runner(presenting: credential.secret, from: nil, at: now).name == "one")
        for secret in [other.secret, "", "jwr_", credential.secret + "A", key.token(for: .random(using: &random))] {
            await #expect(throws: IssuanceError.unauthenticated) {
                try await authentication.runner(presenting: secret, from: nil, at: now)
            }
        }
        _ = try await store.revokeRunner(named: "one", at: now)
        await #expect(throws: IssuanceError.unauthenticated) {
            try await authentication.runner(presenting: credential.secret, from: nil, at: now)
        }
    }

    @Test func `a job is known by its request token while it lives`() async throws {
        let job = try Samples.live(at: now)
        store.keep(job)
        let token = key.token(for: job.id)
        #expect(try await authentication.liveJob(presenting: token, at: now) == job)
        #expect(try await authentication.liveJob(presenting: token, at: time(1_003_599)) == job)
        #expect(store.records.isEmpty)
        await #expect(throws: IssuanceError.unauthenticated) {
            try await authentication.liveJob(presenting: token, at: time(1_003_600))
        }
        // The attempt with a dead one is recorded.
        #expect(store.records.map(\.reason) == ["job_ended"])
        #expect(store.records.map(\.job) == [job.id])
        // To end it again, the dead one is good enough.
        #expect(try await authentication.job(presenting: token) == job)
    }

    @Test func `a lost lease ends the job without anybody noticing`() async throws {
        let job = try Samples.live([("lease", .integer(5))], at: now)
        store.keep(job)
        await #expect(throws: IssuanceError.unauthenticated) {
            try await authentication.liveJob(presenting: key.token(for: job.id), at: time(1_000_005))
        }
        #expect(store.records.map(\.reason) == ["job_ended"])
    }

    @Test func `a token that we did not make, or of a job that is gone, is refused alike`() async throws {
        var random = SystemRandomNumberGenerator()
        let job = try Samples.live(at: now)
        store.keep(job)
        let other = RequestTokenKey(secret: [UInt8](repeating: 2, count: 32))
        for token in ["", "jwj_", other.token(for: job.id), key.token(for: .random(using: &random)), job.id.text] {
            await #expect(throws: IssuanceError.unauthenticated) {
                try await authentication.liveJob(presenting: token, at: now)
            }
        }
        #expect(store.records.isEmpty)
    }

    @Test func `a store that is away is not a wrong credential`() async throws {
        var random = SystemRandomNumberGenerator()
        store.fail(.unavailable)
        await #expect(throws: IssuanceError.store(.unavailable)) {
            try await authentication.liveJob(presenting: key.token(for: .random(using: &random)), at: now)
        }
        // Garbage is refused without asking the store.
        await #expect(throws: IssuanceError.unauthenticated) {
            try await authentication.liveJob(presenting: "jwj_garbage", at: now)
        }
    }
}
