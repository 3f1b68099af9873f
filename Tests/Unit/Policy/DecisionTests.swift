// What a policy decides: by an independent reading of the same rules, and by what must hold for any rules.

import JOSE
import Policy
import TestSupport
import Testing

@Suite struct DecisionTests {
    private static let audiences = ["a", "b", "ab", "https://h/x", "https://h/y"]

    private static func text(_ decision: Decision) -> String {
        switch decision {
        case .permit(let grant): "permit " + grant.rule.string
        case .deny(.deniedByRule(let rule)): "deny " + rule.string
        case .deny(.fork): "fork"
        case .deny(.noRuleMatches): "no rule matches"
        case .deny(.audienceNotNamed): "audience not named"
        case .deny(let other): "\(other)"
        }
    }

    private static func random(_ seed: UInt64) -> (rules: [ReferenceRule], random: SeededGenerator) {
        var random = SeededGenerator(seed: seed)
        return ((0..<Int.random(in: 0...6, using: &random)).map { ReferenceRule.random($0, &random) }, random)
    }

    @Test func `it decides as a second reading of the rules does`() throws {
        var counts: [String: Int] = [:]
        for seed in 0..<150 as Range<UInt64> {
            var (rules, random) = Self.random(seed)
            let policy = try ReferenceRule.policy(rules)
            for audience in Self.audiences {
                for _ in 0..<4 {
                    let (job, attributes) = ReferenceRule.randomJob(&random)
                    let decision = Self.text(policy.decision(on: ByteString(audience), for: job))
                    #expect(decision == ReferenceRule.decision(rules, audience, attributes), "\(rules) \(attributes)")
                    counts[String(decision.prefix(4)), default: 0] += 1
                }
            }
        }
        // Every outcome was seen often.
        for outcome in ["perm", "deny", "fork", "no r", "audi"] {
            #expect(counts[outcome, default: 0] > 50, "\(counts)")
        }
    }

