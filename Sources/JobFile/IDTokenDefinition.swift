// One entry of GitLab's `id_tokens:`.

package import JOSE

/// A token that a job is given under the name of a variable.
package struct IDTokenDefinition: Hashable, Sendable {
    /// The variable's name.
    package let name: ByteString

    /// `aud:` as the issuer takes it: a string or an array of strings.
    package let audience: JSONValue

    init(_ name: ByteString, _ value: JSONValue, at path: JobFilePath) throws(JobFileError) {
        guard VariableName.isAllowed(name) else { throw JobFileError(.variableNameRefused, at: path) }
        guard let object = value.objectValue else { throw JobFileError(.mappingExpected, at: path) }
        try object.requireKeys(["aud"], at: path)
        self.name = name
        audience = try Self.audience(object["aud"] ?? .null, at: path)
    }

    private static func audience(_ value: JSONValue, at path: JobFilePath) throws(JobFileError) -> JSONValue {
        switch value {
        case .null: throw JobFileError(.audienceMissing, at: path)
        case .string(let text): try requireLiteral(text, at: path.key("aud"))
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                let place = path.key("aud").index(index)
                guard let text = element.stringValue else { throw JobFileError(.textOrListExpected, at: place) }
                try requireLiteral(text, at: place)
            }
        default: throw JobFileError(.textOrListExpected, at: path.key("aud"))
        }
        return value
    }

    /// GitLab expands variables in an audience; one that stayed as it is would make a token for nobody.
    private static func requireLiteral(_ text: ByteString, at path: JobFilePath) throws(JobFileError) {
        if text.bytes.contains(UInt8(ascii: "$")) { throw JobFileError(.variableNotExpanded, at: path) }
    }
}
