import JOSE
import Testing

@testable import Attestation

@Suite struct TrustedIssuersTests {
    private let policy = #"{"policy": {"pathTemplate": "/{{jwt.issuer}}/{{jwt.claim.sub}}"}}"#

    private func issuers(_ entry: String) throws -> TrustedIssuers {
        let spec = #"{"jwt": {"enabled": "true", "allowedIssuers": ["# + entry + "]}}"
        return try Samples.policy(attestation: spec, issuance: policy).issuers
    }

    private func problems(_ entry: String) throws -> [String] {
        let spec = #"{"jwt": {"enabled": "true", "allowedIssuers": ["# + entry + "]}}"
        return try Samples.problems(attestation: spec, issuance: policy)
    }

    @Test func `the seed's section is read with the defaults of a careful operator`() throws {
        let issuer = try #require(
            try issuers(#"{"issuer": "https://token.actions.githubusercontent.com"}"#).all.first
        )
        #expect(issuer.audiences == ["spiffe://example.org"])
        #expect(issuer.algorithms == [.RS256, .ES256])
        #expect(issuer.clockSkew == 30 && issuer.maximumAge == 86_400 && !issuer.refusesReplay)
        #expect(issuer.keyLocation.jwksURI == nil)
    }

    @Test func `all that can be asked of an issuer is read`() throws {
        let issuers = try issuers(
            """
            {"issuer": "https://ci.example.test/", "jwksURI": "https://ci.example.test/keys?v=1", "audiences": ["a", "b"],
             "requiredClaims": {"repository_owner": "acme", "ref": ["refs/heads/*", "refs/tags/v1"], "k8s[a.b]": "x"},
             "algorithms": ["EdDSA"], "caBundle": "/etc/ca.pem", "maximumAge": "10m", "replay": "refuse", "clockSkew": "0s"}
            """
        )
        let issuer = try #require(issuers["https://ci.example.test/"])
        #expect(issuers["https://ci.example.test"] == nil)
        #expect(issuer.audiences == ["a", "b"] && issuer.algorithms == [.EdDSA] && issuer.maximumAge == 600)
        #expect(issuer.requiredClaims.map(\.path.text) == ["repository_owner", "ref", "k8s[a.b]"])
        #expect(issuer.refusesReplay && issuer.clockSkew == 0 && issuer.keyLocation.caBundle == "/etc/ca.pem")
    }

    @Test(arguments: [
        "http://ci.example.test", "ci.example.test", "https://", "https://u@ci.example.test", "https://CI.example.test",
        "https://ci.example.test:443", "https://ci.example.test/?a", "https://ci.example.test#x",
        "ftp://ci.example.test",
        "https://ci.example.test/a b", "http://127.0.0.1.example.test", "http://169.254.169.254", "",
    ])
    func `an issuer that is no plain https URL is refused`(_ url: String) throws {
        #expect(try problems(#"{"issuer": "\#(url)"}"#).contains { $0.hasPrefix("spec.jwt.allowedIssuers[0].issuer ") })
    }

    @Test(arguments: ["http://127.0.0.1:8080", "http://localhost:1/x", "http://[::1]:99", "https://x.test/a/"])
    func `loopback may do without TLS`(_ url: String) throws {
        #expect(try problems(#"{"issuer": "\#(url)"}"#) == [])
    }

