import JOSE
import Keys
import SPIFFE
import Testing

@testable import Attestation

@Suite struct IssuancePolicyTests {
    private func policy(_ spec: String, olderClaims: ByteString = "") throws -> IssuancePolicy {
        try #require(try Samples.policy(issuance: spec, olderClaims: olderClaims).issuance)
    }

    private func id(_ template: String, _ claims: [(ByteString, JSONValue)]) throws -> String {
        let policy = try policy(#"{"policy": {"pathTemplate": "\#(template)"}}"#)
        return try policy.plan(for: Samples.workload(claims)).id.text.string
    }

    @Test func `the seed's template works as written`() throws {
        let id = try id(
            "/{{cluster.name}}/repo/{{jwt.claim.repo}}/ref/{{jwt.claim.ref}}",
            [("repo", "acme/widgets"), ("ref", "refs/heads/main")]
        )
        #expect(id == "spiffe://example.org/ci/repo/acme_2Fwidgets/ref/refs_2Fheads_2Fmain")
    }

    @Test(arguments: [
        ("a-b.c", "a-b.c"), ("a_b", "a_5Fb"), (".", "_2E"), ("..", "_2E_2E"), ("...", "..."), ("%2e", "_252e"),
        ("../x", ".._2Fx"), ("a//b", "a_2F_2Fb"), ("é", "_C3_A9"), (" ", "_20"), ("\0", "_00"), ("_2E", "_5F2E"),
    ])
    func `a value fills one segment`(_ value: String, _ segment: String) throws {
        let id = try id("/x/{{ jwt.claim.v }}", [("v", .string(ByteString(value)))])
        #expect(id == "spiffe://example.org/x/\(segment)")
    }

    @Test func `integers and truths are written plainly, and lists and objects by place only`() throws {
        let claims: [(ByteString, JSONValue)] = [
            ("n", .integer(-9_007_199_254_740_993)), ("b", .bool(true)), ("list", .array(["x", .integer(2)])),
            ("o", .object(JSONObject([("a", .object(JSONObject([("b.c/d", "deep")])))]))),
        ]
        #expect(try id("/{{jwt.claim.n}}/{{jwt.claim.b}}", claims).hasSuffix("/-9007199254740993/true"))
        #expect(try id("/{{jwt.claim.list[0]}}/{{jwt.claim.list.1}}", claims).hasSuffix("/x/2"))
        #expect(try id("/{{jwt.claim.o.a[b.c/d]}}", claims).hasSuffix("/deep"))
        #expect(try id("/{{jwt.claim[b]}}/{{trustDomain.name}}", claims).hasSuffix("/true/example.org"))
        #expect(try id("/{{jwt.issuer}}", claims).hasSuffix("/https_3A_2F_2Fci.example.test"))
    }

    @Test(arguments: [
        #"{}"#, #"{"v": ""}"#, #"{"v": null}"#, #"{"v": []}"#, #"{"v": ["x"]}"#, #"{"v": {"a": "b"}}"#, #"{"v": 1.0}"#,
        #"{"v": 1e3}"#, #"{"V": "x"}"#, #"{"v.": "x"}"#,
    ])
    func `what is missing, empty or no single value gives no identity`(_ json: String) throws {
        let claims = try #require(try Samples.tree(json).objectValue)
        #expect(throws: SVIDRefusal.noIdentity(about: "jwt.claim.v is absent, empty, or no single value")) {
            try id("/{{jwt.claim.v}}", claims.members.map { ($0.name, $0.value) })
        }
    }

