package import JOSE

/// What an operator tells the issuer: through the admin socket of the process that owns the store, or, where none
/// runs, directly.
package enum OperatorCommand: Hashable, Sendable {
    /// `bounds` is read where the command is done, see ``RunnerBounds``.
    case addRunner(name: ByteString, patterns: [ByteString], bounds: JSONObject = JSONObject())
    case listRunners
    /// A new credential; the one before is good for `overlap` seconds more. `validity` is for how many seconds the new
    /// one is good; nil for as long as the runner was added with.
    case rotateRunner(name: ByteString, overlap: Int64, validity: Int64?)
    case revokeRunner(name: ByteString)
    case listRepositories
    case forgetRepository(name: ByteString)
    case renameRepository(name: ByteString, to: ByteString)
    /// In the name of an approver of the job's environment; nil where there is but one.
    case approveJob(id: ByteString, approver: ByteString?)
    case listWaitingJobs
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
        case .listRunners, .listRepositories, .listWaitingJobs, .showKeys, .showPublication: break
        case .keys(let command): command.write(to: &object)
        case .noteSighting(let place, let kids):
            object["place"] = .string(place)
            object["kids"] = .array(kids.map { .string($0) })
        case .backUp(let path): object["path"] = .string(path)
        case .addRunner(let name, let patterns, let bounds):
            object["name"] = .string(name)
            object["patterns"] = .array(patterns.map { .string($0) })
            object["bounds"] = bounds.members.isEmpty ? nil : .object(bounds)
        case .rotateRunner(let name, let overlap, let validity):
            object["name"] = .string(name)
            object["overlap"] = .integer(overlap)
            object["valid_for"] = validity.map { .integer($0) }
        case .revokeRunner(let name), .forgetRepository(let name): object["name"] = .string(name)
        case .renameRepository(let name, let next):
            object["name"] = .string(name)
            object["to"] = .string(next)
        case .approveJob(let id, let approver):
            object["job"] = .string(id)
            object["as"] = approver.map { .string($0) }
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
        try object.refuseMembers(beyond: [
            "command", "name", "patterns", "bounds", "overlap", "valid_for", "to", "after", "place", "kids", "path",
            "job",
            "as",
        ])
        switch verb {
        case "runner add":
            self = .addRunner(
                name: try Self.name(object),
                patterns: try Self.texts("patterns", object),
                bounds: try object.object("bounds") ?? JSONObject()
            )
        case "runner list": self = .listRunners
        case "runner rotate":
            guard let overlap = try object.integer("overlap", in: 0...Self.maximumOverlap) else {
                throw Refusal(.memberMissing, "overlap")
            }
            self = .rotateRunner(
                name: try Self.name(object),
                overlap: overlap,
                validity: try object.integer("valid_for", in: 1...RunnerBounds.maximumValidity)
            )
        case "runner revoke": self = .revokeRunner(name: try Self.name(object))
        case "repository list": self = .listRepositories
        case "repository forget": self = .forgetRepository(name: try Self.name(object))
        case "repository rename":
            guard let next = try object.text("to") else { throw Refusal(.memberMissing, "to") }
            self = .renameRepository(name: try Self.name(object), to: next)
        case "approve":
            guard let id = try object.text("job") else { throw Refusal(.memberMissing, "job") }
            self = .approveJob(id: id, approver: try object.text("as"))
        case "approve list": self = .listWaitingJobs
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

    /// The longest that two credentials of a runner are good at once: thirty days, in seconds.
    package static let maximumOverlap: Int64 = 2_592_000

    private var verb: ByteString {
        switch self {
        case .addRunner: "runner add"
        case .listRunners: "runner list"
        case .rotateRunner: "runner rotate"
        case .revokeRunner: "runner revoke"
        case .listRepositories: "repository list"
        case .forgetRepository: "repository forget"
        case .renameRepository: "repository rename"
        case .approveJob: "approve"
        case .listWaitingJobs: "approve list"
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
