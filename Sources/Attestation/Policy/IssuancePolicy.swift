package import JOSE
package import SPIFFE

/// Which identity an attested workload gets, and how its SVIDs look.
package struct IssuancePolicy: Sendable {
    package let cluster: ByteString
    package let trustDomain: TrustDomain
    /// In order: the first whose conditions hold counts, alone.
    package let overrides: [PolicyOverride]
    package let base: SVIDRules
    /// The cluster's older template of claims, for rules that say nothing of them.
    package let olderClaims: [AdditionalClaim]

    /// What the policy gives this workload.
    ///
    /// The finished ID is read again as any ID from outside would be.
    ///
    /// - Throws: `noIdentity`.
    package func plan(for workload: AttestedWorkload) throws(SVIDRefusal) -> SVIDPlan {
        let attributes = WorkloadAttributes(cluster: cluster, trustDomain: trustDomain, workload: workload)
        let rules = rules(for: attributes)
        return SVIDPlan(
            id: try id(by: rules.pathTemplate, for: attributes),
            x509Lifetime: rules.x509Lifetime,
            jwtLifetime: rules.jwtLifetime,
            subject: Result { () throws(SVIDRefusal) in try rules.subject?.subject(for: attributes) },
            claims: Result { () throws(SVIDRefusal) in
                try Self.values(of: rules.additionalClaims ?? olderClaims, for: attributes)
            }
        )
    }

    /// Overrides whose IDs jobs of other templates could have as well, a sentence each: what only protected jobs are to
    /// be called must not be what another job can call itself.
    var overlaps: [ByteString] {
        let templates = overrides.map(\.rules.pathTemplate) + [base.pathTemplate]
        return overrides.indices.compactMap { index in
            let own = templates[index]
            guard templates.contains(where: { $0 != own && $0.canMeet(own) }) else { return nil }
            return "spec.policyOverrides[" + ByteString(String(index))
                + "].policy.pathTemplate can give an ID that another template gives to other jobs; begin each with a "
                + "fixed segment of its own"
        }
    }

    private func rules(for attributes: WorkloadAttributes) -> SVIDRules {
        overrides.first { $0.conditions.allSatisfy { $0.holds(for: attributes) } }?.rules ?? base
    }

    private func id(
        by template: PathTemplate,
        for attributes: WorkloadAttributes
    ) throws(SVIDRefusal) -> SPIFFEID {
        let text = trustDomain.id + (try template.path(for: attributes))
        do throws(SPIFFEIDError) {
            return try SPIFFEID(parsing: text)
        } catch .tooLong {
            throw .noIdentity(about: "the SPIFFE ID would have more than 2048 bytes")
        } catch {
            throw .noIdentity(about: "this would be no SPIFFE ID: " + text)
        }
    }

    private static func values(
        of claims: [AdditionalClaim],
        for attributes: WorkloadAttributes
    ) throws(SVIDRefusal) -> [(ByteString, JSONValue)] {
        var values: [(ByteString, JSONValue)] = []
        for claim in claims { values.append((claim.name, .string(try claim.value(for: attributes)))) }
        return values
    }
}
