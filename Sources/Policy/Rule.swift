package import JOSE

/// One line of a policy: for which jobs, which audiences, and what they get.
package struct Rule: Hashable, Sendable {
    package enum Effect: Hashable, Sendable {
        case permit(Grant)
        case deny
    }

    /// Unique in its policy; the audit log names it.
    package let name: ByteString
    package let conditions: [Condition]
    package let audiences: [Pattern]
    package let effect: Effect

    package init(name: ByteString, conditions: [Condition], audiences: [Pattern], effect: Effect) {
        self.name = name
        self.conditions = conditions
        self.audiences = audiences
        self.effect = effect
    }

    /// Whether it says something of forks; a permit that does not is not for them.
    package var namesForks: Bool {
        conditions.contains { $0.attribute == .fork }
    }

    package func names(_ audience: ByteString) -> Bool {
        audiences.contains { $0.matches(audience) }
    }

    /// What this rule makes of one request.
    package func verdict(on audience: ByteString, for job: JobDescription) -> RuleVerdict {
        guard names(audience) else { return .otherAudience }
        if let failed = conditions.first(where: { !$0.holds(for: job) }) { return .mismatch(failed) }
        switch effect {
        case .deny: return .denies
        case .permit where job.isFork && !namesForks: return .forkNotNamed
        case .permit(let grant): return .permits(grant)
        }
    }
}
