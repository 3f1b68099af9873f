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
    case keys(KeyCommand)
    /// What is to be published as files.
    case showPublication
    /// `place` was seen to hold a JWK Set of `kids`.
    case noteSighting(place: ByteString, kids: [ByteString])
    /// A copy of the store as a new file, by its absolute path.
    case backUp(path: ByteString)
    /// At most 1000 records that follow `sequence`.
    case showAudit(after: Int64)

    /// The command as it travels over the admin socket.
    package var document: JSONObject {
        var object = JSONObject([("command", .string(verb))])
        switch self {
        case .listRunners, .listRepositories, .showKeys, .showPublication: break
        case .keys(let command): command.write(to: &object)
        case .noteSighting(let place, let kids):
            object["place"] = .string(place)
            object["kids"] = .array(kids.map { .string($0) })
        case .backUp(let path): object["path"] = .string(path)
        case .addRunner(let name, let patterns):
            object["name"] = .string(name)
            object["patterns"] = .array(patterns.map { .string($0) })
        case .revokeRunner(let name), .forgetRepository(let name): object["name"] = .string(name)
        case .renameRepository(let name, let next):
            object["name"] = .string(name)
            object["to"] = .string(next)
        case .showAudit(let sequence): object["after"] = .integer(sequence)
        }
        return object
    }

    package init(parsing object: JSONObject) throws(Refusal) {
        let verb = try object.text("command") ?? ""
        if let command = try KeyCommand(verb, object) {
            try object.refuseMembers(beyond: KeyCommand.members.union(["command"]))
            self = .keys(command)
            return
        }
        try object.refuseMembers(beyond: ["command", "name", "patterns", "to", "after", "place", "kids", "path"])
        switch verb {
        case "runner add": self = .addRunner(name: try Self.name(object), patterns: try Self.texts("patterns", object))
        case "runner list": self = .listRunners
        case "runner revoke": self = .revokeRunner(name: try Self.name(object))
        case "repository list": self = .listRepositories
        case "repository forget": self = .forgetRepository(name: try Self.name(object))
        case "repository rename":
            guard let next = try object.text("to") else { throw Refusal(.memberMissing, "to") }
            self = .renameRepository(name: try Self.name(object), to: next)
        case "keys show": self = .showKeys
        case "publication show": self = .showPublication
        case "publication seen":
            guard let place = try object.text("place") else { throw Refusal(.memberMissing, "place") }
            self = .noteSighting(place: place, kids: try Self.texts("kids", object))
        case "backup":
            guard let path = try object.text("path") else { throw Refusal(.memberMissing, "path") }
            guard path.hasPrefix("/") else { throw Refusal(.outOfRange, "path") }
            self = .backUp(path: path)
        case "audit show": self = .showAudit(after: try object.integer("after", in: 0...Int64.max) ?? 0)
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
        case .keys(let command): command.verb
        case .showPublication: "publication show"
        case .noteSighting: "publication seen"
        case .backUp: "backup"
        case .showAudit: "audit show"
        }
    }

    private static func name(_ object: JSONObject) throws(Refusal) -> ByteString {
        guard let name = try object.text("name") else { throw Refusal(.memberMissing, "name") }
        return name
    }

    private static func texts(_ name: ByteString, _ object: JSONObject) throws(Refusal) -> [ByteString] {
        guard let value = object[name] else { throw Refusal(.memberMissing, name) }
        guard case .array(let values) = value else { throw Refusal(.wrongType, name) }
        let texts = values.compactMap(\.stringValue)
        guard texts.count == values.count else { throw Refusal(.wrongType, name) }
        return texts
    }
}
