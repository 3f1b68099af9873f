import JOSE

/// Finds templates by which jobs of two issuers could get one identity.
struct IssuerCollisions {
    private let issuers: [ByteString]
    private let policy: IssuancePolicy

    /// Rules that jobs of an issuer can come to, with the place of their template.
    private struct Reachable {
        let path: ByteString
        let template: PathTemplate
    }

    init(issuers: TrustedIssuers, policy: IssuancePolicy) {
        self.issuers = issuers.all.map(\.name)
        self.policy = policy
    }

    /// The places of templates that let two issuers meet, each once, with a sentence that names two.
    var found: [(path: ByteString, explanation: ByteString)] {
        let reachable = issuers.map(reachable)
        var found: [(path: ByteString, explanation: ByteString)] = []
        for second in issuers.indices {
            for first in issuers.indices.prefix(second) {
                for one in reachable[first] {
                    for other in reachable[second] where one.template.canMeet(other.template) {
                        guard !found.contains(where: { $0.path == other.path }) else { continue }
                        found.append((other.path, Self.explanation(issuers[first], issuers[second])))
                    }
                }
            }
        }
        return found
    }

    private static func explanation(_ first: ByteString, _ second: ByteString) -> ByteString {
        "could give jobs of " + first + " and of " + second
            + " one identity; put {{jwt.issuer}} into it, or give each a template of its own by an override "
            + "when: {jwt.issuer: …}"
    }

    private func reachable(by issuer: ByteString) -> [Reachable] {
        var reachable: [Reachable] = []
        for (index, override) in policy.overrides.enumerated() {
            let ofIssuer = override.conditions.filter { $0.attribute == .issuer }
            guard ofIssuer.allSatisfy({ $0.matches(issuer) }) else { continue }
            let path = SectionReader.path("spec.policyOverrides", index) + ".policy.pathTemplate"
            reachable.append(Reachable(path: path, template: override.rules.pathTemplate))
            // Nothing else is asked: all of this issuer's jobs end here.
            if ofIssuer.count == override.conditions.count { return reachable }
        }
        return reachable + [Reachable(path: "spec.policy.pathTemplate", template: policy.base.pathTemplate)]
    }
}
