// The facts under GitLab's names (GitLab documentation, "OpenID Connect (OIDC) Authentication Using ID Tokens").

import JOSE
import Policy
import Testing

@Suite struct GitLabClaimsTests {
    private static let whole: [FactName: ByteString?] = [
        .repositoryOwnerID: "72", .repository: "my-group/my-project", .repositoryID: "20",
        .repositoryVisibility: "private",
        .actorID: "1", .actor: "sample-user", .runID: "574", .eventName: "push", .ref: "refs/heads/feature-branch-1",
        .refType: "branch", .refProtected: "false", .environment: "test-environment2",
        .sha: "714a629c0b401fdce83e847fc9589983fc6f46bc", .runnerEnvironment: "self-hosted",
        .workflowRef: "my-group/my-project/.gitlab-ci.yml@refs/heads/main",
        .workflowSHA: "714a629c0b401fdce83e847fc9589983fc6f46bc",
    ]

    private static func claims(
        _ changes: [FactName: ByteString?] = [:],
        forge: ByteString? = "gitlab.example.com"
    ) -> [String] {
        let job = Samples.job(whole.merging(changes) { $1 })
        return GitLabClaims.claims(of: job, jobID: "302", forge: forge).map { ($0 + "=" + $1).string }
    }

    @Test func `a job has the claims of GitLab's example`() {
        #expect(
            Self.claims() == [
                "namespace_id=72", "namespace_path=my-group", "project_id=20", "project_path=my-group/my-project",
                "project_visibility=private", "user_id=1", "user_login=sample-user", "pipeline_id=574",
                "pipeline_source=push", "job_id=302", "ref=feature-branch-1", "ref_type=branch",
                "ref_path=refs/heads/feature-branch-1", "ref_protected=false", "environment=test-environment2",
                "sha=714a629c0b401fdce83e847fc9589983fc6f46bc",
                "ci_config_ref_uri=gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
                "ci_config_sha=714a629c0b401fdce83e847fc9589983fc6f46bc", "runner_environment=self-hosted",
            ]
        )
        #expect(GitLabClaims.names.map(\.string) == Self.claims().map { String($0.prefix { $0 != "=" }) })
    }

    @Test func `a group in a group is the namespace, a tag is a tag, and no fact is no claim`() {
        let nested = Self.claims([
            .repository: "a/b/c", .workflowRef: nil, .ref: "refs/tags/v1", .refType: "tag", .actor: nil,
        ])
        #expect(nested.contains("namespace_path=a/b"))
        #expect(
            nested.contains("ref=v1") && nested.contains("ref_type=tag") && nested.contains("ref_path=refs/tags/v1")
        )
        #expect(!nested.contains { $0.hasPrefix("user_login") || $0.hasPrefix("ci_config_ref_uri") })
        #expect(!Self.claims(forge: nil).contains { $0.hasPrefix("ci_config_ref_uri") })
    }

    // PyPI's publishers compare these (Warehouse, oidc/models/gitlab.py).
    @Test func `what PyPI demands is there`() throws {
        let names = Set(Self.claims().map { ByteString(String($0.prefix { $0 != "=" })) })
        let demanded = try #require(AudienceProfile.named("pypi")).demandedClaims
        #expect(names.isSuperset(of: demanded))
    }

    @Test(
        arguments: [
            ("refs/heads/main", nil, "ref_type:branch:ref:main"), ("refs/tags/v1", nil, "ref_type:tag:ref:v1"),
            ("refs/heads/a/b:c", nil, "ref_type:branch:ref:a/b%3Ac"),
            ("refs/heads/x", "branch", "ref_type:branch:ref:x"),
            ("refs/tags/heads/main", nil, "ref_type:tag:ref:heads/main"),
        ] as [(ByteString, ByteString?, ByteString)]
    )
    func `the subject is GitLab's`(ref: ByteString, type: ByteString?, rest: ByteString) throws {
        let job = Samples.job([.ref: ref, .refType: type])
        #expect(try SubjectForm.gitLab.subject(of: job) == "project_path:acme/widgets:" + rest)
    }

    @Test(
        arguments: [("main", nil), ("refs/heads/", nil), ("refs/merge-requests/1/head", nil), ("refs/heads/x", "tag")]
            as [(ByteString, ByteString?)]
    )
    func `a ref that is neither branch nor tag has none`(ref: ByteString, type: ByteString?) {
        #expect(throws: Denial.attributeMissing(.fact(.ref))) {
            try SubjectForm.gitLab.subject(of: Samples.job([.ref: ref, .refType: type]))
        }
    }

    @Test func `a merge request and a fork never have the subject of a ref`() throws {
        let environment: [FactName: ByteString?] = [.environment: "production"]
        for job in [Samples.job(environment, isPullRequest: true), Samples.job(environment, isFork: true)] {
            #expect(try SubjectForm.gitLab.subject(of: job) == "project_path:acme/widgets:pull_request")
        }
    }
}
