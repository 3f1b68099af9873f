package import JOSE

/// A token that is made at registration and handed to the job as a variable (`id_tokens`).
package struct NamedToken: Hashable, Sendable {
    /// `[A-Za-z_][A-Za-z0-9_]{0,63}`, and no name that a runner or a loader already gives a meaning.
    package let name: ByteString
    package let audiences: Audiences
    /// The lifetime asked for in seconds, 1…86400; nil for the issuer's default.
    package let lifetime: Int64?

    static let maximumCount = 16

    static func all(_ object: JSONObject?) throws(Refusal) -> [NamedToken] {
        guard let members = object?.members else { return [] }
        guard members.count <= maximumCount else { throw Refusal(.tooMany, "id_tokens") }
        var tokens: [NamedToken] = []
        for member in members { tokens.append(try NamedToken(member.name, member.value)) }
        return tokens
    }

    private init(_ name: ByteString, _ value: JSONValue) throws(Refusal) {
        guard Self.isAllowed(name) else { throw Refusal(.tokenNameInvalid, "id_tokens." + name) }
        guard case .object(let object) = value else { throw Refusal(.wrongType, "id_tokens." + name) }
        let path = "id_tokens." + name + "."
        try object.refuseMembers(beyond: ["aud", "expires_in"], of: path)
        self.name = name
        do throws(Refusal) {
            audiences = try Audiences(Self.audiences(object["aud"], path + "aud"))
        } catch {
            throw Refusal(error.reason, path + "aud")
        }
        lifetime = try object.integer("expires_in", in: 1...86_400, of: path)
    }

    private static func audiences(_ value: JSONValue?, _ path: ByteString) throws(Refusal) -> [ByteString] {
        switch value {
        case nil: throw Refusal(.audienceMissing, path)
        case .string(let text): return [text]
        case .array(let values):
            var texts: [ByteString] = []
            for value in values {
                guard case .string(let text) = value else { throw Refusal(.wrongType, path) }
                texts.append(text)
            }
            return texts
        default: throw Refusal(.wrongType, path)
        }
    }

    private static func isAllowed(_ name: ByteString) -> Bool {
        guard let first = name.bytes.first, name.count <= 64, isLetter(first) || first == UInt8(ascii: "_"),
            name.bytes.allSatisfy({ isLetter($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_") })
        else { return false }
        return name != "PATH" && name != "HOME" && !takenPrefixes.contains { name.hasPrefix($0) }
    }

    private static let takenPrefixes: [ByteString] = ["ACTIONS_", "SYSTEM_", "JOBSWORTH_", "LD_"]

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }
}
