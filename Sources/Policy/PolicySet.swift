package import JOSE

/// A policy that was checked as a whole: default-deny rules, the profiles of audiences, and the environments.
package struct PolicySet: Hashable, Sendable {
    package let rules: [Rule]
    package let profiles: [ByteString: AudienceProfile]
    package let environments: [ByteString: EnvironmentRule]

    /// Checks what concerns more than one part of the document.
    ///
    /// `standing` is the form of the subjects of which no rule says anything; nil for one of ours.
    package init(_ document: PolicyDocument, standing: SubjectForm? = nil) throws(PolicyProblems) {
        rules = document.rules
        profiles = document.profiles
        environments = document.environments
        var problems = document.problems
        problems += Self.repeatedNames(rules)
        problems += Self.sharedWords(rules, standing)
        problems += Self.profileConflicts(rules, profiles)
        guard problems.isEmpty else { throw PolicyProblems(problems) }
    }

    /// A denying rule decides wherever it stands; else the first rule that permits; else it is denied.
    package func decision(on audience: ByteString, for job: JobDescription) -> Decision {
        let verdicts = verdicts(on: audience, for: job)
        if let denying = verdicts.first(where: { $0.verdict == .denies }) {
            return .deny(.deniedByRule(denying.rule.name))
        }
        for case (_, .permits(let grant)) in verdicts { return .permit(grant) }
        if job.isFork { return .deny(.fork) }
        let isNamed = verdicts.contains { $0.rule.effect != .deny && $0.verdict != .otherAudience }
        return .deny(isNamed ? .noRuleMatches : .audienceNotNamed)
    }

    /// What every rule makes of the request, in their order.
    package func verdicts(on audience: ByteString, for job: JobDescription) -> [(rule: Rule, verdict: RuleVerdict)] {
        rules.map { ($0, $0.verdict(on: audience, for: job)) }
    }

    /// Whether the job may be registered as one of its environment; answers the environment's rule.
    package func environment(of job: JobDescription) throws(Denial) -> EnvironmentRule? {
        guard let name = job[.environment] else { return nil }
        guard let rule = environments[name] else { throw .environmentNotDeclared }
        guard rule.allows(job) else { throw .environmentRefNotAllowed }
        return rule
    }

    // MARK: - What concerns more than one rule

    private static func repeatedNames(_ rules: [Rule]) -> [PolicyProblem] {
        var seen: Set<ByteString> = []
        return rules.enumerated().compactMap { index, rule in
            seen.insert(rule.name).inserted
                ? nil : problem(index, "name", "stands twice; the audit log must tell rules apart")
        }
    }

    /// Two templates that begin with the same word could make one subject of two jobs.
    private static func sharedWords(_ rules: [Rule], _ standing: SubjectForm?) -> [PolicyProblem] {
        var owners: [ByteString: ByteString] = [:]
        if case .template(let template)? = standing { owners[template.firstWord] = template.text }
        return rules.enumerated().compactMap { index, rule in
            guard case .permit(let grant) = rule.effect, case .template(let template)? = grant.subject else {
                return nil
            }
            guard let other = owners[template.firstWord] else {
                owners[template.firstWord] = template.text
                return nil
            }
            guard other != template.text else { return nil }
            return problem(index, "subject", TemplateError.firstSegmentTaken(template.firstWord).explanation)
        }
    }

    private static func profileConflicts(
        _ rules: [Rule],
        _ profiles: [ByteString: AudienceProfile]
    ) -> [PolicyProblem] {
        rules.enumerated().flatMap { index, rule -> [PolicyProblem] in
            guard case .permit(let grant) = rule.effect else { return [] }
            let named = rule.audiences.filter(\.isExact).map(\.text)
            return named.compactMap { audience in
                let profile = profiles[audience] ?? AudienceProfile.known(for: audience)
                return profile.flatMap { conflict(grant, $0) }.map { problem(index, $0, $1 + " (" + audience + ")") }
            }
        }
    }

    private static func conflict(_ grant: Grant, _ profile: AudienceProfile) -> (ByteString, ByteString)? {
        if let algorithm = grant.algorithm, !profile.algorithms.contains(algorithm) {
            return ("algorithm", "is not verified by " + profile.name)
        }
        if let lifetime = grant.maximumLifetime, lifetime > profile.maximumLifetime {
            return ("lifetime", "is longer than " + profile.name + " takes")
        }
        if case .template(let template)? = grant.subject, template.shortestLength > profile.maximumSubjectLength {
            return ("subject", "is longer than " + profile.name + " takes")
        }
        return nil
    }

    private static func problem(_ index: Int, _ member: ByteString, _ explanation: ByteString) -> PolicyProblem {
        PolicyProblem("rules[" + ByteString(String(index)) + "]." + member, explanation)
    }
}
