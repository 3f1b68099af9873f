// What a runner states of a job (CONTRACT "Runner plane"; threats A04, A16, B07, B09, B13–B15).

import Issuer
import JOSE
import Policy
import Testing

@Suite struct JobFactsTests {
    @Test func `the least job has four facts`() throws {
        let facts = try Samples.facts()
        #expect(facts.present.map(\.name) == [.repository, .ref, .workflow, .runID])
        #expect(facts[.ref] == "refs/heads/main")
        #expect(facts[.sha] == nil)
    }

    @Test func `the contract's example is accepted, its empty facts are absent`() throws {
        let facts = try JobFacts(
            parsing: JSONObject([
                ("repository", "acme/widgets"), ("repository_id", "42"), ("repository_owner", "acme"),
                ("repository_owner_id", "7"), ("repository_visibility", "private"), ("ref", "refs/heads/main"),
                ("ref_type", "branch"), ("ref_protected", "true"), ("sha", "0f"), ("workflow", "deploy"),
                ("workflow_ref", "acme/widgets/.ci/deploy.yml@refs/heads/main"), ("workflow_sha", "0f"),
                ("job_workflow_ref", ""), ("job_workflow_sha", ""), ("job", "release"), ("run_id", "1001"),
                ("run_number", "5"), ("run_attempt", "1"), ("event_name", "push"), ("actor", "alice"),
                ("actor_id", "9"), ("environment", "production"), ("head_ref", ""), ("base_ref", ""),
                ("head_repository", "acme/widgets"), ("head_repository_id", "42"),
                ("runner_environment", "self-hosted"),
            ])
        )
        #expect(facts.present.count == 23)
        #expect(!facts.isPullRequest)
        #expect(!facts.isFork)
        #expect(try JobFacts(parsing: facts.document) == facts)
    }

    @Test(arguments: FactName.required)
    func `a required fact is there and not empty`(name: FactName) {
        #expect(throws: Refusal(.factMissing, name)) { try Samples.facts([(name.claimName, nil)]) }
        #expect(throws: Refusal(.factMissing, name)) { try Samples.facts([(name.claimName, "")]) }
    }

    @Test(arguments: FactName.allCases.filter { !FactName.required.contains($0) })
    func `an empty optional fact is absent`(name: FactName) throws {
        #expect(try Samples.facts([(name.claimName, "")]) == Samples.facts())
        #expect(try Samples.facts([(name.claimName, "")])[name] == nil)
    }

    @Test(
        arguments: FactName.allCases,
        [
            // Strings only: threat B15.
            JSONValue.null, .bool(true), .integer(42), .number("4.2"), .array(["a"]), .object(JSONObject()),
        ]
    )
    func `a fact that is no string is refused`(name: FactName, value: JSONValue) {
        #expect(throws: Refusal(.wrongType, name)) { try Samples.facts([(name.claimName, value)]) }
    }

