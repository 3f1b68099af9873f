// GitLab's syntax: `id_tokens:` and `secrets:` of a job, with `extends:`, `default:` and `inherit:`.

import JOSE

/// The jobs of a GitLab pipeline file.
struct GitLabJobs {
    private let tree: JSONObject

    init(_ tree: JSONObject) {
        self.tree = tree
    }

    /// Keys at the top that are no jobs.
    private static let keywords: Set<ByteString> = [
        "default", "include", "stages", "variables", "workflow", "image", "services", "cache", "before_script",
        "after_script", "spec",
    ]

    /// A job is a mapping; a name with a leading dot is a template that never runs.
    var names: [ByteString] {
        tree.members.filter { member in
            member.value.objectValue != nil && !member.name.hasPrefix(".") && !Self.keywords.contains(member.name)
        }.map(\.name)
    }

    func definition(of name: ByteString) throws(JobFileError) -> JobDefinition {
        let path = JobFilePath.top.key(name)
        let job = try GitLabExtension(tree).resolved(name)
        let tokens = try idTokens(job, at: path)
        return JobDefinition(
            idTokens: tokens,
            secrets: try Self.secrets(job["secrets"], tokens.map(\.name), at: path.key("secrets")),
            environment: try JobDefinition.environment(job["environment"], at: path),
            path: path
        )
    }

    /// The job's own, or else the defaults', which are never merged with a job's.
    private func idTokens(_ job: JSONObject, at path: JobFilePath) throws(JobFileError) -> [IDTokenDefinition] {
        if let own = job["id_tokens"] { return try Self.idTokens(own, at: path.key("id_tokens")) }
        let defaults = JobFilePath.top.key("default")
        guard let value = tree["default"], Self.inheritsTokens(job["inherit"]) else { return [] }
        guard let object = value.objectValue else { throw JobFileError(.mappingExpected, at: defaults) }
        return try Self.idTokens(object["id_tokens"] ?? .null, at: defaults.key("id_tokens"))
    }

    /// `inherit: {default: false}`, or a list of the keys that are inherited.
    private static func inheritsTokens(_ inherit: JSONValue?) -> Bool {
        switch inherit?.objectValue?["default"] {
        case .string("false"): false
        case .array(let keys): keys.contains(.string("id_tokens"))
        default: true
        }
    }

    private static func idTokens(_ value: JSONValue, at path: JobFilePath) throws(JobFileError) -> [IDTokenDefinition] {
        var tokens: [IDTokenDefinition] = []
        for member in try members(value, at: path) {
            tokens.append(try IDTokenDefinition(member.name, member.value, at: path.key(member.name)))
        }
        return tokens
    }

    private static func secrets(
        _ value: JSONValue?,
        _ tokens: [ByteString],
        at path: JobFilePath
    ) throws(JobFileError) -> [SecretDefinition] {
        var secrets: [SecretDefinition] = []
        for member in try members(value ?? .null, at: path) {
            secrets.append(
                try SecretDefinition(member.name, member.value, tokens: tokens, at: path.key(member.name))
            )
        }
        return secrets
    }

    private static func members(_ value: JSONValue, at path: JobFilePath) throws(JobFileError) -> [JSONMember] {
        switch value {
        case .null: return []
        case .object(let object): return object.members
        default: throw JobFileError(.mappingExpected, at: path)
        }
    }
}
