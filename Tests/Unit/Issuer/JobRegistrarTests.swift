// Registering, late facts, leases and ends, for a runner that is known (threats A05, A06, A10).

import Issuer
import JOSE
import Keys
import Policy
import Testing

@Suite struct JobRegistrarTests {
    private let store = InMemoryStore()
    private let now = time(1_000_000)

    private func registrar() throws -> JobRegistrar {
        JobRegistrar(jobs: store, auditLog: store, issuer: try Samples.tokenIssuer(store))
    }

    private func body(
        _ changes: [(ByteString, JSONValue?)] = [],
        facts: [(ByteString, JSONValue?)] = []
    ) -> [UInt8] {
        Samples.body(changes, facts: facts).serialized
    }

    private let named: JSONValue = .object(JSONObject("T", .object(JSONObject("aud", "a"))))

    @Test func `a registration is recorded with its named tokens, all at once`() async throws {
        let registered = try await registrar().register(body([("id_tokens", named)]), by: Samples.runner(), at: now)
        #expect(registered.isNew)
        #expect(registered.namedTokens.map(\.name) == ["T"])
        #expect(store.records.map(\.operation) == [.registration, .token])
        #expect(store.records.map(\.decision) == [.permit, .permit])
        #expect(store.records.allSatisfy { $0.job == registered.job.id })
        #expect(store.records[1].jti == registered.namedTokens[0].token.prepared.jti)
        #expect(registered.job.expiresAt == time(1_003_600))
        #expect(registered.job.leaseExpiresAt == nil)
    }

