package import JOSE
package import Keys

/// What an operator, or cron, tells the keys.
package enum KeyCommand: Hashable, Sendable {
    /// Whatever is due; with `clockIsRight`, after the clock was moved.
    case rotate(clockIsRight: Bool)
    case ask(KeyRequest)
    case drill
    case reseal
    /// A signed head of the log.
    case auditHead
    /// The records of tokens that a key signed.
    case tokens(kid: ByteString, after: Int64)

    static let members: Set<ByteString> = ["kid", "algorithms", "clock_is_right", "after"]

    var verb: ByteString {
        switch self {
        case .rotate: "keys rotate"
        case .ask(.prepare): "keys prepare"
        case .ask(.activateStandbys), .ask(.activate): "keys activate"
        case .ask(.retire): "keys retire"
        case .ask(.revoke): "keys revoke"
        case .ask(.revokeAll): "keys revoke all"
        case .drill: "keys drill"
        case .reseal: "keys reseal"
        case .auditHead: "audit head"
        case .tokens: "keys tokens"
        }
    }

    func write(to object: inout JSONObject) {
        switch self {
        case .rotate(let clockIsRight): object["clock_is_right"] = .bool(clockIsRight)
        case .ask(.prepare(let purposes)), .ask(.activateStandbys(let purposes)):
            object["algorithms"] = purposes.map { .array($0.map { .string($0.name) }) }
        case .ask(.activate(let kid)), .ask(.retire(let kid)), .ask(.revoke(let kid)): object["kid"] = .string(kid)
        case .tokens(let kid, let sequence):
            object["kid"] = .string(kid)
            object["after"] = .integer(sequence)
        case .ask(.revokeAll), .drill, .reseal, .auditHead: break
        }
    }

    /// Nil where `verb` is no command of the keys.
    init?(_ verb: ByteString, _ object: JSONObject) throws(Refusal) {
        switch verb {
        case "keys rotate":
            switch object["clock_is_right"] {
            case nil: self = .rotate(clockIsRight: false)
            case .bool(let isRight)?: self = .rotate(clockIsRight: isRight)
            default: throw Refusal(.wrongType, "clock_is_right")
            }
        case "keys prepare": self = .ask(.prepare(try Self.purposes(object)))
        case "keys activate":
            let request: KeyRequest
            if let kid = try object.text("kid") {
                request = .activate(kid)
            } else {
                request = .activateStandbys(try Self.purposes(object))
            }
            self = .ask(request)
        case "keys retire": self = .ask(.retire(try Self.kid(object)))
        case "keys revoke": self = .ask(.revoke(try Self.kid(object)))
        case "keys revoke all": self = .ask(.revokeAll)
        case "keys drill": self = .drill
        case "keys reseal": self = .reseal
        case "audit head": self = .auditHead
        case "keys tokens":
            self = .tokens(kid: try Self.kid(object), after: try object.integer("after", in: 0...Int64.max) ?? 0)
        default: return nil
        }
    }

    private static func kid(_ object: JSONObject) throws(Refusal) -> ByteString {
        guard let kid = try object.text("kid") else { throw Refusal(.memberMissing, "kid") }
        return kid
    }

    /// Nil where none is named.
    private static func purposes(_ object: JSONObject) throws(Refusal) -> [KeyPurpose]? {
        guard let value = object["algorithms"] else { return nil }
        guard case .array(let values) = value else { throw Refusal(.wrongType, "algorithms") }
        let purposes = values.compactMap(\.stringValue).compactMap { KeyPurpose($0) }
        guard purposes.count == values.count, Set(purposes).count == values.count, !values.isEmpty else {
            throw Refusal(.outOfRange, "algorithms")
        }
        return purposes
    }
}
