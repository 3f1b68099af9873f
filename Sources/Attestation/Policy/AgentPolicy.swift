package import JOSE
package import SPIFFE

/// Who is trusted and which identity follows, read and checked together: all of it is in force, or none.
package struct AgentPolicy: Sendable {
    package let issuers: TrustedIssuers
    /// Nil where no issuer is trusted and nothing is said: then nobody gets an identity.
    package let issuance: IssuancePolicy?

    /// The sections that this reads; others in one file are somebody else's.
    package static let sections: [ByteString] = ["WorkloadAttestation", "SVIDIssuancePolicy"]

    /// Reads the sections, each `{section, schema: v1, spec}` and there at most once.
    ///
    /// - Parameters:
    ///   - sections: The documents of a file; those of another name are passed over.
    ///   - trustDomain: That of the IDs.
    ///   - cluster: What `cluster.name` stands for.
    ///   - olderClaims: The cluster's older template of claims, as `team={{jwt.claim.team}}`; empty for none.
    /// - Throws: All that is wrong.
    package init(
        reading sections: [JSONValue],
        trustDomain: TrustDomain,
        cluster: ByteString,
        olderClaims: ByteString = ""
    ) throws(ConfigurationProblems) {
        var top = TopReader()
        let attestation = top.spec(of: "WorkloadAttestation", in: sections)
        let policy = top.spec(of: "SVIDIssuancePolicy", in: sections)
        let claims = top.olderClaims(olderClaims)
        var issuerReader = IssuerReader(trustDomain: trustDomain)
        issuers = issuerReader.issuers(attestation)
        var policyReader = IssuancePolicyReader()
        issuance =
            policy == nil
            ? nil
            : policyReader.policy(policy, cluster: cluster, trustDomain: trustDomain, olderClaims: claims)
        if policy == nil, !issuers.all.isEmpty { top.noteMissingPolicy() }
        let problems = top.problems + issuerReader.reader.problems + policyReader.reader.problems
        let all = problems + Self.collisions(of: issuers, under: issuance)
        guard all.isEmpty else { throw ConfigurationProblems(all) }
    }

    /// What is dangerous and yet configured, a sentence each, to be said loudly at every start.
    package var warnings: [ByteString] {
        var warnings = issuers.warnings
        if let issuance, !issuers.all.isEmpty, issuance.base.pathTemplate.isStatic {
            warnings.append(
                "spec.policy.pathTemplate names no claim: every job has the same identity; name who it is, as "
                    + "{{jwt.claim.repository_id}}"
            )
        }
        return warnings + (issuance?.overlaps ?? [])
    }

    private static func collisions(
        of issuers: TrustedIssuers,
        under policy: IssuancePolicy?
    ) -> [ConfigurationProblem] {
        guard let policy else { return [] }
        return IssuerCollisions(issuers: issuers, policy: policy).found.map { found in
            ConfigurationProblem(section: "SVIDIssuancePolicy", path: found.path, explanation: found.explanation)
        }
    }
}
