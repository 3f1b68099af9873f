import Attestation
import JOSE
import SPIFFE

/// What the older sections of an agent's file add to the others: issuers by profiles that are linked to this cluster,
/// and its template of claims.
struct OlderSections {
    let profiles: [CICDProfile]
    let links: [CICDProfileLink]
    /// The claims of this cluster's JWT-SVIDs; nil for none.
    let template: String?
    /// The profiles that this cluster is linked to, with where they stand.
    private let linked: [(profile: CICDProfile, entry: AgentFile.Entry)]

    init(_ file: AgentFile, _ settings: AgentSettings) throws {
        var reading = Reading(file)
        let profiles = reading.profiles()
        let links = reading.links(to: profiles.map(\.profile))
        let templates = reading.templates()
        guard reading.problems.isEmpty else { throw AgentFile.failure(reading.problems) }
        let (cluster, trustDomain) = (settings.cluster.string, settings.trustDomain.name.string)
        let names = links.filter { $0.cluster == cluster && $0.trustDomain == trustDomain }.map(\.profile)
        self.profiles = profiles.map(\.profile)
        self.links = links
        template = templates.first { $0.cluster == cluster && $0.trustDomain == trustDomain }?.jwtTemplate
        linked = profiles.filter { names.contains($0.profile.name) }
    }

    /// The section `WorkloadAttestation` with the linked profiles' issuers after its own; nil where there are neither.
    func attestation(in file: AgentFile) -> JSONValue? {
        let entry = file.only(.workloadAttestation)
        guard !linked.isEmpty else { return entry?.document }
        var spec = entry?.spec.object ?? JSONObject([])
        var jwt = spec["jwt"]?.object ?? JSONObject([])
        // A section that is turned off trusts nobody of its own.
        let own = jwt["enabled"] == .string("true") ? jwt["allowedIssuers"]?.arrayValue ?? [] : []
        jwt["enabled"] = .string("true")
        jwt["allowedIssuers"] = .array(own + linked.map(\.profile.allowedIssuer))
        spec["jwt"] = .object(jwt)
        return .object(
            JSONObject([
                ("section", .string("WorkloadAttestation")), ("schema", .string("v1")), ("spec", .object(spec)),
            ])
        )
    }

    /// What is wrong, with the line of the section that it is wrong in.
    func complaint(_ problem: ConfigurationProblem, in file: AgentFile) -> String {
        let path = problem.path.string
        if let profile = profile(at: path, in: file) {
            return file.problem(profile.entry, "", "of \(profile.profile.name): \(problem.explanation.string)")
        }
        let section = AgentFile.Section(rawValue: problem.section.string)
        guard let section, let entry = file.only(section) else {
            return "\(file.path): \(problem.section.string): \(path) \(problem.explanation.string)"
        }
        let place = path.hasPrefix("spec.") ? String(path.dropFirst(5)) : path == "spec" ? "" : path
        return file.problem(entry, place, problem.explanation.string)
    }

    /// The profile that an element of `allowedIssuers` came from.
    private func profile(at path: String, in file: AgentFile) -> (profile: CICDProfile, entry: AgentFile.Entry)? {
        let prefix = "spec.jwt.allowedIssuers["
        guard path.hasPrefix(prefix), let index = Int(path.dropFirst(prefix.count).prefix { $0 != "]" }),
            case .object(let merged)? = attestation(in: file),
            let all = merged["spec"]?.object?["jwt"]?.object?["allowedIssuers"]?.arrayValue
        else { return nil }
        let own = all.count - linked.count
        return linked.indices.contains(index - own) ? linked[index - own] : nil
    }

    private struct Reading {
        private let file: AgentFile
        private(set) var problems: [String] = []

        init(_ file: AgentFile) {
            self.file = file
        }

        mutating func profiles() -> [(profile: CICDProfile, entry: AgentFile.Entry)] {
            var profiles: [(profile: CICDProfile, entry: AgentFile.Entry)] = []
            for entry in file.all(.profile) {
                var reading = SpecReading(file, entry)
                let profile = CICDProfile(entry, &reading)
                if profiles.contains(where: { $0.profile.name == profile.name }) {
                    reading.note("name", "stands twice")
                }
                profiles.append((profile, entry))
                problems += reading.problems
            }
            return profiles
        }

        mutating func links(to profiles: [CICDProfile]) -> [CICDProfileLink] {
            var links: [CICDProfileLink] = []
            for entry in file.all(.profileLink) {
                var reading = SpecReading(file, entry)
                let link = CICDProfileLink(entry, &reading)
                if !profiles.contains(where: { $0.name == link.profile }) {
                    reading.note("profile", "names no profile of this file")
                }
                links.append(link)
                problems += reading.problems
            }
            return links
        }

        mutating func templates() -> [ClusterTemplate] {
            var templates: [ClusterTemplate] = []
            for entry in file.all(.cluster) {
                var reading = SpecReading(file, entry)
                let template = ClusterTemplate(entry, &reading)
                if templates.contains(where: { $0.isOfSameCluster(as: template) }) {
                    reading.note("name", "stands twice for its trust domain")
                }
                templates.append(template)
                problems += reading.problems
            }
            return templates
        }
    }
}

extension JSONValue {
    fileprivate var object: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }
}
