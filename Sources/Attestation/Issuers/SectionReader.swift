import JOSE

/// Reads a section's tree, whose scalars are texts as YAML's are, and notes everything that is wrong with it.
struct SectionReader {
    let section: ByteString
    private(set) var problems: [ConfigurationProblem] = []

    init(section: ByteString) {
        self.section = section
    }

    mutating func note(_ path: ByteString, _ explanation: ByteString) {
        problems.append(ConfigurationProblem(section: section, path: path, explanation: explanation))
    }

    /// The members of a mapping, of which no other may be there; nil as `known` lets any name stand.
    mutating func object(_ value: JSONValue?, _ path: ByteString, _ known: Set<ByteString>?) -> JSONObject {
        guard let value, value != .null else { return JSONObject() }
        guard case .object(let object) = value else {
            note(path, "must be a mapping")
            return JSONObject()
        }
        if let known {
            for member in object.members where !known.contains(member.name) {
                note(Self.path(path, member.name), "is not known; check its spelling")
            }
        }
        return object
    }

    mutating func list(_ value: JSONValue?, _ path: ByteString) -> [JSONValue] {
        guard let value, value != .null else { return [] }
        if case .array(let values) = value { return values }
        note(path, "must be a list")
        return []
    }

    /// One text that is not empty.
    mutating func text(_ value: JSONValue?, _ path: ByteString) -> ByteString? {
        guard let value else { return nil }
        if case .string(let text) = value, !text.isEmpty { return text }
        note(path, "must be one text; quote a template: \"{{jwt.claim.sub}}\"")
        return nil
    }

    /// One text, or a list of some; never none where something stands.
    mutating func texts(_ value: JSONValue?, _ path: ByteString) -> [ByteString] {
        switch value {
        case nil: return []
        case .string(let text)? where !text.isEmpty: return [text]
        case .array(let values)?:
            let texts = values.compactMap(\.stringValue).filter { !$0.isEmpty }
            if !texts.isEmpty, texts.count == values.count { return texts }
            fallthrough
        default:
            note(path, "must be a value, or a list of values, none empty")
            return []
        }
    }

    mutating func flag(_ value: JSONValue?, _ path: ByteString) -> Bool? {
        guard let value else { return nil }
        switch value.stringValue {
        case "true": return true
        case "false": return false
        default:
            note(path, "must be true or false")
            return nil
        }
    }

    /// A time as `90s`, `15m`, `1h30m`, in seconds.
    mutating func seconds(_ value: JSONValue?, _ path: ByteString, _ bounds: ClosedRange<Int64>) -> Int64? {
        guard let value else { return nil }
        guard let seconds = value.stringValue.flatMap(ConfiguredTime.seconds) else {
            note(path, "must be a time as 90s, 15m or 1h30m")
            return nil
        }
        guard bounds.contains(seconds) else {
            let shortest = ConfiguredTime.text(bounds.lowerBound)
            note(path, "must be from " + shortest + " to " + ConfiguredTime.text(bounds.upperBound))
            return nil
        }
        return seconds
    }

    static func path(_ path: ByteString, _ name: ByteString) -> ByteString {
        path.isEmpty ? name : path + "." + name
    }

    static func path(_ path: ByteString, _ index: Int) -> ByteString {
        path + ByteString("[\(index)]")
    }
}
