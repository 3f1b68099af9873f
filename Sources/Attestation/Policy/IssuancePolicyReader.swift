import JOSE
import SPIFFE

/// Reads the section `SVIDIssuancePolicy`.
struct IssuancePolicyReader {
    private(set) var reader = SectionReader(section: "SVIDIssuancePolicy")

    /// Lifetimes that a policy may set, in seconds: 1m to 168h.
    private static let lifetimes: ClosedRange<Int64> = 60...604_800
    private static let maximumClaims = 32

    /// Nil where it has no base policy that can be used.
    mutating func policy(
        _ spec: JSONValue?,
        cluster: ByteString,
        trustDomain: TrustDomain,
        olderClaims: [AdditionalClaim]
    ) -> IssuancePolicy? {
        let top = reader.object(spec, "spec", ["policy", "policyOverrides"])
        let members = reader.object(top["policy"], "spec.policy", Self.members)
        if members["pathTemplate"] == nil {
            reader.note("spec.policy.pathTemplate", "is missing; what CI jobs are called has no default")
        }
        let template = pathTemplate(members["pathTemplate"], "spec.policy.pathTemplate")
        let base = rules(members, "spec.policy", otherwise: template)
        let overrides = overrides(top["policyOverrides"], base: template)
        guard let base else { return nil }
        return IssuancePolicy(
            cluster: cluster,
            trustDomain: trustDomain,
            overrides: overrides,
            base: base,
            olderClaims: olderClaims
        )
    }

    private static let members: Set<ByteString> = ["pathTemplate", "x509", "jwt"]

    private mutating func overrides(_ value: JSONValue?, base: PathTemplate?) -> [PolicyOverride] {
        var overrides: [PolicyOverride] = []
        for (index, value) in reader.list(value, "spec.policyOverrides").enumerated() {
            let path = SectionReader.path("spec.policyOverrides", index)
            let entry = reader.object(value, path, ["when", "policy"])
            let conditions = conditions(entry["when"], path + ".when")
            let members = reader.object(entry["policy"], path + ".policy", Self.members)
            if entry["policy"] == nil { reader.note(path + ".policy", "is missing") }
            let own = pathTemplate(members["pathTemplate"], path + ".policy.pathTemplate")
            guard let rules = rules(members, path + ".policy", otherwise: own ?? base) else { continue }
            overrides.append(PolicyOverride(conditions: conditions, rules: rules))
        }
        return overrides
    }

    private mutating func conditions(_ value: JSONValue?, _ path: ByteString) -> [WorkloadCondition] {
        let members = reader.object(value, path, nil).members
        if members.isEmpty { reader.note(path, "is empty; say for which workloads, as jwt.claim.ref: refs/heads/main") }
        return members.compactMap { member in
            let memberPath = SectionReader.path(path, member.name)
            let patterns = reader.texts(member.value, memberPath).map(ClaimPattern.init)
            do throws(WorkloadAttribute.Invalid) {
                return WorkloadCondition(attribute: try WorkloadAttribute(member.name), patterns: patterns)
            } catch {
                reader.note(memberPath, error.explanation)
                return nil
            }
        }
    }

    private mutating func rules(
        _ members: JSONObject,
        _ path: ByteString,
        otherwise template: PathTemplate?
    ) -> SVIDRules? {
        let x509 = reader.object(members["x509"], path + ".x509", ["ttl", "subject"])
        let jwt = reader.object(members["jwt"], path + ".jwt", ["ttl", "additionalClaims"])
        let x509Lifetime = reader.seconds(x509["ttl"], path + ".x509.ttl", Self.lifetimes)
        let subject = subject(x509["subject"], path + ".x509.subject")
        let jwtLifetime = reader.seconds(jwt["ttl"], path + ".jwt.ttl", Self.lifetimes)
        let claims = claims(jwt["additionalClaims"], path + ".jwt.additionalClaims")
        guard let template else { return nil }
        return SVIDRules(
            pathTemplate: template,
            x509Lifetime: x509Lifetime,
            subject: subject,
            jwtLifetime: jwtLifetime,
            additionalClaims: claims
        )
    }

    private mutating func pathTemplate(_ value: JSONValue?, _ path: ByteString) -> PathTemplate? {
        guard let text = reader.text(value, path) else { return nil }
        do throws(TemplateProblem) {
            return try PathTemplate(text)
        } catch {
            reader.note(path, error.explanation)
            return nil
        }
    }

    private mutating func subject(_ value: JSONValue?, _ path: ByteString) -> SubjectTemplate? {
        guard let text = reader.text(value, path) else { return nil }
        do throws(TemplateProblem) {
            return try SubjectTemplate(text)
        } catch {
            reader.note(path, error.explanation)
            return nil
        }
    }

    private mutating func claims(_ value: JSONValue?, _ path: ByteString) -> [AdditionalClaim]? {
        guard let value else { return nil }
        var claims: [AdditionalClaim] = []
        for member in reader.object(value, path, nil).members {
            let memberPath = SectionReader.path(path, member.name)
            guard let text = reader.text(member.value, memberPath) else { continue }
            do throws(TemplateProblem) {
                claims.append(try AdditionalClaim(name: member.name, value: text))
            } catch {
                reader.note(memberPath, error.explanation)
            }
        }
        if claims.count > Self.maximumClaims { reader.note(path, "are too many; at most 32") }
        return claims
    }
}