    @Test func `a runner registers nothing that its patterns do not name`() async throws {
        for name in ["other/widgets", "Acme/widgets", "acme/a/b"] {
            let body = body(facts: [("repository", .string(ByteString(name)))])
            await #expect(throws: IssuanceError.refused(Refusal(.repositoryNotAllowed, ByteString(name)))) {
                try await registrar().register(body, by: Samples.runner(), at: now)
            }
        }
        // A05: an audit entry each, and no job.
        #expect(
            store.records.map(\.reason) == [
                "repository_not_allowed", "repository_not_allowed", "repository_not_allowed",
            ]
        )
        #expect(store.records.allSatisfy { $0.decision == .deny && $0.runner == "builder" && $0.job == nil })
    }

    @Test func `a runner with as many live jobs as it may registers no more, and its attempts are a sample`()
        async throws
    {
        let runner = try Samples.runner(bounds: RunnerBoundsTests.bounds(#"{"max_live_jobs":1}"#))
        let registrar = try registrar()
        let first = try await registrar.register(body(), by: runner, at: now)
        for _ in 0..<20 {
            await #expect(throws: IssuanceError.refused(Refusal(.tooManyLiveJobs))) {
                try await registrar.register(body(), by: runner, at: now)
            }
        }
        // The first eight, and the 16th.
        #expect(store.records.count { $0.reason == "too_many_live_jobs" } == 9)
        try await registrar.end(first.job, at: now)
        #expect(try await registrar.register(body(), by: runner, at: now).isNew)
    }

    @Test func `one refused entry refuses the registration`() async throws {
        let tokens = JSONObject([
            ("A", .object(JSONObject("aud", "a"))), ("B", .object(JSONObject("aud", "https://ci.example.org/x"))),
        ])
        await #expect(throws: IssuanceError.refused(Refusal(.audienceIsIssuer, "id_tokens.B"))) {
            try await registrar().register(body([("id_tokens", .object(tokens))]), by: Samples.runner(), at: now)
        }
        #expect(store.records.map(\.decision) == [.deny])
    }

    @Test func `the same reference and body is the same job, named tokens afresh`() async throws {
        let registrar = try registrar()
        let body = body([("reference", "r"), ("id_tokens", named)])
        let first = try await registrar.register(body, by: Samples.runner(), at: now)
        let again = try await registrar.register(body, by: Samples.runner(), at: now.advanced(bySeconds: 10))
        #expect(!again.isNew)
        #expect(again.job.id == first.job.id)
        #expect(again.job.expiresAt == first.job.expiresAt)
        #expect(again.namedTokens[0].token.prepared.jti != first.namedTokens[0].token.prepared.jti)
        #expect(again.namedTokens[0].token.prepared.expiresAt == time(1_000_310))
        // Without a reference every registration is a new job.
        let one = try await registrar.register(self.body(), by: Samples.runner(), at: now)
        let other = try await registrar.register(self.body(), by: Samples.runner(), at: now)
        #expect(one.job.id != other.job.id)
        // Another runner's reference is another's.
        #expect(try await registrar.register(body, by: Samples.runner(2), at: now).job.id != first.job.id)
    }

    @Test func `the same reference with another body, or of an ended job, is a conflict`() async throws {
        let registrar = try registrar()
        let first = try await registrar.register(body([("reference", "r")]), by: Samples.runner(), at: now)
        for other in [
            body([("reference", "r")], facts: [("ref", "refs/heads/x")]),
            body([("reference", "r"), ("lease", .integer(9))]),
        ] {
            await #expect(throws: IssuanceError.refused(Refusal(.referenceConflict, "reference"))) {
                try await registrar.register(other, by: Samples.runner(), at: now)
            }
        }
        await #expect(throws: IssuanceError.refused(Refusal(.jobEnded, "reference"))) {
            try await registrar.register(body([("reference", "r")]), by: Samples.runner(), at: time(1_003_600))
        }
        try await registrar.end(first.job, at: now)
        await #expect(throws: IssuanceError.refused(Refusal(.jobEnded, "reference"))) {
            try await registrar.register(body([("reference", "r")]), by: Samples.runner(), at: now)
        }
    }

    @Test(
        arguments: [
            (.runnerRevoked, .unauthenticated), (.keyWithdrawn, .store(.unavailable)),
            (.repositoryPinned, .refused(Refusal(.repositoryPinned, "job.repository"))),
        ] as [(RefusalReason, IssuanceError)]
    )
    func `what the store refuses is refused`(reason: RefusalReason, error: IssuanceError) async throws {
        store.refuseRegistrations(reason)
        await #expect(throws: error) { try await registrar().register(body(), by: Samples.runner(), at: now) }
    }

    @Test func `a store that is away registers nothing`() async throws {
        store.fail(.overloaded)
        await #expect(throws: IssuanceError.store(.overloaded)) {
            try await registrar().register(body(), by: Samples.runner(), at: now)
        }
    }

    // MARK: Late facts

    private func late(_ facts: [(ByteString, JSONValue)]) -> [UInt8] {
        JSONObject("job", .object(JSONObject(facts))).serialized
    }

    @Test func `a fact that was not known is set once`() async throws {
        let registrar = try registrar()
        let job = try await registrar.register(body(), by: Samples.runner(), at: now).job
        let changed = try await registrar.setFacts(late([("sha", "0f")]), of: job.id, by: Samples.runner(), at: now)
        #expect(changed.facts[.sha] == "0f")
        #expect(changed.revision == 1)
        #expect(try await store.job(job.id) == changed)
        await #expect(throws: IssuanceError.refused(Refusal(.factAlreadySet, .sha))) {
            try await registrar.setFacts(late([("sha", "0e")]), of: job.id, by: Samples.runner(), at: now)
        }
        await #expect(throws: IssuanceError.refused(Refusal(.unknownMember, "permissions"))) {
            let body = Array(#"{"job":{},"permissions":{}}"#.utf8)
            return try await registrar.setFacts(body, of: job.id, by: Samples.runner(), at: now)
        }
        await #expect(throws: IssuanceError.refused(Refusal(.memberMissing, "job"))) {
            try await registrar.setFacts(Array("{}".utf8), of: job.id, by: Samples.runner(), at: now)
        }
    }

    @Test func `late facts are refused after a token, after the end, and where no token could be made`() async throws {
        let registrar = try registrar()
        let job = try await registrar.register(body(), by: Samples.runner(), at: now).job
        let long = JSONValue.string(ByteString(String(repeating: "e", count: 250)))
        await #expect(throws: IssuanceError.refused(Refusal(.subjectTooLong))) {
            try await registrar.setFacts(late([("environment", long)]), of: job.id, by: Samples.runner(), at: now)
        }
        store.refuseCommits(.tokenAlreadyIssued)
        await #expect(throws: IssuanceError.refused(Refusal(.tokenAlreadyIssued))) {
            try await registrar.setFacts(late([("sha", "0f")]), of: job.id, by: Samples.runner(), at: now)
        }
        store.refuseCommits(nil)
        await #expect(throws: IssuanceError.refused(Refusal(.jobEnded))) {
            try await registrar.setFacts(late([("sha", "0f")]), of: job.id, by: Samples.runner(), at: time(1_003_600))
        }
    }

    // MARK: Leases and ends

    @Test func `a heartbeat moves the end of the lease`() async throws {
        let registrar = try registrar()
        let job = try await registrar.register(body([("lease", .integer(60))]), by: Samples.runner(), at: now).job
        #expect(job.leaseExpiresAt == time(1_000_060))
        let moved = try await registrar.heartbeat(job.id, by: Samples.runner(), at: time(1_000_059))
        #expect(moved.leaseExpiresAt == time(1_000_119))
        #expect(try await store.job(job.id)?.leaseExpiresAt == time(1_000_119))
        await #expect(throws: IssuanceError.refused(Refusal(.jobEnded))) {
            try await registrar.heartbeat(job.id, by: Samples.runner(), at: time(1_000_119))
        }
        let plain = try await registrar.register(body(), by: Samples.runner(), at: now).job
        #expect(try await registrar.heartbeat(plain.id, by: Samples.runner(), at: now) == plain)
    }

    // A10: unknown and foreign are the same.
    @Test func `another runner's job is not found`() async throws {
        let registrar = try registrar()
        let job = try await registrar.register(body([("reference", "r")]), by: Samples.runner(1), at: now).job
        let stranger = try Samples.runner(2)
        let unknown = try #require(JobID([UInt8](repeating: 0x30, count: 32)))
        for id in [job.id, unknown] {
            await #expect(throws: IssuanceError.refused(Refusal(.notFound))) {
                try await registrar.job(id, of: stranger)
            }
            await #expect(throws: IssuanceError.refused(Refusal(.notFound))) {
                try await registrar.heartbeat(id, by: stranger, at: now)
            }
            await #expect(throws: IssuanceError.refused(Refusal(.notFound))) {
                try await registrar.setFacts(late([("sha", "0f")]), of: id, by: stranger, at: now)
            }
        }
        await #expect(throws: IssuanceError.refused(Refusal(.notFound))) {
            try await registrar.job(reference: "r", of: stranger)
        }
        #expect(try await registrar.job(reference: "r", of: Samples.runner(1)).id == job.id)
    }

    @Test func `ending is repeatable`() async throws {
        let registrar = try registrar()
        let job = try await registrar.register(body(), by: Samples.runner(), at: now).job
        try await registrar.end(job, at: now)
        try await registrar.end(job, at: time(1_000_100))
        #expect(try await store.job(job.id)?.end == JobEnd(reason: .ended, at: now))
    }
}
