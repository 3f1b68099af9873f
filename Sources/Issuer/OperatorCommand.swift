package import JOSE

/// What an operator tells the issuer: through the admin socket of the process that owns the store, or, where none
/// runs, directly.
package enum OperatorCommand: Hashable, Sendable {
    case addRunner(name: ByteString, patterns: [ByteString])
    case listRunners
    case revokeRunner(name: ByteString)
    case listRepositories
    case forgetRepository(name: ByteString)
    case renameRepository(name: ByteString, to: ByteString)
    case showKeys
    /// At most 1000 records that follow `sequence`.
    case showAudit(after: Int64)
    /// The documents that are to lie at every publication place.
    case showPublication
    /// What was read back from a place after a publication.
    case recordSighting(place: ByteString, kids: [ByteString])

    /// The command as it travels over the admin socket.
    package var document: JSONObject {
        var object = JSONObject([("command", .string(verb))])
        switch self {
        case .listRunners, .listRepositories, .showKeys, .showPublication: break
        case .addRunner(let name, let patterns):
            object["name"] = .string(name)
            object["patterns"] = .array(patterns.map { .string($0) })
        case .revokeRunner(let name), .forgetRepository(let name): object["name"] = .string(name)
        case .renameRepository(let name, let next):
            object["name"] = .string(name)
            object["to"] = .string(next)
        case .showAudit(let sequence): object["after"] = .integer(sequence)
        case .recordSighting(let place, let kids):
            object["place"] = .string(place)
            object["kids"] = .array(kids.map { .string($0) })
        }
        return object
    }

    package init(parsing object: JSONObject) throws(Refusal) {
        try object.refuseMembers(beyond: ["command", "name", "patterns", "to", "after", "place", "kids"])
        switch try object.text("command") {
        case "runner add":
            self = .addRunner(name: try Self.name(object), patterns: try Self.texts("patterns", of: object))
        case "runner list": self = .listRunners
        case "runner revoke": self = .revokeRunner(name: try Self.name(object))
        case "repository list": self = .listRepositories
        case "repository forget": self = .forgetRepository(name: try Self.name(object))
        case "repository rename":
            guard let next = try object.text("to") else { throw Refusal(.memberMissing, "to") }
            self = .renameRepository(name: try Self.name(object), to: next)
        case "keys show": self = .showKeys
        case "audit show": self = .showAudit(after: try object.integer("after", in: 0...Int64.max) ?? 0)
        case "publication show": self = .showPublication
        case "publication seen":
            guard let place = try object.text("place") else { throw Refusal(.memberMissing, "place") }
            self = .recordSighting(place: place, kids: try Self.texts("kids", of: object))
        default: throw Refusal(.outOfRange, "command")
        }
    }

    private var verb: ByteString {
        switch self {
        case .addRunner: "runner add"
        case .listRunners: "runner list"
        case .revokeRunner: "runner revoke"
        case .listRepositories: "repository list"
        case .forgetRepository: "repository forget"
        case .renameRepository: "repository rename"
        case .showKeys: "keys show"
        case .showAudit: "audit show"
        case .showPublication: "publication show"
        case .recordSighting: "publication seen"
        }
    }

    private static func name(_ object: JSONObject) throws(Refusal) -> ByteString {
        guard let name = try object.text("name") else { throw Refusal(.memberMissing, "name") }
        return name
    }

    private static func texts(_ name: ByteString, of object: JSONObject) throws(Refusal) -> [ByteString] {
        guard let value = object[name] else { throw Refusal(.memberMissing, name) }
        guard case .array(let values) = value else { throw Refusal(.wrongType, name) }
        let texts = values.compactMap(\.stringValue)
        guard texts.count == values.count else { throw Refusal(.wrongType, name) }
        return texts
    }
}