    @Test func `an ID has at most 2048 bytes`() throws {
        let room = 2048 - "spiffe://example.org/".utf8.count
        let longest = ByteString(String(repeating: "a", count: room))
        #expect(try id("/{{jwt.claim.v}}", [("v", .string(longest))]).utf8.count == 2048)
        #expect(throws: SVIDRefusal.noIdentity(about: "the SPIFFE ID would have more than 2048 bytes")) {
            try id("/{{jwt.claim.v}}", [("v", .string(longest + "a"))])
        }
    }

    @Test func `no workload gets an ID that SPIFFE keeps for itself`() throws {
        #expect(throws: SVIDRefusal.self) { try id("/{{jwt.claim.v}}/agent", [("v", "spire")]) }
        #expect(try id("/{{jwt.claim.v}}/agent", [("v", "spires")]).hasSuffix("/spires/agent"))
    }

    @Test(arguments: [
        "", "x", "x/y", "/", "//", "/x/", "/x//y", "/./x", "/../x", "/x y", "/é", "/%2e", "/{{}}", "/{{jwt.claim}}",
        "/{{jwt.claim.}}", "/{{jwt.claim.a..b}}", "/{{kubernetes.pod.namespace}}", "/{{jwt.claim.a}}{{jwt.claim.b}}",
        "/{{jwt.claim.a}}-{{jwt.claim.b}}", "/{{jwt.claim.a", "/{jwt.claim.a}", "/{{jwt.claim.a}", "/{{{jwt.claim.a}}}",
        "{{jwt.claim.a}}", "/{{jwt.claim.exp}}", "/{{jwt.claim.iat}}", "/{{jwt.claim.nbf}}", "/{{jwt.claim.[a]}}",
        "/{{jwt.claim.a | lower}}", "/spire/x", "/spire", "/{{jwt.claim.a[}}", "/{{jwt.claim.a[]}}", "/{{jwt claim a}}",
        "/{{jwt.claim.a.b.c.d.e.f.g.h.i}}", "/x/{{jwt.claim.é}}", "/{{jwt.issuer.x}}", "/a?b", "/a#b", "spiffe://x/y",
    ])
    func `a template with another shape is refused when it is loaded`(_ template: String) throws {
        let found = try Samples.problems(issuance: #"{"policy": {"pathTemplate": "\#(template)"}}"#)
        #expect(found.count == 1 && found.first?.hasPrefix("spec.policy.pathTemplate ") == true, "\(found)")
    }

    // MARK: - Overrides

    private let overrides = """
        {"policy": {"pathTemplate": "/base/{{jwt.claim.repo}}", "x509": {"ttl": "24h"}, "jwt": {"ttl": "12h",
           "additionalClaims": {"team": "{{jwt.claim.team}}"}}},
         "policyOverrides": [
           {"when": {"jwt.claim.env": "production", "jwt.claim.repo": ["a/b", "c/*"]},
            "policy": {"pathTemplate": "/prod/{{jwt.claim.repo}}", "x509": {"ttl": "4h"}}},
           {"when": {"jwt.claim.env": "production"}, "policy": {"jwt": {"ttl": "1h30m"}}}]}
        """

    @Test func `the first override whose conditions all hold counts alone`() throws {
        let policy = try policy(overrides)
        let first = try policy.plan(for: Samples.workload([("env", "production"), ("repo", "c/d"), ("team", "x")]))
        #expect(first.id.path == "/prod/c_2Fd")
        #expect(first.x509Lifetime == 14_400 && first.jwtLifetime == nil)
        #expect(try first.additionalClaims().isEmpty)
        let second = try policy.plan(for: Samples.workload([("env", "production"), ("repo", "z")]))
        #expect(second.id.path == "/base/z")
        #expect(second.x509Lifetime == nil && second.jwtLifetime == 5400)
        let base = try policy.plan(for: Samples.workload([("repo", "z"), ("team", "x")]))
        #expect(base.x509Lifetime == 86_400 && base.jwtLifetime == 43_200)
        #expect(try base.additionalClaims().map(\.1) == ["x"])
    }

    @Test func `a missing additional claim refuses the JWT-SVID and leaves the X509-SVID`() throws {
        let plan = try policy(overrides).plan(for: Samples.workload([("repo", "z")]))
        #expect(try plan.subject() == nil)
        #expect(throws: SVIDRefusal.self) { try plan.additionalClaims() }
    }

    @Test func `every problem of a policy is told with its place`() throws {
        let found = try Samples.problems(
            issuance: """
                {"polcy": {}, "policy": {"x509": {"ttl": "59s", "subject": "Acme", "x": "y"},
                   "jwt": {"ttl": "169h", "additionalClaims": {"iss": "{{jwt.claim.a}}", "Team": "{{jwt.claim.a}}",
                     "team": "static", "two": "{{jwt.claim.a}}{{jwt.claim.b}}", "flow": {"{jwt.claim.a}": "x"}}}},
                 "policyOverrides": [{"when": {}, "policy": {}}, {"when": {"os.name": "x", "jwt.claim.a": []}}]}
                """
        )
        let places = Set(found.map { String($0.prefix { $0 != " " }) })
        #expect(
            places == [
                "spec.polcy", "spec.policy.pathTemplate", "spec.policy.x509.ttl", "spec.policy.x509.subject",
                "spec.policy.x509.x", "spec.policy.jwt.ttl", "spec.policy.jwt.additionalClaims.iss",
                "spec.policy.jwt.additionalClaims.Team", "spec.policy.jwt.additionalClaims.team",
                "spec.policy.jwt.additionalClaims.two", "spec.policy.jwt.additionalClaims.flow",
                "spec.policyOverrides[0].when", "spec.policyOverrides[1].when.os.name",
                "spec.policyOverrides[1].when.jwt.claim.a", "spec.policyOverrides[1].policy",
            ]
        )
        #expect(found.contains { $0.contains("quote a template") })
    }

    @Test(
        arguments: [
            ("24h", 86_400), ("90m", 5400), ("1h30m", 5400), ("1m", 60), ("168h", 604_800), ("60s", 60), ("1h1s", 3601),
            ("0s", nil), ("169h", nil), ("30m1h", nil), ("1h1h", nil), ("1d", nil), ("1.5h", nil), ("3600", nil),
            ("-1h", nil), ("", nil), ("h", nil), ("99999999999h", nil), ("1h ", nil),
        ] as [(String, Int64?)]
    )
    func `lifetimes are from a minute to a week`(_ text: String, _ seconds: Int64?) throws {
        let spec = #"{"policy": {"pathTemplate": "/{{jwt.claim.a}}", "x509": {"ttl": "\#(text)"}}}"#
        if let seconds {
            #expect(try policy(spec).base.x509Lifetime == seconds)
        } else {
            #expect(try Samples.problems(issuance: spec).count == 1)
        }
    }

    // MARK: - Claims and subjects

    @Test(arguments: [
        "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "ISS", "i_s_s", "iss\\u0000", "cnf", "act", "a-b", "",
    ])
    func `no policy sets a claim that means something already`(_ name: String) throws {
        let spec = """
            {"policy": {"pathTemplate": "/{{jwt.claim.a}}", "jwt": {"additionalClaims": {"\(name)": "{{jwt.claim.a}}"}}}}
            """
        #expect(try Samples.problems(issuance: spec).count == 1)
    }

    @Test func `the older template counts where the policy says nothing of claims`() throws {
        let older: ByteString = "namespace={{jwt.claim.ns}},team=t-{{jwt.claim.team}}"
        let workload = Samples.workload([("ns", "n"), ("team", "x"), ("a", "b")])
        let silent = try policy(#"{"policy": {"pathTemplate": "/{{jwt.claim.a}}"}}"#, olderClaims: older)
        let claims = try silent.plan(for: workload).additionalClaims()
        #expect(claims.map(\.0) == ["namespace", "team"] && claims.map(\.1) == ["n", "t-x"])
        let speaking = try policy(
            #"{"policy": {"pathTemplate": "/{{jwt.claim.a}}", "jwt": {"additionalClaims": {}}}}"#,
            olderClaims: older
        )
        #expect(try speaking.plan(for: workload).additionalClaims().isEmpty)
        for wrong: ByteString in ["a", "a=", "a=b", "iss={{jwt.claim.a}}", "a={{jwt.claim.a}},", "a={{b}}"] {
            #expect(try Samples.problems(olderClaims: wrong).count == 1)
        }
    }

    @Test func `a value cannot leave its place in a subject`() throws {
        let spec = """
            {"policy": {"pathTemplate": "/{{jwt.claim.v}}", "x509": {"subject": "O=Acme Corp,OU={{jwt.claim.v}}"}}}
            """
        let plan = try policy(spec).plan(for: Samples.workload([("v", "x,CN=root+O=y\\\"#é")]))
        #expect(try plan.subject() == "O=Acme Corp,OU=x\\2CCN\\3Droot\\2BO\\3Dy\\5C\\22\\23\\C3\\A9")
        for wrong in ["{{jwt.claim.v}}", "O=a,{{jwt.claim.v}}=b", "O", "=x", "O=a,", #"O=\\{{jwt.claim.v}}"#, "O=é"] {
            let spec = #"{"policy": {"pathTemplate": "/{{jwt.claim.v}}", "x509": {"subject": "\#(wrong)"}}}"#
            #expect(try Samples.problems(issuance: spec).count == 1, "\(wrong)")
        }
    }

    @Test func `an SVID outlives its evidence by no more than the agent allows`() throws {
        let plan = try policy(overrides).plan(for: Samples.workload([("repo", "z")]))
        let end = Samples.now.advanced(bySeconds: 300)
        func lifetime(_ kind: SVIDKind, at now: NumericDate, after: Int64) throws -> SVIDLifetime {
            try plan.lifetime(of: kind, at: now, evidenceExpiresAt: end, maximumAfterToken: after)
        }
        #expect(try lifetime(.x509, at: Samples.now, after: 3600) == .init(seconds: 3900, isShortened: true))
        #expect(try lifetime(.jwt, at: Samples.now, after: 90_000) == .init(seconds: 43_200, isShortened: false))
        #expect(try lifetime(.jwt, at: end.advanced(bySeconds: -1), after: 0) == .init(seconds: 1, isShortened: true))
        #expect(throws: SVIDRefusal.evidenceExpired) { try lifetime(.jwt, at: end, after: 3600) }
    }

    // MARK: - Several issuers

    private func collisions(
        _ issuance: String,
        issuers: [String] = ["https://a.test", "https://b.test"]
    ) throws -> [String] {
        let entries = issuers.map { #"{"issuer": "\#($0)"}"# }.joined(separator: ",")
        return try Samples.problems(
            attestation: #"{"jwt": {"enabled": "true", "allowedIssuers": [\#(entries)]}}"#,
            issuance: issuance
        )
    }

    @Test func `two issuers never share a template unless it names the issuer`() throws {
        let plain = #"{"policy": {"pathTemplate": "/{{jwt.claim.a}}"}}"#
        #expect(try collisions(plain, issuers: ["https://a.test"]) == [])
        let found = try collisions(plain)
        #expect(found.count == 1 && found.first?.contains("https://a.test and of https://b.test") == true)
        #expect(try collisions(#"{"policy": {"pathTemplate": "/{{jwt.issuer}}/{{jwt.claim.a}}"}}"#) == [])
        #expect(try collisions(#"{"policy": {"pathTemplate": "/i-{{jwt.claim.iss}}/{{jwt.claim.a}}"}}"#) == [])
    }

    @Test(arguments: [
        // Each has its own, by an override for all of its jobs.
        (#"{"jwt.issuer": "https://a.test"}"#, "/a/{{jwt.claim.a}}", "/b/{{jwt.claim.a}}", true),
        // The same shape in both.
        (#"{"jwt.issuer": "https://a.test"}"#, "/x/{{jwt.claim.a}}", "/x/{{jwt.claim.b}}", false),
        // A value may be what stands fixed in the other.
        (#"{"jwt.issuer": "https://a.test"}"#, "/x/{{jwt.claim.a}}", "/{{jwt.claim.b}}/y", false),
        (#"{"jwt.issuer": "https://a.test"}"#, "/a-{{jwt.claim.a}}", "/b-{{jwt.claim.a}}", true),
        (#"{"jwt.issuer": "https://a.test"}"#, "/a-{{jwt.claim.a}}", "/a-b-{{jwt.claim.a}}", false),
        (#"{"jwt.issuer": "https://a.test"}"#, "/{{jwt.claim.a}}/z", "/{{jwt.claim.a}}", true),
        // Not all jobs of a end there: the rest come to the base with b's.
        (#"{"jwt.issuer": "https://a.test", "jwt.claim.e": "x"}"#, "/a/{{jwt.claim.a}}", "/b/{{jwt.claim.a}}", false),
        // Anybody may come there.
        (#"{"jwt.claim.e": "x"}"#, "/{{jwt.claim.a}}", "/{{jwt.issuer}}/{{jwt.claim.a}}", false),
        (#"{"jwt.issuer": "https://*.test"}"#, "/a/{{jwt.claim.a}}", "/b/{{jwt.claim.a}}", false),
        (
            #"{"jwt.issuer": "https://a.test"}"#, "/{{jwt.claim.a}}/{{jwt.issuer}}", "/{{jwt.claim.a}}/{{jwt.issuer}}",
            true
        ),
    ])
    func `an override distinguishes issuers only if no job of one comes to the other's`(
        _ when: String,
        _ override: String,
        _ base: String,
        _ isSound: Bool
    ) throws {
        let found = try collisions(
            """
            {"policy": {"pathTemplate": "\(base)"},
             "policyOverrides": [{"when": \(when), "policy": {"pathTemplate": "\(override)"}}]}
            """
        )
        #expect(found.isEmpty == isSound, "\(found)")
    }

    @Test func `an issuer without a policy, or a policy for everybody alike, is not passed over`() throws {
        let attestation = #"{"jwt": {"enabled": "true", "allowedIssuers": [{"issuer": "https://a.test"}]}}"#
        #expect(try Samples.problems(attestation: attestation).count == 1)
        let policy = try Samples.policy(attestation: attestation, issuance: #"{"policy": {"pathTemplate": "/ci"}}"#)
        #expect(policy.warnings.count == 1)
    }
}
