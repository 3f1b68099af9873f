import JOSE
package import Policy

/// Decides whether a token may be made, and how: the standing rules, then the policy where there is one, then what the
/// relying parties demand.
package struct TokenPlanner: Sendable {
    private let rules: StandingRules
    private let profiles: TokenProfiles
    private let policy: PolicySet?

    package init(rules: StandingRules, profiles: TokenProfiles, policy: PolicySet? = nil) {
        self.rules = rules
        self.profiles = profiles
        self.policy = policy
    }

    package func plan(_ request: TokenRequest, for job: Job) throws(Refusal) -> TokenPlan {
        try rules.check(request, for: job)
        let grants = try grants(request, job)
        var terms: [TokenTerms] = []
        for (index, audience) in request.audiences.all.enumerated() {
            let grant = index < grants.count ? grants[index] : nil
            terms.append(profiles.terms(for: audience, grant, policy?.profiles[audience.value]))
        }
        let joined = try TokenTerms.joined(terms)
        return TokenPlan(
            algorithm: joined.algorithm,
            lifetime: joined.lifetime(asked: request.lifetime),
            form: try form(joined.form, request, grants),
            grants: grants
        )
    }

    /// The form with what the caller may choose of it: nothing of the subject without a policy, and with one only what
    /// the rules name.
    private func form(_ form: TokenForm, _ request: TokenRequest, _ grants: [Grant]) throws(Refusal) -> TokenForm {
        for tag in request.sessionTags where !grants.allSatisfy({ $0.sessionTags.contains(tag) }) {
            throw Refusal(.claimNotAvailable, tag.claimName)
        }
        let tagged = form.tagged(with: request.sessionTags)
        guard let claim = request.subjectClaim else { return tagged }
        guard !grants.isEmpty, grants.allSatisfy({ $0.subjectClaims.contains(claim) }) else {
            throw Refusal(.subjectClaimNotAllowed, claim.claimName)
        }
        return tagged.withSubject(.claim(claim))
    }

    /// The plan of an audience that nobody said anything of.
    func usualPlan(for audiences: Audiences) throws(Refusal) -> TokenPlan {
        let terms = try TokenTerms.joined(audiences.all.map { profiles.terms(for: $0, nil, nil) })
        return TokenPlan(algorithm: terms.algorithm, lifetime: terms.lifetime, form: terms.form)
    }

    /// The job with the longest approval that it can get: none of its tokens will be longer.
    func approvedAtLength(_ job: Job) throws(Refusal) -> Job {
        guard let approval = try approval(of: job), approval.isMissing else { return job }
        let longest = try environment(of: job)?.approvers.max { $0.count < $1.count }
        return job.changing(approval: approval.given(Approval.Given(by: longest ?? "", at: job.registeredAt)))
    }

    /// Whether the job may be registered at all, as far as the policy says.
    package func check(_ job: Job) throws(Refusal) {
        _ = try environment(of: job)
    }

    /// The rule of the job's environment in the policy in force; nil without either.
    package func environment(of job: Job) throws(Refusal) -> EnvironmentRule? {
        do throws(Denial) {
            return try policy?.environment(of: job.description())
        } catch {
            throw Refusal(denied: error)
        }
    }

    /// What stands between the job and its tokens: by what was settled when it stated its environment, and by the policy
    /// in force, whichever asks more; nil for nothing.
    package func approval(of job: Job) throws(Refusal) -> Approval? {
        guard let rule = try environment(of: job) else { return job.approval }
        return job.approval?.narrowed(by: rule) ?? Approval(rule, since: job.registeredAt)
    }

    /// One for each audience; none without a policy, which has nothing for forks.
    private func grants(_ request: TokenRequest, _ job: Job) throws(Refusal) -> [Grant] {
        guard let policy else {
            guard !job.facts.isFork else { throw Refusal(.fork) }
            return []
        }
        let description = job.description(serviceConnection: request.serviceConnection)
        var grants: [Grant] = []
        for audience in request.audiences.all {
            switch policy.decision(on: audience.value, for: description) {
            case .permit(let grant): grants.append(grant)
            case .deny(let denial): throw Refusal(denied: denial)
            }
        }
        return grants
    }
}
