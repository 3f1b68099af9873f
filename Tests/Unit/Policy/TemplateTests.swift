// Templates expand once, reach nothing but the job, and never merge two jobs (threats B13, B16, B17).

import JOSE
import Policy
import Testing

@Suite struct TemplateTests {
    /// What some engine would expand, run or interpolate.
    private static let hostile: [ByteString] = [
        "{{ref}}", "{{{{ref}}}}", "{{ ref }}", "{{repository}}:{{ref}}", "}}{{", "{{", "}}", "${ref}", "$ref",
        "${{ github.ref }}",
        "%s", "%(ref)s", "%n%n", "{%ref%}", "#{ref}", "<%= ref %>", "$(id)", "`id`", "{{server.key}}",
        "{{jwt.claim.x}}",
        "{{env.DB_URL}}", "{0}", "{ref}", "\\u007b\\u007bref}}", "%7B%7Bref%7D%7D", "&ref;", "[[ref]]", "@ref@",
        "@@ref@@",
        "!ref", "<ref>", "\\(ref)", "../ref", "'||ref||'", "\u{E000}ref",
    ]

    @Test(arguments: hostile)
    func `a value that looks like a template stands as it is`(value: ByteString) throws {
        let job = Samples.job([.workflow: value])
        let alone = try ClaimTemplate(name: "team", value: "{{workflow}}")
        #expect(try alone.value(for: job) == value)
        let framed = try ClaimTemplate(name: "team", value: "a/{{workflow}}/b")
        #expect(try framed.value(for: job) == "a/" + value + "/b")
        let beside = try ClaimTemplate(name: "team", value: "{{workflow}}:{{repository}}")
        let encoded = PercentEncoding.encode(value, reserved: [UInt8(ascii: ":")])
        #expect(try beside.value(for: job) == encoded + ":acme/widgets")
        let subject = try SubjectForm("t:{{repository}}:{{workflow}}")
        #expect(try subject.subject(of: job) == "t:acme/widgets:" + encoded)
    }

    private static let unknown = [
        "env.DB_URL", "env.PATH", "environment.DB_URL", "server.key", "jwt.claim.x", "cluster.name", "secrets.TOKEN",
        "kubernetes.pod.namespace", "iss", "sub", "aud", "exp", "jti", "kid", "repo", "url", "Repository", "REF",
        "repository.name", "repository_name", "ref-name", "ref\u{0}", "ref\u{301}", "re f", "", " ", "\tref",
        "job.name",
        "facts.ref", "runner.name", "runner.credential", "self", "this", "config", "policy", "rule", "fork",
        "pull_request", "service_connection", "project_path", "*", "ref|upper", "ref()", "__proto__",
    ]

    @Test(arguments: unknown)
    func `an attribute that no job has is refused when it is loaded`(name: String) {
        let text = ByteString("{{repository}}:{{" + name + "}}")
        #expect(throws: TemplateError.self) { try Template(text) }
        #expect(throws: TemplateError.self) { try SubjectForm("t:" + text) }
        #expect(throws: ClaimTemplate.Invalid.self) { try ClaimTemplate(name: "team", value: text) }
    }

    @Test(
        arguments: [
            ("", .isStatic), ("fixed", .isStatic), ("a:b", .isStatic), ("{{ref", .malformed), ("{{ref}", .malformed),
            ("{ref}", .malformed), ("{{ref}}{", .malformed), ("{{{ref}}}", .unknownAttribute("{ref")),
            ("{{ref}}}", .literalInvalid), ("{{ref}} x", .literalInvalid), ("\u{E9}{{ref}}", .literalInvalid),
            ("{{ref}}%3A", .literalInvalid), ("{{ref}}{{job}}", .valuesNotSeparated),
            ("{{ref}}-{{job}}", .valuesNotSeparated), ("{{ref}}/{{job}}", .valuesNotSeparated),
            ("{{ref}}:{{job}}{{workflow}}", .valuesNotSeparated),
        ] as [(ByteString, TemplateError)]
    )
    func `a template that is none is refused with its reason`(text: ByteString, error: TemplateError) {
        #expect(throws: error) { try Template(text) }
    }

    @Test(
        arguments: [
            ("t:{{ref}}", .repositoryMissing), ("{{repository}}:x", .firstSegmentMissing),
            (":{{repository}}", .firstSegmentMissing), ("t{{repository}}:{{ref}}", .firstSegmentMissing),
            ("t-{{repository}}", .firstSegmentMissing), ("repo:{{repository}}", .firstSegmentTaken("repo")),
            ("project_path:{{repository}}", .firstSegmentTaken("project_path")),
            ("repository:{{repository}}", .firstSegmentTaken("repository")),
            ("repository_id:{{repository_id}}", .firstSegmentTaken("repository_id")),
            ("workflow_ref:{{repository}}", .firstSegmentTaken("workflow_ref")), ("Default", .isStatic),
        ] as [(ByteString, TemplateError)]
    )
    func `a subject's template says the repository after a word of its own`(text: ByteString, error: TemplateError) {
        #expect(throws: error) { try SubjectForm(text) }
    }

    // B13: Flux Operator's CVE-2026-23990 was a claim that rendered empty.
    @Test(arguments: [nil, ""] as [ByteString?])
    func `an absent value refuses the token`(value: ByteString?) throws {
        let job = Samples.job([.environment: value])
        #expect(throws: Denial.attributeMissing(.fact(.environment))) {
            try ClaimTemplate(name: "team", value: "x-{{environment}}").value(for: job)
        }
        #expect(throws: Denial.attributeMissing(.fact(.environment))) {
            try SubjectForm("t:{{repository}}:{{environment}}").subject(of: job)
        }
    }

    // B01: neither through a template.
    @Test func `a fork has no subject of a ref or an environment, a merge request none of a ref`() throws {
        let ofRef = try SubjectForm("t:{{repository}}:{{ref}}")
        let ofEnvironment = try SubjectForm("t:{{repository}}:{{environment}}")
        let environment: [FactName: ByteString?] = [.environment: "production"]
        let pullRequest = Samples.job(environment, isPullRequest: true)
        let fork = Samples.job(environment, isFork: true)
        for job in [pullRequest, fork] {
            #expect(throws: Denial.subjectUnavailable(.fact(.ref))) { try ofRef.subject(of: job) }
        }
        #expect(throws: Denial.subjectUnavailable(.fact(.environment))) { try ofEnvironment.subject(of: fork) }
        #expect(try ofEnvironment.subject(of: pullRequest) == "t:acme/widgets:production")
        for fact in SubjectForm.claims {
            #expect(throws: Denial.subjectUnavailable(.fact(fact))) { try SubjectForm.claim(fact).subject(of: fork) }
        }
    }

    @Test func `a fork's template says where its code comes from, and nothing that is the base's`() throws {
        let fork = Samples.job([.headRepositoryID: "66", .baseRef: "refs/heads/main"], isFork: true)
        #expect(throws: Denial.subjectUnavailable(.fact(.headRepositoryID))) {
            try SubjectForm("t:{{repository}}:x").subject(of: fork)
        }
        #expect(throws: Denial.subjectUnavailable(.fact(.baseRef))) {
            try SubjectForm("t:{{repository}}:{{base_ref}}:{{head_repository_id}}").subject(of: fork)
        }
        #expect(
            try SubjectForm("t:{{repository}}:fork:{{head_repository_id}}").subject(of: fork)
                == "t:acme/widgets:fork:66"
        )
    }
}
