// What a runner may say is narrower than a repository (threats A05, A17, A18).

import Issuer
import JOSE
import Keys
import Policy
import TestSupport
import Testing

@Suite struct RunnerBoundsTests {
    private let store = InMemoryStore()
    private let now = time(1_000_000)

    static func bounds(_ text: String) throws -> RunnerBounds {
        try RunnerBounds(parsing: JSONBody.object(Array(text.utf8)))
    }

    private static let prBuilder = #"""
        {"allow":{"event_name":["pull_request"]},"deny":{"environment":true},"set":{"runner_environment":"self-hosted"},"max_duration":7200,"max_live_jobs":500,"sources":["10.2.0.0/16"],"valid_for":7776000}
        """#

    private static let pullRequest: [(ByteString, JSONValue?)] = [
        ("event_name", "pull_request"), ("repository_id", "42"), ("head_repository_id", "42"),
    ]

    // MARK: Facts

    @Test(
        arguments: [
            (#"{}"#, ("environment", "production"), nil),
            (#"{"allow":{"environment":["test","stag*"]}}"#, ("environment", "staging"), nil),
            (#"{"allow":{"environment":["test","stag*"]}}"#, ("environment", "test"), nil),
            (#"{"allow":{"environment":["test","stag*"]}}"#, ("environment", "production"), .environment),
            // What must have a value must be there.
            (#"{"allow":{"environment":["*"]}}"#, ("environment", ""), .environment),
            (#"{"allow":{"environment":["*"]}}"#, ("environment", nil), .environment),
            (#"{"deny":{"environment":true}}"#, ("environment", "test"), .environment),
            (#"{"deny":{"environment":true}}"#, ("environment", ""), nil),
            (#"{"deny":{"environment":["prod*"]}}"#, ("environment", "production"), .environment),
            (#"{"deny":{"environment":["prod*"]}}"#, ("environment", "Production"), nil),
            (#"{"deny":{"environment":["prod*"]}}"#, ("environment", nil), nil),
            (#"{"allow":{"ref":["refs/heads/*"]}}"#, ("ref", "refs/heads/x"), nil),
            (#"{"allow":{"ref":["refs/heads/*"]}}"#, ("ref", "refs/tags/x"), .ref),
            // A star never crosses a slash.
            (#"{"allow":{"ref":["refs/heads/*"]}}"#, ("ref", "refs/heads/x/y"), .ref),
            (#"{"deny":{"ref":["refs/heads/*"]}}"#, ("ref", "refs/heads/x/y"), nil),
            (#"{"deny":{"ref":["refs/heads/**"]}}"#, ("ref", "refs/heads/x/y"), .ref),
            // Denied wins over allowed.
            (#"{"allow":{"actor":["a*"]},"deny":{"actor":["alice"]}}"#, ("actor", "alice"), .actor),
            (#"{"allow":{"actor":["a*"]},"deny":{"actor":["alice"]}}"#, ("actor", "anna"), nil),
        ] as [(String, (ByteString, JSONValue?), FactName?)]
    )
    func `a fact is allowed or refused by name`(
        text: String,
        fact: (ByteString, JSONValue?),
        refused: FactName?
    ) throws {
        let bounds = try Self.bounds(text)
        let stated = try Samples.facts([fact])
        if let refused {
            #expect(throws: Refusal(.factNotAllowed, refused)) { try bounds.facts(stated) }
        } else {
            #expect(try bounds.facts(stated) == stated)
        }
    }

    @Test func `what the operator sets wins over what the runner says`() throws {
        let bounds = try Self.bounds(#"{"set":{"runner_environment":"self-hosted","actor":"ci"}}"#)
        for lie in ["github-hosted", "self-hosted", "", nil] as [JSONValue?] {
            let facts = try bounds.facts(Samples.facts([("runner_environment", lie), ("actor", "root")]))
            #expect(facts[.runnerEnvironment] == "self-hosted")
            #expect(facts[.actor] == "ci")
        }
    }

    @Test func `what the operator sets is checked with the rest`() throws {
        let bounds = try Self.bounds(#"{"set":{"repository":"acme/gadgets"}}"#)
        #expect(try bounds.facts(Samples.facts()).repository.name == "acme/gadgets")
        #expect(throws: Refusal(.workflowRefMismatch, .workflowRef)) {
            try bounds.facts(Samples.facts([("workflow_ref", "acme/widgets/.ci/x.yml@refs/heads/main")]))
        }
        // A pull request by the operator's word must say where it comes from, like any other.
        #expect(throws: Refusal(.headRepositoryIDMissing, .headRepositoryID)) {
            try Self.bounds(#"{"set":{"event_name":"pull_request"}}"#).facts(Samples.facts())
        }
    }

    @Test func `random bounds never let a fact through that they forbid`() throws {
        var random = SeededGenerator(seed: 41)
        let names: [FactName] = [.environment, .actor, .eventName, .sha]
        let values: [JSONValue] = ["a", "b", "ab", "a/b"]
        let patterns: [JSONValue] = ["a", "b", "a*", "*", "*/b"]
        for _ in 0..<1000 {
            func some(_ make: () -> JSONValue) -> JSONObject {
                JSONObject(
                    names.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }.map { ($0.claimName, make()) }
                )
            }
            let (allow, deny, set) = (
                some { .array([patterns.randomElement(using: &random) ?? "a"]) },
                some {
                    Bool.random(using: &random) ? .bool(true) : .array([patterns.randomElement(using: &random) ?? "a"])
                },
                some { values.randomElement(using: &random) ?? "a" }
            )
            let document = JSONObject([("allow", .object(allow)), ("deny", .object(deny)), ("set", .object(set))])
            guard let bounds = try? RunnerBounds(parsing: document) else { continue }
            let stated = try Samples.facts(
                some { values.randomElement(using: &random) ?? "a" }.members.map { ($0.name, $0.value) }
            )
            guard let facts = try? bounds.facts(stated) else { continue }
            for name in names {
                let value = facts[name]
                #expect(bounds.set[name] == nil ? value == stated[name] : value == bounds.set[name])
                if let patterns = bounds.allowed[name] { #expect(patterns.contains { value.map($0.matches) == true }) }
                switch bounds.denied[name] {
                case nil: break
                case .whenPresent: #expect(value == nil)
                case .matching(let patterns): #expect(!patterns.contains { value.map($0.matches) == true })
                }
            }
            // Bounds are applied once or often, to the same effect.
            #expect(try bounds.facts(facts) == facts)
            #expect(try RunnerBounds(parsing: bounds.document) == bounds)
        }
    }

    // MARK: Time and place

    @Test func `a job lasts as long as its runner may say, and no longer`() throws {
        let bounds = try Self.bounds(#"{"max_duration":1800}"#)
        #expect(try bounds.lifetime(requested: 1800) == 1800)
        #expect(try bounds.lifetime(requested: 1) == 1)
        #expect(try bounds.lifetime(requested: nil) == 1800)
        #expect(throws: Refusal(.durationNotAllowed, "expires_in")) { try bounds.lifetime(requested: 1801) }
        #expect(try Self.bounds(#"{"max_duration":86400}"#).lifetime(requested: nil) == 3600)
        #expect(try RunnerBounds.none.lifetime(requested: 86_400) == 86_400)
    }

    @Test func `a credential is good in its networks alone`() throws {
        let bounds = try Self.bounds(#"{"sources":["10.2.0.0/16","2001:db8::/32"]}"#)
        for (address, isIn) in [("10.2.9.9", true), ("10.3.0.1", false), ("2001:db8::7", true), ("::1", false)] {
            #expect(bounds.admits(NetworkAddress(ByteString(address))) == isIn, "\(address)")
        }
        #expect(!bounds.admits(nil))
        #expect(RunnerBounds.none.admits(nil))
    }

    // MARK: As a document

    @Test func `bounds are written as they were read`() throws {
        let bounds = try Self.bounds(Self.prBuilder)
        #expect(ByteString(bounds.document.serialized).string == Self.prBuilder.trimmingWhitespace)
        #expect(RunnerBounds.none.document == JSONObject())
        #expect(try Self.bounds("{}") == .none)
    }

    @Test(arguments: [
        (#"{"allow":{"environnement":["x"]}}"#, Refusal(.unknownMember, "job.environnement")),
        (#"{"deny":{"runner":true}}"#, Refusal(.unknownMember, "job.runner")),
        (#"{"permit":{}}"#, Refusal(.unknownMember, "bounds.permit")),
        (#"{"allow":{"actor":"x"}}"#, Refusal(.wrongType, "job.actor")),
        (#"{"allow":{"actor":[5]}}"#, Refusal(.wrongType, "job.actor")),
        (#"{"allow":{"actor":[]}}"#, Refusal(.outOfRange, "job.actor")),
        (#"{"allow":{"actor":[""]}}"#, Refusal(.factInvalid, "job.actor")),
        (#"{"allow":{"actor":["a\n"]}}"#, Refusal(.factInvalid, "job.actor")),
        (#"{"allow":["actor"]}"#, Refusal(.wrongType, "allow")),
        (#"{"deny":{"actor":false}}"#, Refusal(.wrongType, "job.actor")),
        (#"{"deny":{"actor":[]}}"#, Refusal(.outOfRange, "job.actor")),
        (#"{"set":{"actor":""}}"#, Refusal(.factMissing, "job.actor")),
        (#"{"set":{"actor":["x"]}}"#, Refusal(.wrongType, "job.actor")),
        (#"{"set":{"environment":"prod*"}}"#, Refusal(.factInvalid, "job.environment")),
        // No job could hold to these.
        (#"{"set":{"actor":"x"},"deny":{"actor":true}}"#, Refusal(.factNotAllowed, "job.actor")),
        (#"{"set":{"actor":"x"},"allow":{"actor":["y"]}}"#, Refusal(.factNotAllowed, "job.actor")),
        (#"{"max_duration":0}"#, Refusal(.outOfRange, "bounds.max_duration")),
        (#"{"max_duration":86401}"#, Refusal(.outOfRange, "bounds.max_duration")),
        (#"{"max_duration":"2h"}"#, Refusal(.wrongType, "bounds.max_duration")),
        (#"{"max_live_jobs":0}"#, Refusal(.outOfRange, "bounds.max_live_jobs")),
        (#"{"valid_for":0}"#, Refusal(.outOfRange, "bounds.valid_for")),
        (#"{"valid_for":315360001}"#, Refusal(.outOfRange, "bounds.valid_for")),
        (#"{"sources":[]}"#, Refusal(.outOfRange, "bounds.sources")),
        (#"{"sources":"10.0.0.0/8"}"#, Refusal(.wrongType, "bounds.sources")),
        (#"{"sources":["10.0.0.0/8",null]}"#, Refusal(.wrongType, "bounds.sources")),
        (#"{"sources":["10.0.0.1/8"]}"#, Refusal(.sourceInvalid, "10.0.0.1/8")),
    ])
    func `bounds that cannot be read are refused, never left out`(text: String, refusal: Refusal) {
        #expect(throws: refusal) { try Self.bounds(text) }
    }

    @Test func `there are no more entries than are read again`() throws {
        let values = { (count: Int) in JSONValue.array((0..<count).map { .string(ByteString("v\($0)")) }) }
        let full = JSONObject("allow", .object(JSONObject([("actor", values(100)), ("sha", values(28))])))
        #expect(try RunnerBounds(parsing: full).allowed[.actor]?.count == 100)
        let more = JSONObject("allow", .object(JSONObject([("actor", values(100)), ("sha", values(29))])))
        #expect(throws: Refusal(.tooMany, "bounds")) { try RunnerBounds(parsing: more) }
    }

    // MARK: Registering

    private func registrar() throws -> JobRegistrar {
        JobRegistrar(jobs: store, auditLog: store, issuer: try Samples.tokenIssuer(store))
    }

    @Test func `a registration is held to its runner's bounds, and the refusal recorded`() async throws {
        let runner = try Samples.runner(bounds: Self.bounds(Self.prBuilder))
        let cases: [([(ByteString, JSONValue?)], Refusal)] = [
            ([("event_name", "push")], Refusal(.factNotAllowed, .eventName)),
            (Self.pullRequest + [("environment", "production")], Refusal(.factNotAllowed, .environment)),
        ]
        for (facts, refusal) in cases {
            await #expect(throws: IssuanceError.refused(refusal)) {
                try await registrar().register(Samples.body(facts: facts).serialized, by: runner, at: now)
            }
        }
        let body = Samples.body([("expires_in", .integer(7201))], facts: Self.pullRequest).serialized
        await #expect(throws: IssuanceError.refused(Refusal(.durationNotAllowed, "expires_in"))) {
            try await registrar().register(body, by: runner, at: now)
        }
        #expect(store.records.map(\.reason) == ["fact_not_allowed", "fact_not_allowed", "duration_not_allowed"])
        #expect(store.records.allSatisfy { $0.decision == .deny && $0.runner == "builder" && $0.job == nil })
        let good = Samples.body(facts: Self.pullRequest + [("runner_environment", "github-hosted")]).serialized
        let job = try await registrar().register(good, by: runner, at: now).job
        #expect(job.facts[.runnerEnvironment] == "self-hosted")
        #expect(job.expiresAt == time(1_003_600))
    }

    @Test func `a repository that the operator sets is the one that the patterns are for`() async throws {
        let runner = try Samples.runner(bounds: Self.bounds(#"{"set":{"repository":"other/x"}}"#))
        await #expect(throws: IssuanceError.refused(Refusal(.repositoryNotAllowed, "other/x"))) {
            try await registrar().register(Samples.body().serialized, by: runner, at: now)
        }
    }

    @Test func `the same registration again is the same job, whatever the bounds made of it`() async throws {
        let runner = try Samples.runner(bounds: Self.bounds(#"{"set":{"actor":"ci"}}"#))
        let body = Samples.body([("reference", "r")], facts: [("actor", "root")]).serialized
        let first = try await registrar().register(body, by: runner, at: now)
        let second = try await registrar().register(body, by: runner, at: now)
        #expect(second.job.id == first.job.id)
        #expect(!second.isNew)
        // The digest is of what the runner sent.
        let other = Samples.body([("reference", "r")], facts: [("actor", "ci")]).serialized
        await #expect(throws: IssuanceError.refused(Refusal(.referenceConflict, "reference"))) {
            try await registrar().register(other, by: runner, at: now)
        }
    }

    @Test func `late facts do not slip past the bounds`() async throws {
        let text = #"{"deny":{"environment":true,"sha":["bad*"]},"set":{"runner_environment":"self-hosted"}}"#
        let runner = try Samples.runner(bounds: Self.bounds(text))
        let id = try await registrar().register(Samples.body().serialized, by: runner, at: now).job.id
        let patch = { (name: ByteString, value: JSONValue) in
            JSONObject("job", .object(JSONObject(name, value))).serialized
        }
        await #expect(throws: IssuanceError.refused(Refusal(.factNotAllowed, .environment))) {
            try await registrar().setFacts(patch("environment", "production"), of: id, by: runner, at: now)
        }
        await #expect(throws: IssuanceError.refused(Refusal(.factNotAllowed, .sha))) {
            try await registrar().setFacts(patch("sha", "bad0"), of: id, by: runner, at: now)
        }
        // A lie about what the operator sets is passed over, but must be a value.
        let changed = try await registrar().setFacts(patch("runner_environment", "x"), of: id, by: runner, at: now)
        #expect(changed.facts[.runnerEnvironment] == "self-hosted")
        await #expect(throws: IssuanceError.refused(Refusal(.factInvalid, .runnerEnvironment))) {
            try await registrar().setFacts(patch("runner_environment", "\n"), of: id, by: runner, at: now)
        }
        let set = try await registrar().setFacts(patch("sha", "0f"), of: id, by: runner, at: now)
        #expect(set.facts[.sha] == "0f")
    }
}

extension String {
    /// Without the line's end that a multi-line literal brings.
    fileprivate var trimmingWhitespace: String {
        String(drop { $0 == " " }.reversed().drop { $0 == "\n" || $0 == " " }.reversed())
    }
}
