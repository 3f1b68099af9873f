import Attestation
import Foundation
import JOSE

/// The agent's file as its sections: a YAML stream of documents `{section, schema: v1, spec}`.
struct AgentFile {
    /// What a document of the stream is about.
    enum Section: String, CaseIterable {
        case agent = "Agent"
        case workloadAttestation = "WorkloadAttestation"
        case svidIssuancePolicy = "SVIDIssuancePolicy"
        /// A trusted issuer by name, of the older way of configuring.
        case profile = "CICDProfile"
        /// That a cluster trusts a profile's issuer.
        case profileLink = "CICDProfileLink"
        /// What is kept for one cluster: its legacy template of claims.
        case cluster = "Cluster"

        /// Whether a file may hold several.
        var isRepeatable: Bool {
            switch self {
            case .agent, .workloadAttestation, .svidIssuancePolicy: false
            case .profile, .profileLink, .cluster: true
            }
        }
    }

    /// One section as it stands in the stream.
    struct Entry {
        let section: Section
        let spec: JSONValue
        /// Its place among the stream's parts.
        let part: Int
    }

    let path: String
    let stream: YAMLStream
    let entries: [Entry]

    init(path: String) throws {
        self.path = path
        stream = try YAMLStream(path: path)
        var reading = Reading(path: path)
        for (index, part) in stream.parts.enumerated() where part.document.value != .null {
            reading.read(part, index)
        }
        guard reading.problems.isEmpty else { throw Self.failure(reading.problems) }
        entries = reading.entries
    }

    /// The one section of its kind; nil where the file has none.
    func only(_ section: Section) -> Entry? {
        entries.first { $0.section == section }
    }

    func all(_ section: Section) -> [Entry] {
        entries.filter { $0.section == section }
    }

    /// A problem at a path of an entry's `spec`, with the file's line.
    func problem(_ entry: Entry, _ specPath: String, _ explanation: String) -> String {
        let place = specPath.isEmpty ? "spec" : "spec." + specPath
        let line = stream.parts[entry.part].line(of: place)
        return "\(path):\(line): \(entry.section.rawValue): \(place) \(explanation)"
    }

    static func failure(_ problems: [String]) -> CommandFailure {
        .wrongConfiguration(problems.joined(separator: "\njobsworth: "))
    }

    private struct Reading {
        let path: String
        private(set) var entries: [Entry] = []
        private(set) var problems: [String] = []

        init(path: String) {
            self.path = path
        }

        mutating func read(_ part: YAMLStream.Part, _ index: Int) {
            func note(_ place: String, _ explanation: String) {
                problems.append("\(path):\(part.line(of: place)): \(explanation)")
            }
            guard case .object(let members) = part.document.value else {
                return note("", "a document must be a mapping with section, schema and spec")
            }
            for member in members.members where !["section", "schema", "spec"].contains(member.name) {
                note(member.name.string, "\(member.name.string) is not known beside section, schema and spec")
            }
            guard case .string(let name)? = members["section"], let section = Section(rawValue: name.string) else {
                let known = Section.allCases.map(\.rawValue).joined(separator: ", ")
                return note("section", "section must be one of \(known)")
            }
            if members["schema"] != .string("v1") { note("schema", "schema must be v1") }
            if !section.isRepeatable, entries.contains(where: { $0.section == section }) {
                note("section", "the section \(section.rawValue) stands twice")
            }
            entries.append(Entry(section: section, spec: members["spec"] ?? .null, part: index))
        }
    }
}
