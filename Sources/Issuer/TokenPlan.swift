package import JOSE
package import Policy

/// A token that may be made: how, and by which rules.
package struct TokenPlan: Hashable, Sendable {
    package let algorithm: SigningAlgorithm
    /// Seconds from `iat` to `exp`.
    package let lifetime: Int64
    package let form: TokenForm
    /// The rules that permit it, one for each audience; empty without a policy.
    package let grants: [Grant]

    package init(algorithm: SigningAlgorithm, lifetime: Int64, form: TokenForm, grants: [Grant] = []) {
        self.algorithm = algorithm
        self.lifetime = lifetime
        self.form = form
        self.grants = grants
    }

    /// The names of the rules, as the audit log has them.
    package var ruleNames: [ByteString] {
        grants.map(\.rule).reduce(into: []) { names, name in if !names.contains(name) { names.append(name) } }
    }

    /// The rules that give one job only so many tokens.
    package var limits: [(rule: ByteString, maximumTokens: Int)] {
        var limits: [(rule: ByteString, maximumTokens: Int)] = []
        for grant in grants where !limits.contains(where: { $0.rule == grant.rule }) {
            if let maximum = grant.maximumTokens { limits.append((grant.rule, maximum)) }
        }
        return limits
    }
}
