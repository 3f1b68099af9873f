// A rule as the documentation says it, evaluated by other means than the product's.

import JOSE
import Policy
import TestSupport

struct ReferenceRule {
    let name: String
    let isDeny: Bool
    let audiences: [String]
    /// Nil: must be absent.
    let match: [String: [String]?]

    var json: String {
        let conditions = match.sorted { $0.key < $1.key }.map { name, wanted in
            quoted(name) + ": " + (wanted.map(Self.list) ?? "null")
        }
        return """
            {"name": \(quoted(name)), "match": {\(conditions.joined(separator: ", "))},
             "\(isDeny ? "deny" : "audiences")": \(Self.list(audiences))}
            """
    }

    static func policy(_ rules: [ReferenceRule]) throws -> PolicySet {
        try Samples.policy(#"{"rules": [\#(rules.map(\.json).joined(separator: ", "))]}"#)
    }

    /// What the rules say: `permit NAME`, `deny NAME`, or why nobody permits.
    static func decision(_ rules: [ReferenceRule], _ audience: String, _ job: [String: String]) -> String {
        let applying = rules.filter { $0.names(audience) && $0.holds(job) }
        if let deny = applying.first(where: \.isDeny) { return "deny " + deny.name }
        let isFork = job["fork"] == "true"
        if let permit = applying.first(where: { !isFork || $0.match.keys.contains("fork") }) {
            return "permit " + permit.name
        }
        if isFork { return "fork" }
        return rules.contains { !$0.isDeny && $0.names(audience) } ? "no rule matches" : "audience not named"
    }

    private func names(_ audience: String) -> Bool {
        audiences.contains { Self.isMatch(Array($0), Array(audience)) }
    }

    private func holds(_ job: [String: String]) -> Bool {
        match.allSatisfy { name, wanted in
            guard let wanted else { return job[name] == nil }
            return wanted.contains { pattern in job[name].map { Self.isMatch(Array(pattern), Array($0)) } ?? false }
        }
    }

    private static func isMatch(_ pattern: [Character], _ value: [Character]) -> Bool {
        guard let first = pattern.first else { return value.isEmpty }
        guard first == "*" else {
            return value.first == first && isMatch(Array(pattern.dropFirst()), Array(value.dropFirst()))
        }
        let isDouble = pattern.starts(with: "**")
        let reach = isDouble ? value.count : value.prefix { $0 != "/" }.count
        let rest = Array(pattern.dropFirst(isDouble ? 2 : 1))
        return (0...reach).contains { isMatch(rest, Array(value.dropFirst($0))) }
    }

    private static func list(_ values: [String]) -> String {
        "[" + values.map(quoted).joined(separator: ", ") + "]"
    }
}

extension ReferenceRule {
    static func random(_ number: Int, _ random: inout SeededGenerator) -> ReferenceRule {
        var match: [String: [String]?] = [:]
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let (name, values) = facts[Int.random(in: 0..<facts.count, using: &random)]
            let wanted = Int.random(in: 0...5, using: &random) == 0 && name != "fork" ? nil : some(values, &random)
            match.updateValue(wanted, forKey: name)
        }
        return ReferenceRule(
            name: "rule \(number)",
            isDeny: Int.random(in: 0...3, using: &random) == 0,
            audiences: some(["a", "b", "a*", "https://*/x", "**"], &random),
            match: match
        )
    }

    /// Facts that rules may speak of, each with patterns that the jobs below sometimes match.
    private static let facts: [(String, [String])] = [
        ("repository", ["acme/widgets", "acme/*", "acme/**", "*/tools"]),
        ("ref", ["refs/heads/main", "refs/tags/*", "**"]),
        ("event_name", ["push", "pull*", "*"]), ("environment", ["production", "*"]),
        ("ref_protected", ["true", "false"]),
        ("fork", ["true", "false", "*"]), ("pull_request", ["true", "false"]), ("runner", ["builder", "b*"]),
        ("service_connection", ["1234", "*"]),
    ]

    private static func some(_ values: [String], _ random: inout SeededGenerator) -> [String] {
        Array(values.shuffled(using: &random).prefix(Int.random(in: 1...2, using: &random)))
    }

    static func randomJob(_ random: inout SeededGenerator) -> (job: JobDescription, attributes: [String: String]) {
        let choices: [(String, [String?])] = [
            ("repository", ["acme/widgets", "acme/a/tools", "umbrella/tools"]),
            ("ref", ["refs/heads/main", "refs/tags/v1", "refs/heads/a/b"]),
            ("event_name", [nil, "push", "pull_request"]),
            ("environment", [nil, "production", "a/b"]), ("ref_protected", [nil, "true", "false"]),
        ]
        var attributes: [String: String] = [:]
        for (name, values) in choices { attributes[name] = values[Int.random(in: 0..<values.count, using: &random)] }
        var facts: [FactName: ByteString] = [:]
        for (name, value) in attributes { if let fact = FactName(rawValue: name) { facts[fact] = ByteString(value) } }
        let (isFork, isPullRequest) = (Bool.random(using: &random), Bool.random(using: &random))
        attributes["fork"] = isFork ? "true" : "false"
        attributes["pull_request"] = isPullRequest ? "true" : "false"
        attributes["runner"] = "builder"
        if Bool.random(using: &random) { attributes["service_connection"] = "1234" }
        let job = JobDescription(
            facts: facts,
            runner: "builder",
            isPullRequest: isPullRequest,
            isFork: isFork,
            serviceConnection: attributes["service_connection"].map { ByteString($0) }
        )
        return (job, attributes)
    }
}
