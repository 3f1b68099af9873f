// What a job file says about one job's identity.

package import JOSE

/// What a job opts in to.
package struct JobDefinition: Hashable, Sendable {
    /// GitHub's `permissions: {id-token: write}`.
    package let mayRequestTokens: Bool

    /// GitLab's `id_tokens:`, in the order of the file.
    package let idTokens: [IDTokenDefinition]

    /// GitLab's `secrets:`, in the order of the file.
    package let secrets: [SecretDefinition]

    private let environment: ByteString?
    private let path: JobFilePath

    init(
        mayRequestTokens: Bool = false,
        idTokens: [IDTokenDefinition] = [],
        secrets: [SecretDefinition] = [],
        environment: ByteString?,
        path: JobFilePath
    ) {
        self.mayRequestTokens = mayRequestTokens
        self.idTokens = idTokens
        self.secrets = secrets
        self.environment = environment
        self.path = path
    }

    /// The members `permissions` and `id_tokens` of the registration; without them the job gets no token.
    package var registrationMembers: JSONObject {
        var members = JSONObject()
        if mayRequestTokens { members["permissions"] = .object(JSONObject([("id-token", .string("write"))])) }
        if !idTokens.isEmpty {
            members["id_tokens"] = .object(
                JSONObject(idTokens.map { ($0.name, .object(JSONObject([("aud", $0.audience)]))) })
            )
        }
        return members
    }

    /// The fact `environment`, of which the caller has stated this or nothing.
    ///
    /// The caller knows better than the file, which may come from the job's own branch; but where they disagree, one of
    /// them is wrong about what the job may do.
    package func environment(stated: ByteString?) throws(JobFileError) -> ByteString? {
        let stated = stated.flatMap { $0.isEmpty ? nil : $0 }
        guard let environment else { return stated }
        let isLiteral = !environment.bytes.contains(UInt8(ascii: "$"))
        switch stated {
        case nil where isLiteral: return environment
        case nil: throw JobFileError(.environmentNotExpanded, at: path.key("environment"))
        case let stated? where stated != environment && isLiteral:
            throw JobFileError(.environmentDiffers(stated: stated), at: path.key("environment"))
        case let stated?: return stated
        }
    }

    /// `environment: NAME` or `environment: {name: NAME}`, of either syntax.
    static func environment(_ value: JSONValue?, at path: JobFilePath) throws(JobFileError) -> ByteString? {
        let name: JSONValue? =
            switch value {
            case .object(let object): object["name"]
            default: value
            }
        switch name {
        case nil, .null, .string(""): return nil
        case .string(let text): return text
        default: throw JobFileError(.textExpected, at: path.key("environment"))
        }
    }
}