    @Test func `another rule that denies never permits more, wherever it stands`() throws {
        for seed in 200..<280 as Range<UInt64> {
            var (rules, random) = Self.random(seed)
            let extra = ReferenceRule.random(99, &random)
            let deny = ReferenceRule(name: "extra", isDeny: true, audiences: extra.audiences, match: extra.match)
            var more = rules
            more.insert(deny, at: Int.random(in: 0...rules.count, using: &random))
            let (before, after) = try (ReferenceRule.policy(rules), ReferenceRule.policy(more))
            for audience in Self.audiences {
                let (job, _) = ReferenceRule.randomJob(&random)
                let decisions = [before, after].map { $0.decision(on: ByteString(audience), for: job) }
                if case .permit = decisions[1] { #expect(decisions[0] == decisions[1]) }
            }
        }
    }

    @Test func `the places of the rules that deny make no difference to what is permitted`() throws {
        for seed in 300..<380 as Range<UInt64> {
            var (rules, random) = Self.random(seed)
            let moved = rules.filter(\.isDeny).shuffled(using: &random) + rules.filter { !$0.isDeny }
            let (one, other) = try (ReferenceRule.policy(rules), ReferenceRule.policy(moved))
            for audience in Self.audiences {
                let (job, _) = ReferenceRule.randomJob(&random)
                let decisions = [one, other].map { $0.decision(on: ByteString(audience), for: job) }
                if case .permit = decisions[0] { #expect(decisions[0] == decisions[1]) }
                if case .permit = decisions[1] { #expect(decisions[0] == decisions[1]) }
            }
        }
    }

    @Test func `without a rule that names forks no fork is permitted anything`() throws {
        for seed in 400..<460 as Range<UInt64> {
            var (rules, random) = Self.random(seed)
            rules = rules.map { rule in
                let match = rule.match.filter { $0.key != "fork" }
                return ReferenceRule(name: rule.name, isDeny: rule.isDeny, audiences: rule.audiences, match: match)
            }
            let policy = try ReferenceRule.policy(rules)
            for audience in Self.audiences {
                var (job, _) = ReferenceRule.randomJob(&random)
                while !job.isFork { (job, _) = ReferenceRule.randomJob(&random) }
                if case .permit(let grant) = policy.decision(on: ByteString(audience), for: job) {
                    Issue.record("\(grant.rule) permits a fork")
                }
            }
        }
    }

    @Test func `no rules permit nothing`() throws {
        let policy = try Samples.policy(#"{"rules": []}"#)
        #expect(policy.decision(on: "a", for: Samples.job()) == .deny(.audienceNotNamed))
        #expect(policy.decision(on: "a", for: Samples.job(isFork: true)) == .deny(.fork))
    }

    @Test func `the first rule that permits decides how`() throws {
        let policy = try Samples.policy(
            """
            {"rules": [{"name": "other", "audiences": "b", "lifetime": "1m"},
                       {"name": "first", "audiences": "*", "lifetime": "2m"},
                       {"name": "second", "audiences": "a", "lifetime": "3m"}]}
            """
        )
        #expect(policy.decision(on: "a", for: Samples.job()) == .permit(Grant(rule: "first", maximumLifetime: 120)))
    }

    // B02: a release only for a push to a protected ref.
    @Test(
        arguments: [
            ("push", "true", true), ("push", "false", false), ("push", "", false), ("push", "TRUE", false),
            ("push", "1", false), ("push", " true", false), ("Push", "true", false), ("push ", "true", false),
            ("pull_request", "true", false), ("pull_request_target", "true", false), ("workflow_run", "true", false),
            ("merge_request_event", "true", false), ("schedule", "true", false), ("", "true", false),
            ("workflow_dispatch", "true", false), ("release", "true", false), ("issue_comment", "true", false),
            ("pushpush", "true", false), ("*", "true", false), ("push", "*", false),
        ] as [(ByteString, ByteString, Bool)]
    )
    func `npm is for pushes to protected refs only`(event: ByteString, protected: ByteString, isPermitted: Bool) throws
    {
        let policy = try Samples.policy(
            """
            {"rules": [{"name": "npm", "match": {"event_name": "push", "ref_protected": "true"},
                        "audiences": "npm:registry.npmjs.org", "tokens": "1"}]}
            """
        )
        let job = Samples.job([.eventName: event, .refProtected: protected])
        let expected = Decision.permit(Grant(rule: "npm", maximumTokens: 1))
        let decision = policy.decision(on: "npm:registry.npmjs.org", for: job)
        #expect(decision == (isPermitted ? expected : .deny(.noRuleMatches)))
        #expect(policy.decision(on: "npm:registry.npmjs.org/", for: job) == .deny(.audienceNotNamed))
    }

    @Test func `environments are declared, and for their refs only`() throws {
        let policy = try Samples.policy(
            """
            {"rules": [], "environments": {"production": {"refs": "refs/heads/main", "approvers": ["alice"], "wait": "10m"},
                                           "staging": null}}
            """
        )
        func rule(_ job: JobDescription) throws(Denial) -> EnvironmentRule? { try policy.environment(of: job) }
        #expect(try rule(Samples.job()) == nil)
        #expect(try rule(Samples.job([.environment: "production"]))?.wait == 600)
        #expect(try rule(Samples.job([.environment: "staging"], isPullRequest: true))?.approvers == [])
        for name in ["Production", "production ", "prod", "*"] as [ByteString] {
            #expect(throws: Denial.environmentNotDeclared) { try rule(Samples.job([.environment: name])) }
        }
        let elsewhere = Samples.job([.environment: "production", .ref: "refs/heads/x"])
        let pullRequest = Samples.job([.environment: "production"], isPullRequest: true)
        let fork = Samples.job([.environment: "production"], isFork: true)
        for job in [elsewhere, pullRequest, fork] {
            #expect(throws: Denial.environmentRefNotAllowed) { try rule(job) }
        }
    }
}
