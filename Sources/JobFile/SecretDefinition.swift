// One entry of GitLab's `secrets:`.

package import JOSE

/// A secret that a job is given under the name of a variable.
package struct SecretDefinition: Hashable, Sendable {
    /// The variable's name.
    package let name: ByteString

    /// What it is.
    package let secret: VaultSecret

    /// The id token that it is fetched with.
    package let token: ByteString

    /// Whether the variable holds the path of a file with the value, which is GitLab's default, or the value itself.
    package let isFile: Bool

    init(
        _ name: ByteString,
        _ value: JSONValue,
        tokens: [ByteString],
        at path: JobFilePath
    ) throws(JobFileError) {
        guard VariableName.isAllowed(name), !tokens.contains(name) else {
            throw JobFileError(.variableNameRefused, at: path)
        }
        guard let object = value.objectValue else { throw JobFileError(.mappingExpected, at: path) }
        guard let vault = object["vault"] else { throw JobFileError(.sourceUnknown, at: path) }
        try object.requireKeys(["vault", "token", "file"], at: path)
        self.name = name
        secret = try VaultSecret(vault, at: path.key("vault"))
        token = try Self.token(object["token"], tokens, at: path)
        isFile = try Self.isFile(object["file"], at: path.key("file"))
    }

    private static func token(
        _ value: JSONValue?,
        _ tokens: [ByteString],
        at path: JobFilePath
    ) throws(JobFileError) -> ByteString {
        guard let first = tokens.first else { throw JobFileError(.secretWithoutToken, at: path) }
        guard let value else { return first }
        guard let text = value.stringValue else { throw JobFileError(.textExpected, at: path.key("token")) }
        guard let token = tokens.first(where: { text == "$" + $0 || text == "${" + $0 + "}" }) else {
            throw JobFileError(.tokenUnknown(text), at: path.key("token"))
        }
        return token
    }

    private static func isFile(_ value: JSONValue?, at path: JobFilePath) throws(JobFileError) -> Bool {
        switch value {
        case nil, .string("true"): true
        case .string("false"): false
        default: throw JobFileError(.booleanExpected, at: path)
        }
    }
}