    @Test(arguments: [
        // A04, B14: no claim can be slipped in, in no spelling.
        "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "repo", "url", "cnf", "act", "ISS", "iss\0", "Repository",
        "repository ", "repository\u{301}", "repo\u{200B}sitory", "repositoryID", "repositoryId", "", "\u{1D4FB}ef",
        "reference", "__proto__", "https://aws.amazon.com/tags", "scope", "client_id", "RUN_ID", "\u{FB01}",
    ])
    func `an unknown fact is refused by its name`(name: String) {
        #expect(throws: Refusal(.unknownMember, "job." + ByteString(name))) {
            try Samples.facts([(ByteString(name), "x")])
        }
        // Empty or not.
        #expect(throws: Refusal(.unknownMember, "job." + ByteString(name))) {
            try Samples.facts([(ByteString(name), "")])
        }
    }

    @Test(arguments: FactName.allCases)
    func `a fact has its greatest length`(name: FactName) throws {
        let limit = name == .workflowRef || name == .jobWorkflowRef ? 1024 : 255
        let start = name == .repository || name == .workflowRef ? "acme/widgets/" : ""
        let fits = JSONValue.string(ByteString(start + String(repeating: "a", count: limit - start.utf8.count)))
        let over = JSONValue.string(ByteString(start + String(repeating: "a", count: limit + 1 - start.utf8.count)))
        // The owner and a pull request have rules of their own.
        if name == .repositoryOwner {
            #expect(throws: Refusal(.repositoryOwnerMismatch, name)) { try Samples.facts([(name.claimName, fits)]) }
        } else {
            let changes: [(ByteString, JSONValue?)] = [("head_repository_id", "9"), (name.claimName, fits)]
            #expect(throws: Never.self) { try Samples.facts(changes) }
        }
        #expect(throws: Refusal(.factTooLong, name)) { try Samples.facts([(name.claimName, over)]) }
    }

    @Test(arguments: FactName.allCases)
    func `no fact holds a control byte`(name: FactName) {
        for byte in Array(UInt8(0)..<0x20) + [0x7F] {
            let value = JSONValue.string(ByteString(Array("a/b".utf8) + [byte] + Array("c".utf8)))
            #expect(throws: Refusal(.factInvalid, name)) { try Samples.facts([(name.claimName, value)]) }
        }
    }

    // B09: what StringLike, CEL or a template would read.
    @Test(arguments: FactName.allCases, ["*", "?", "$", "{", "}", "'", "\"", "`", "\\"])
    func `an identifying fact holds no pattern byte`(name: FactName, byte: String) {
        let identifying: Set<FactName> = [
            .repository, .repositoryID, .repositoryOwner, .repositoryOwnerID, .ref, .environment, .headRepository,
            .headRepositoryID,
        ]
        let value = JSONValue.string(ByteString("acme/widgets/" + byte))
        // The unknown fact behind it is only reached where the byte was let through.
        let refusal = identifying.contains(name) ? Refusal(.factInvalid, name) : Refusal(.unknownMember, "job.sub")
        #expect(throws: refusal) { try Samples.facts([(name.claimName, value), ("sub", "x")]) }
    }

    @Test(arguments: [
        "widgets", "/widgets", "acme/", "acme//widgets", "/", "acme/widgets/", "acme/.", "acme/..", "./widgets",
        "../widgets", "acme/../evil/x",
    ])
    func `a repository has an owner and a name`(name: String) {
        #expect(throws: Refusal(.factInvalid, .repository)) {
            try Samples.facts([("repository", .string(ByteString(name)))])
        }
    }

    @Test(arguments: [
        ("acme/widgets", "acme", true), ("acme/tools/widgets", "acme", true), ("acme/widgets", "", true),
        ("acme/widgets", "Acme", false), ("acme/widgets", "acm", false), ("acme/widgets", "acme/", false),
        ("acme/widgets", "widgets", false), ("acme/tools/widgets", "acme/tools", false),
        // Bytes: the two spellings of é.
        ("\u{E9}/widgets", "e\u{301}", false), ("\u{E9}/widgets", "\u{E9}", true),
    ])
    func `the owner is what stands before the first slash`(name: String, owner: String, fits: Bool) {
        let facts: [(ByteString, JSONValue?)] = [
            ("repository", .string(ByteString(name))), ("repository_owner", .string(ByteString(owner))),
        ]
        if fits {
            #expect(throws: Never.self) { try Samples.facts(facts) }
        } else {
            #expect(throws: Refusal(.repositoryOwnerMismatch, .repositoryOwner)) { try Samples.facts(facts) }
        }
    }

    @Test(arguments: [
        ("acme/widgets/.ci/deploy.yml@refs/heads/main", true), ("acme/widgets/x", true), ("acme/widgets/", true),
        ("acme/widgets", false), ("acme/widgets2/x", false), ("acme/other/x", false), ("/acme/widgets/x", false),
        ("ACME/widgets/x", false), ("evil/acme/widgets/x", false),
    ])
    func `the workflow's ref starts with the repository`(ref: String, fits: Bool) {
        let facts: [(ByteString, JSONValue?)] = [("workflow_ref", .string(ByteString(ref)))]
        if fits {
            #expect(throws: Never.self) { try Samples.facts(facts) }
        } else {
            #expect(throws: Refusal(.workflowRefMismatch, .workflowRef)) { try Samples.facts(facts) }
        }
        // A reusable workflow may come from elsewhere.
        #expect(throws: Never.self) { try Samples.facts([("job_workflow_ref", .string(ByteString(ref)))]) }
    }

    // MARK: Pull requests and forks

    @Test(
        arguments: [
            ("head_ref", "feature"), ("base_ref", "main"), ("event_name", "pull_request"),
            ("event_name", "pull_request_target"), ("event_name", "merge_request"),
            ("event_name", "merge_request_event"),
        ] as [(ByteString, String)]
    )
    func `a pull request says by id where its code comes from`(name: ByteString, value: String) throws {
        let fact = (name, JSONValue?.some(.string(ByteString(value))))
        #expect(throws: Refusal(.headRepositoryIDMissing, .headRepositoryID)) { try Samples.facts([fact]) }
        #expect(throws: Refusal(.headRepositoryIDMissing, .headRepositoryID)) {
            try Samples.facts([fact, ("head_repository_id", ""), ("head_repository", "acme/widgets")])
        }
        let facts = try Samples.facts([fact, ("repository_id", "42"), ("head_repository_id", "42")])
        #expect(facts.isPullRequest)
        #expect(!facts.isFork)
    }

    @Test(
        arguments: [
            // repository_id, head_repository_id, head_repository.
            (nil, nil, nil, false), ("42", nil, nil, false), ("42", "42", nil, false),
            ("42", "42", "acme/widgets", false),
            ("42", "43", nil, true), ("42", "43", "acme/widgets", true), ("42", "43", "mallory/widgets", true),
            // Where ids cannot be compared, it is a fork.
            (nil, "42", nil, true), ("42", "042", nil, true), ("42", "42 ", nil, true),
            // Without an id the name decides.
            ("42", nil, "mallory/widgets", true), (nil, nil, "mallory/widgets", true),
            (nil, nil, "acme/widgets", false),
            (nil, nil, "Acme/widgets", true),
        ] as [(String?, String?, String?, Bool)]
    )
    func `a fork is code from another repository`(id: String?, head: String?, name: String?, isFork: Bool) throws {
        let facts = try Samples.facts([
            ("repository_id", id.map { .string(ByteString($0)) }),
            ("head_repository_id", head.map { .string(ByteString($0)) }),
            ("head_repository", name.map { .string(ByteString($0)) }),
        ])
        #expect(facts.isFork == isFork)
        #expect(!facts.isPullRequest)
    }

    @Test func `one id has one name`() {
        #expect(throws: Refusal(.headRepositoryMismatch, .headRepository)) {
            try Samples.facts([
                ("repository_id", "42"), ("head_repository_id", "42"), ("head_repository", "mallory/widgets"),
            ])
        }
    }

    // MARK: Facts that come later

    @Test func `an absent fact may be added, a present one only repeated`() throws {
        let facts = try Samples.facts([("actor", "alice")])
        let added = try facts.adding(JSONObject([("sha", "0f"), ("actor", "alice"), ("environment", "")]))
        #expect(added[.sha] == "0f")
        #expect(added.present.count == 6)
        #expect(throws: Refusal(.factAlreadySet, .actor)) { try facts.adding(JSONObject("actor", "bob")) }
        #expect(throws: Refusal(.factAlreadySet, .repository)) { try facts.adding(JSONObject("repository", "acme/x")) }
        #expect(throws: Refusal(.unknownMember, "job.sub")) { try facts.adding(JSONObject("sub", "x")) }
        #expect(throws: Refusal(.wrongType, .sha)) { try facts.adding(JSONObject("sha", .integer(1))) }
        // Empty does not take a fact away.
        #expect(try facts.adding(JSONObject("actor", "")) == facts)
    }

    @Test func `what is added is checked against what is there`() throws {
        let facts = try Samples.facts([("repository_id", "42")])
        #expect(throws: Refusal(.headRepositoryIDMissing, .headRepositoryID)) {
            try facts.adding(JSONObject("head_ref", "feature"))
        }
        #expect(throws: Refusal(.repositoryOwnerMismatch, .repositoryOwner)) {
            try facts.adding(JSONObject("repository_owner", "mallory"))
        }
        #expect(try facts.adding(JSONObject("head_repository_id", "43")).isFork)
    }
}
