import Foundation
import JOSE
import Policy

/// Reads the values of one section's `spec`, and notes every problem instead of the first.
struct SpecReading {
    private let file: AgentFile
    private let entry: AgentFile.Entry
    private(set) var problems: [String] = []

    init(_ file: AgentFile, _ entry: AgentFile.Entry) {
        self.file = file
        self.entry = entry
    }

    mutating func note(_ path: String, _ explanation: String) {
        problems.append(file.problem(entry, path, explanation))
    }

    /// The members of the mapping at `path`; any that is not known is a problem.
    mutating func members(_ value: JSONValue?, _ path: String, known: Set<String>) -> JSONObject {
        guard let value, value != .null else { return JSONObject([]) }
        guard case .object(let object) = value else {
            note(path, "must be a mapping")
            return JSONObject([])
        }
        for member in object.members where !known.contains(member.name.string) {
            note(Self.below(path, member.name.string), "is not a known key; check its spelling")
        }
        return object
    }

    /// A text that is not empty; nil where there is none.
    mutating func text(_ object: JSONObject, _ name: String, in path: String) -> String? {
        guard let value = object[ByteString(name)], value != .null else { return nil }
        guard case .string(let text) = value, !text.isEmpty else {
            note(Self.below(path, name), "must be a single value")
            return nil
        }
        return text.string
    }

    /// A text that has to be there; the empty one, and a problem, where it is not.
    mutating func required(_ object: JSONObject, _ name: String, in path: String) -> String {
        if let text = text(object, name, in: path) { return text }
        if object[ByteString(name)] == nil { note(Self.below(path, name), "is missing") }
        return ""
    }

    mutating func flag(_ object: JSONObject, _ name: String, in path: String) -> Bool? {
        switch text(object, name, in: path) {
        case nil: return nil
        case "true": return true
        case "false": return false
        case let text?:
            note(Self.below(path, name), "must be true or false, and not \(text)")
            return nil
        }
    }

    mutating func duration(_ object: JSONObject, _ name: String, in path: String) -> Duration? {
        guard let text = text(object, name, in: path) else { return nil }
        if let duration = Duration(configured: text) { return duration }
        note(Self.below(path, name), "must be a time as 90s, 15m, 24h or 30d, and not \(text)")
        return nil
    }

    mutating func texts(_ object: JSONObject, _ name: String, in path: String) -> [String]? {
        guard let value = object[ByteString(name)], value != .null else { return nil }
        guard case .array(let elements) = value else {
            note(Self.below(path, name), "must be a list")
            return nil
        }
        return elements.compactMap { $0.stringValue?.string }
    }

    private static func below(_ path: String, _ name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }
}
