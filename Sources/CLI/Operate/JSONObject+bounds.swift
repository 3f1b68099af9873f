import JOSE

extension JSONObject {
    /// A runner's bounds as the options that state them; empty where it has none.
    var shownBounds: String {
        guard case .object(let bounds)? = self["bounds"] else { return "" }
        let facts = ["allow", "deny", "set"].flatMap { option in bounds.facts(of: option) }
        let duration = bounds["max_duration"].map { _ in "--max-duration \(bounds.shown("max_duration"))s" }
        let validity = bounds["valid_for"].map { _ in "--valid \(bounds.shown("valid_for"))s" }
        let jobs = bounds["max_live_jobs"].map { _ in "--max-live-jobs \(bounds.shown("max_live_jobs"))" }
        let sources = bounds.texts("sources").map { "--source " + $0 }
        return (facts + [duration, jobs, validity].compactMap { $0 } + sources).joined(separator: " ")
    }

    private func facts(of option: String) -> [String] {
        guard case .object(let facts)? = self[ByteString(option)] else { return [] }
        return facts.members.flatMap { fact in
            if case .bool = fact.value { return ["--\(option) \(fact.name)"] }
            let values = facts.texts(fact.name)
            return (values.isEmpty ? [facts.shown(fact.name)] : values).map { "--\(option) \(fact.name)=\($0)" }
        }
    }

    private func texts(_ name: ByteString) -> [String] {
        guard case .array(let values)? = self[name] else { return [] }
        return values.compactMap(\.stringValue?.string)
    }
}