    @Test func `every problem is told, each with its place`() throws {
        let found = try problems(
            """
            {"issuers": "x", "jwksURI": "http://x.test", "audiences": [], "requiredClaims": {"a..b": "x", "c": ""},
             "algorithms": ["HS256", "none"], "maximumAge": "25h", "replay": "never", "clockSkew": "61s", "caBundle": {}}
            """
        )
        let places = found.map { String($0.prefix { $0 != " " }.dropFirst("spec.jwt.allowedIssuers[0].".count)) }
        #expect(
            Set(places) == [
                "issuers", "issuer", "jwksURI", "audiences", "requiredClaims.a..b", "requiredClaims.c", "algorithms",
                "maximumAge", "replay", "clockSkew", "caBundle",
            ]
        )
        #expect(found.count == 12)
    }

    @Test func `attestors that are not ours may stand there while they are off`() throws {
        #expect(try Samples.problems(attestation: #"{"kubernetes": {"enabled": "false"}, "linux": {}}"#) == [])
        for name in ["kubernetes", "docker", "linux", "systemd"] {
            let found = try Samples.problems(attestation: #"{"\#(name)": {"enabled": "true"}}"#)
            #expect(found.count == 1 && found.first?.hasPrefix("spec.\(name).enabled ") == true)
        }
        #expect(try Samples.problems(attestation: #"{"jwtt": {}}"#).count == 1)
    }

    @Test func `disabled means that nobody is trusted`() throws {
        let spec = #"{"jwt": {"allowedIssuers": [{"issuer": "https://ci.example.test"}]}}"#
        #expect(try Samples.policy(attestation: spec).issuers.all == [])
        #expect(try Samples.policy().issuers.all == [])
        #expect(try Samples.problems(attestation: #"{"jwt": {"enabled": "true"}}"#).count == 1)
        #expect(try Samples.problems(attestation: #"{"jwt": {"enabled": "yes"}}"#).count == 1)
    }

    @Test func `an issuer is named once`() throws {
        let entry = #"{"issuer": "https://ci.example.test"}"#
        #expect(try problems(entry + "," + entry).count == 1)
    }

    @Test func `a section has a schema and stands once`() throws {
        let section = Samples.section("WorkloadAttestation", .object(JSONObject()))
        let wrong = JSONValue.object(JSONObject([("section", "WorkloadAttestation"), ("schema", "v2"), ("x", "y")]))
        for (sections, count) in [([section, section], 1), ([wrong], 3), ([.object(JSONObject())], 0)] {
            do {
                _ = try AgentPolicy(reading: sections, trustDomain: Samples.trustDomain(), cluster: "ci")
                #expect(count == 0)
            } catch let problems as ConfigurationProblems {
                #expect(problems.all.count == count)
            }
        }
    }

    @Test(arguments: [
        ("https://token.actions.githubusercontent.com", "repository_owner_id", "7", true),
        ("https://token.actions.githubusercontent.com", "repository_owner", "acme", true),
        ("https://token.actions.githubusercontent.com", "repository_owner", "*", false),
        ("https://token.actions.githubusercontent.com", "repository_owner", "acme*", false),
        ("https://token.actions.githubusercontent.com", "repository", "acme/*", true),
        ("https://token.actions.githubusercontent.com", "repository", "*/widgets", false),
        ("https://token.actions.githubusercontent.com", "sub", "repo:acme/*", true),
        ("https://token.actions.githubusercontent.com", "sub", "repo:*", false),
        ("https://token.actions.githubusercontent.com", "sub", "repo:acme*", false),
        ("https://token.actions.githubusercontent.com", "actor", "alice", false),
        ("https://gitlab.com", "namespace_path", "acme", true), ("https://gitlab.com", "ref", "main", false),
        ("https://agent.buildkite.com", "organization_slug", "acme", true),
        ("https://agent.buildkite.com", "pipeline_slug", "x", false),
        ("https://accounts.google.com", "sub", "113", true), ("https://accounts.google.com", "email", "*", false),
        ("https://ci.example.test", "x", "y", true), ("https://oidc.circleci.com/org/1", "x", "y", true),
    ])
    func `a shared issuer without a fixed owner is a warning`(
        _ issuer: String,
        _ claim: String,
        _ pattern: String,
        _ isQuiet: Bool
    ) throws {
        let issuers = try issuers(#"{"issuer": "\#(issuer)", "requiredClaims": {"\#(claim)": "\#(pattern)"}}"#)
        #expect(issuers.warnings.isEmpty == isQuiet)
    }
}
