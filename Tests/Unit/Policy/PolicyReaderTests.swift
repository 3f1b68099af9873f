// A bad policy: everything that is wrong with it is said at once, each with its place.

import JOSE
import Policy
import TestSupport
import Testing

@Suite struct PolicyReaderTests {
    /// A policy and the paths of its problems, in their order.
    struct Bad: Sendable {
        let json: String
        let paths: [ByteString]
    }

    private static func rule(_ members: String, _ paths: ByteString...) -> Bad {
        let rest = members.isEmpty ? "" : ", " + members
        return Bad(
            json: #"{"rules": [{"name": "one", "audiences": "a"\#(rest)}]}"#,
            paths: paths.map { "rules[0]." + $0 }
        )
    }

    private static func whole(_ json: String, _ paths: ByteString...) -> Bad {
        Bad(json: json, paths: paths)
    }

    private static let top: [Bad] = [
        whole("null", "", "rules"), whole(#""x""#, "", "rules"), whole("[]", "", "rules"), whole("{}", "rules"),
        whole(#"{"rules": null}"#, "rules"), whole(#"{"rules": "x"}"#, "rules"), whole(#"{"rules": {}}"#, "rules"),
        whole(#"{"rules": [], "Rules": []}"#, "Rules"), whole(#"{"rules": [], "environment": {}}"#, "environment"),
        whole(#"{"rules": [], "version": "1", "rule": []}"#, "version", "rule"),
        whole(#"{"rules": [null]}"#, "rules[0]", "rules[0].name", "rules[0].audiences"),
        whole(#"{"rules": ["x"]}"#, "rules[0]", "rules[0].name", "rules[0].audiences"),
        whole(#"{"rules": [{}]}"#, "rules[0].name", "rules[0].audiences"),
        whole(#"{"rules": [{"name": "a", "audiences": "x"}, {"name": "a", "audiences": "x"}]}"#, "rules[1].name"),
        whole(#"{"rules": [{"name": "", "audiences": "x"}]}"#, "rules[0].name"),
        whole(#"{"rules": [{"name": ["a"], "audiences": "x"}]}"#, "rules[0].name"),
        whole(#"{"rules": [{"name": "a\u0000", "audiences": "x"}]}"#, "rules[0].name"),
        whole(#"{"rules": [{"name": "é", "audiences": "x"}]}"#, "rules[0].name"),
        whole(#"{"rules": [{"name": "\#(String(repeating: "n", count: 65))", "audiences": "x"}]}"#, "rules[0].name"),
        whole(#"{"rules": [{"name": "a"}]}"#, "rules[0].audiences"),
        whole(#"{"rules": [{"name": "a", "audiences": null}]}"#, "rules[0].audiences"),
        whole(#"{"rules": [{"name": "a", "audiences": []}]}"#, "rules[0].audiences"),
        whole(#"{"rules": [{"name": "a", "audiences": ""}]}"#, "rules[0].audiences"),
        whole(#"{"rules": [{"name": "a", "audiences": ["x", null]}]}"#, "rules[0].audiences"),
        whole(#"{"rules": [{"name": "a", "audiences": {"x": "y"}}]}"#, "rules[0].audiences"),
        whole(#"{"rules": [{"name": "a", "audiences": "x\u0001"}]}"#, "rules[0].audiences"),
        whole(
            #"{"rules": [{"name": "a", "audiences": "\#(String(repeating: "a", count: 1025))"}]}"#,
            "rules[0].audiences"
        ),
    ]

    private static let rules: [Bad] = [
        rule(#""deny": "b""#, "audiences"), rule(#""permit": "b""#, "permit"), rule(#""Match": {}"#, "Match"),
        rule(#""audience": "b""#, "audience"), rule(#""match": null"#, "match"), rule(#""match": "x""#, "match"),
        rule(#""match": []"#, "match"), rule(#""match": {"event": "push"}"#, "match.event"),
        rule(#""match": {"Ref": "x", "branch": "y"}"#, "match.Ref", "match.branch"),
        rule(#""match": {"ref": ""}"#, "match.ref"), rule(#""match": {"ref": []}"#, "match.ref"),
        rule(#""match": {"ref": {"not": "x"}}"#, "match.ref"), rule(#""match": {"ref": ["a", ["b"]]}"#, "match.ref"),
        rule(#""match": {"ref": ["a", ""]}"#, "match.ref"), rule(#""match": {"ref": "a\nb"}"#, "match.ref"),
        rule(#""match": {"iss": "x"}"#, "match.iss"), rule(#""match": {"": "x"}"#, "match."),
        rule(#""lifetime": "0""#, "lifetime"), rule(#""lifetime": "-1""#, "lifetime"),
        rule(#""lifetime": "1.5h""#, "lifetime"), rule(#""lifetime": "1w""#, "lifetime"),
        rule(#""lifetime": "h""#, "lifetime"),
        rule(#""lifetime": null"#, "lifetime"), rule(#""lifetime": "25h""#, "lifetime"),
        rule(#""lifetime": "9223372036854775807d""#, "lifetime"),
        rule(#""lifetime": "99999999999999999999""#, "lifetime"),
        rule(#""algorithm": "rs256""#, "algorithm"), rule(#""algorithm": "none""#, "algorithm"),
        rule(#""algorithm": "HS256""#, "algorithm"), rule(#""algorithm": ["RS256"]"#, "algorithm"),
        rule(#""subject": "fixed""#, "subject"), rule(#""subject": "repo:{{repository}}:x""#, "subject"),
        rule(#""subject": "t:{{ref}}""#, "subject"), rule(#""subject": "t:{{repository}}{{ref}}""#, "subject"),
        rule(#""subject": {"template": "x"}"#, "subject"), rule(#""profile": "GitLab""#, "profile"),
        rule(#""profile": "circleci""#, "profile"), rule(#""claims": "team""#, "claims"),
        rule(#""claims": {"team": "platform"}"#, "claims.team"), rule(#""claims": {"iss": "{{ref}}"}"#, "claims.iss"),
        rule(#""claims": {"team": "{{team}}"}"#, "claims.team"), rule(#""claims": {"team": null}"#, "claims.team"),
        rule(#""claims": {"a-b": "{{ref}}", "c": "x"}"#, "claims.a-b", "claims.c"),
        rule(#""sessionTags": "team""#, "sessionTags"), rule(#""sessionTags": ["ref", "Ref"]"#, "sessionTags"),
        rule(#""sessionTags": null"#, "sessionTags"), rule(#""subjectClaims": "ref""#, "subjectClaims"),
        rule(#""subjectClaims": "sub""#, "subjectClaims"), rule(#""tokens": "0""#, "tokens"),
        rule(#""tokens": "1001""#, "tokens"), rule(#""tokens": "many""#, "tokens"), rule(#""tokens": "1e3""#, "tokens"),
        rule(#""tokens": "+1""#, "tokens"), rule(#""tokens": "99999999999999999999""#, "tokens"),
        rule(#""tokens": ["1"]"#, "tokens"),
    ]

    private static let others: [Bad] = [
        whole(#"{"rules": [{"name": "a", "deny": "x", "tokens": "1"}]}"#, "rules[0].tokens"),
        whole(#"{"rules": [{"name": "a", "deny": null}]}"#, "rules[0].deny"),
        whole(#"{"rules": [], "audiences": []}"#, "audiences"),
        whole(#"{"rules": [], "audiences": {"x": "aws"}}"#, "audiences.x", "audiences.x.profile"),
        whole(#"{"rules": [], "audiences": {"x": {"profile": "AWS"}}}"#, "audiences.x.profile"),
        whole(#"{"rules": [], "audiences": {"x": {}}}"#, "audiences.x.profile"),
        whole(#"{"rules": [], "audiences": {"x": {"profile": "aws", "algorithm": "RS256"}}}"#, "audiences.x.algorithm"),
        whole(#"{"rules": [], "environments": ["production"]}"#, "environments"),
        whole(#"{"rules": [], "environments": {"p": "x"}}"#, "environments.p"),
        whole(#"{"rules": [], "environments": {"p": {"ref": "x"}}}"#, "environments.p.ref"),
        whole(#"{"rules": [], "environments": {"p": {"refs": []}}}"#, "environments.p.refs"),
        whole(#"{"rules": [], "environments": {"p": {"wait": "soon"}}}"#, "environments.p.wait"),
        whole(#"{"rules": [], "environments": {"p": {"approvers": {}}}}"#, "environments.p.approvers"),
        // Two templates with one first word could make one subject of two jobs.
        whole(
            """
            {"rules": [{"name": "a", "audiences": "x", "subject": "t:{{repository}}:{{ref}}"},
                       {"name": "b", "audiences": "y", "subject": "t:{{repository}}:{{job}}"}]}
            """,
            "rules[1].subject"
        ),
    ]

    static let bad = top + rules + others

    @Test(arguments: bad.indices)
    func `a bad policy is refused at the place that is wrong`(index: Int) throws {
        let bad = Self.bad[index]
        let problems = try Samples.problems(bad.json)
        #expect(problems.map(\.path) == bad.paths, "\(bad.json)")
        #expect(problems.allSatisfy { !$0.explanation.isEmpty })
    }

    @Test func `all that is wrong is said at once`() throws {
        let bad = Self.rules.filter { $0.json.contains(#""name": "one""#) }
        let rules = bad.enumerated().map { index, bad in
            bad.json.dropFirst(#"{"rules": ["#.count).dropLast(2).replacing(#""one""#, with: #""r\#(index)""#)
        }
        let problems = try Samples.problems(#"{"rules": [\#(rules.joined(separator: ", "))], "x": "y"}"#)
        #expect(problems.count == bad.map(\.paths.count).reduce(1, +))
    }

    @Test func `a lifetime is at most what the issuer gives to any token`() throws {
        let json = Self.rule(#""lifetime": "61""#).json
        #expect(try Samples.problems(json, maximumLifetime: 61).isEmpty)
        #expect(try Samples.problems(json, maximumLifetime: 60).map(\.path) == ["rules[0].lifetime"])
    }

    @Test func `rules may share a template, and the configured one has its word for itself`() throws {
        let rule = #""audiences": "x", "subject": "t:{{repository}}:{{ref}}""#
        let document = try Samples.document(#"{"rules": [{"name": "a", \#(rule)}, {"name": "b", \#(rule)}]}"#)
        #expect(try PolicySet(document).rules.count == 2)
        #expect(try PolicySet(document, standing: SubjectForm("t:{{repository}}:{{ref}}")).rules.count == 2)
        #expect(throws: PolicyProblems.self) {
            try PolicySet(document, standing: SubjectForm("t:{{repository_id}}:{{ref}}"))
        }
    }

    @Test func `a sound policy is what it says`() throws {
        let policy = try Samples.policy(
            ruleWith: """
                "match": {"ref": ["refs/heads/main", "refs/tags/*"], "head_ref": null}, "lifetime": "10m",
                "algorithm": "ES256", "subject": "t:{{repository}}:{{ref}}", "profile": "gitlab",
                "claims": {"team": "{{repository_owner}}"}, "sessionTags": ["repository", "actor"],
                "subjectClaims": "repository_id", "tokens": "3"
                """
        )
        let rule = try #require(policy.rules.first)
        #expect(rule.conditions.map(\.attribute) == [.fact(.ref), .fact(.headRef)])
        #expect(
            rule.conditions.map(\.wanted) == [.oneOf([Pattern("refs/heads/main"), Pattern("refs/tags/*")]), .absent]
        )
        let grant = Grant(
            rule: "one",
            maximumLifetime: 600,
            algorithm: .ES256,
            subject: try SubjectForm("t:{{repository}}:{{ref}}"),
            claims: .gitLab,
            additionalClaims: [try ClaimTemplate(name: "team", value: "{{repository_owner}}")],
            sessionTags: [.repository, .actor],
            subjectClaims: [.repositoryID],
            maximumTokens: 3
        )
        #expect(rule.effect == .permit(grant))
    }

    @Test func `whatever the file holds, it is read or refused`() throws {
        var random = SeededGenerator(seed: 11)
        let whole = """
            {"rules": [{"name": "a", "match": {"ref": ["x", "y*"], "fork": "true", "head_ref": null}, "audiences": ["a", "**"],
                        "lifetime": "15m", "algorithm": "ES256", "subject": "t:{{repository}}:{{ref}}", "profile": "gitlab",
                        "claims": {"team": "{{actor}}"}, "sessionTags": ["ref"], "subjectClaims": "repository", "tokens": "3"},
                       {"name": "b", "deny": "x"}],
             "audiences": {"m": {"profile": "gcp"}}, "environments": {"p": {"refs": "r", "approvers": ["u"], "wait": "9s"}}}
            """
        var (read, sound) = (0, 0)
        for _ in 0..<3000 {
            guard let tree = try? JSONReader.read(random.mutated(Array(whole.utf8))) else { continue }
            read += 1
            guard let policy = try? PolicySet(PolicyDocument(parsing: tree)) else { continue }
            sound += 1
            _ = policy.decision(on: "a", for: Samples.job())
            _ = try? policy.environment(of: Samples.job([.environment: "p"]))
        }
        #expect(read > 200)
        #expect(sound > 30)
    }
}
