// Nobody sets a claim that is the issuer's to set, in any spelling (threat B14).

import JOSE
import Policy
import Testing

@Suite struct ReservedClaimsTests {
    private static let names = [
        "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "act", "client_id", "azp", "scope", "events", "nonce",
        "repository", "ref", "workflow", "repo", "runner", "environment_approved_by", "project_path",
        "https://aws.amazon.com/tags",
    ]

    private static let spellings: [@Sendable (String) -> String] = [
        { $0 }, { $0.uppercased() }, { $0.prefix(1).uppercased() + $0.dropFirst() }, { $0 + "\u{0}" }, { "\u{0}" + $0 },
        { $0.map(String.init).joined(separator: "-") }, { $0.map(String.init).joined(separator: "_") },
        { $0.map(String.init).joined(separator: ".") }, { $0 + " " }, { " " + $0 }, { $0 + "\t" }, { $0 + "\n" },
        { $0 + "\u{301}" }, { $0 + "\u{200B}" }, { "\u{FEFF}" + $0 }, { $0.prefix(1) + "\u{AD}" + $0.dropFirst() },
        { String(String.UnicodeScalarView($0.unicodeScalars.map { Unicode.Scalar($0.value + 0xFEE0) ?? $0 })) },
        { "\\u00" + String($0.utf8.first ?? 0, radix: 16) + $0.dropFirst() }, { "\"" + $0 + "\"" }, { $0 + "[]" },
        { "%" + String($0.utf8.first ?? 0, radix: 16) + $0.dropFirst() }, { "_" + $0 }, { $0 + "_" }, { "/" + $0 },
    ]

    static let all = names.flatMap { name in spellings.map { $0(name) } }

    @Test func `five hundred spellings of them are refused`() throws {
        #expect(Self.all.count > 500)
        #expect(Set(Self.all.map { ByteString($0) }).count > 480)
        for name in Self.all {
            #expect(throws: ClaimTemplate.Invalid.self, "\(name)") {
                try ClaimTemplate(name: ByteString(name), value: "{{ref}}")
            }
        }
    }

    @Test func `a policy that sets them is refused, with every one named`() throws {
        let names = Set(Self.all.map { ByteString($0) })
        let claims = JSONObject(names.map { ($0, "{{ref}}") })
        let rule = JSONObject([("name", "one"), ("audiences", "a"), ("claims", .object(claims))])
        let policy = JSONObject([("rules", .array([.object(rule)]))])
        let problems = PolicyDocument(parsing: .object(policy)).problems
        #expect(Set(problems.map(\.path)).count == names.count)
    }

    @Test(arguments: ["team", "cost_center", "a", "issuer", "subject", "x9", "refs"])
    func `names that only remind of them are free`(name: String) throws {
        #expect(
            try ClaimTemplate(name: ByteString(name), value: "{{ref}}").value(for: Samples.job()) == "refs/heads/main"
        )
    }

    @Test(arguments: ["", "9a", "_a", "a-b", "a.b", "A", "a b", "\u{E9}", String(repeating: "a", count: 65)])
    func `a name is a letter, then letters, digits and underscores`(name: String) {
        #expect(throws: ClaimTemplate.Invalid.name) {
            try ClaimTemplate(name: ByteString(name), value: "{{ref}}")
        }
    }

    @Test func `every claim that a token can have is reserved`() {
        for name in FactName.allCases.map(\.claimName) + GitLabClaims.names {
            #expect(ReservedClaims.contains(name), "\(name)")
        }
    }
}
