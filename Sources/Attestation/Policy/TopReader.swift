import JOSE

/// Finds sections among the documents of a file, and notes what is wrong with their heads.
struct TopReader {
    private(set) var problems: [ConfigurationProblem] = []

    /// Nil where there is no section of this name; an empty `spec` is an empty mapping.
    mutating func spec(of section: ByteString, in documents: [JSONValue]) -> JSONValue? {
        let found = documents.compactMap(\.objectValue).filter { $0["section"]?.stringValue == section }
        guard let first = found.first else { return nil }
        if found.count > 1 { note(section, "section", "stands in two documents; write it once") }
        for member in first.members where !["section", "schema", "spec"].contains(member.name) {
            note(section, member.name, "is not known; a section has section, schema and spec")
        }
        if first["schema"]?.stringValue != "v1" { note(section, "schema", "must be v1") }
        guard let spec = first["spec"] else {
            note(section, "spec", "is missing")
            return .object(JSONObject())
        }
        return spec
    }

    mutating func olderClaims(_ text: ByteString) -> [AdditionalClaim] {
        do throws(TemplateProblem) {
            return try AdditionalClaim.list(parsing: text)
        } catch {
            note("Agent", "spec.cluster.jwtTemplate", error.explanation)
            return []
        }
    }

    mutating func noteMissingPolicy() {
        note(
            "SVIDIssuancePolicy",
            "",
            "is missing: issuers are trusted, and nothing says what their jobs are called; give spec.policy.pathTemplate"
        )
    }

    private mutating func note(_ section: ByteString, _ path: ByteString, _ explanation: ByteString) {
        problems.append(ConfigurationProblem(section: section, path: path, explanation: explanation))
    }
}
