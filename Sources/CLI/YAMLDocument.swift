import Foundation
import JOSE
import Yams

/// A YAML file as a tree whose scalars are the texts that stand there: `no`, `1.0` and `on` are not read as anything
/// else, so that nothing depends on YAML's rules of types.
struct YAMLDocument {
    /// A scalar is a string; an empty or `null` one that is not quoted is null.
    let value: JSONValue
    /// The line of each value, by its path: `rules[0].match.ref`; the whole document's is empty.
    let lines: [String: Int]

    /// Reads the file: at most 1 MiB of UTF-8 with one document of at most 100,000 values.
    init(path: String) throws {
        guard let data = RegularFile.read(path, limit: Self.maximumBytes + 1) else {
            throw CommandFailure.wrongConfiguration("\(path) cannot be read, or is no file")
        }
        guard data.count <= Self.maximumBytes else {
            throw CommandFailure.wrongConfiguration("\(path) is longer than 1 MiB")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw CommandFailure.wrongConfiguration("\(path) is not UTF-8")
        }
        do {
            self = try YAMLDocument(text)
        } catch {
            throw CommandFailure.wrongConfiguration("\(path): \(error.explanation)")
        }
    }

    /// The line of what stands at `path`, or of what it would stand in.
    func line(of path: String) -> Int {
        var path = path[...]
        while true {
            if let line = lines[String(path)] { return line }
            guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return lines[""] ?? 1 }
            path = path[..<end]
        }
    }

    /// Why a text is not one YAML document that can be read.
    struct Malformed: Error {
        let explanation: String
    }

    init(_ text: String) throws(Malformed) {
        try AliasedKeys.refuse(in: text)
        let root = try Self.root(of: text)
        var reading = Reading()
        value = try root.map { node throws(Malformed) in try reading.value(node, path: "", depth: 0) } ?? .null
        lines = reading.lines
    }

    /// The top of the tree, whose keys Yams compares; nil for an empty document.
    fileprivate static func root(of text: String) throws(Malformed) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch {
            throw Malformed(explanation: explanation(error))
        }
    }

    private static let maximumBytes = 1_048_576

    private static func explanation(_ error: any Error) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line): \(problem)"
        case .duplicatedKeysInMapping(let duplicates, let context):
            "line \(context.mark.line): the key \(duplicates.first ?? "?") stands twice in one mapping"
        default: "this is not valid YAML"
        }
    }
}

/// Walks the nodes; an alias counts each time, so that a small file cannot become a huge tree.
private struct Reading {
    private(set) var lines: [String: Int] = [:]
    private var values = 0

    mutating func value(_ node: Node, path: String, depth: Int) throws(YAMLDocument.Malformed) -> JSONValue {
        try count(node, depth: depth)
        lines[path] = node.mark?.line ?? 0
        if Self.isForeign(node.tag) { return .object(try foreign(node, path: path, depth: depth)) }
        return try plainValue(node, path: path, depth: depth)
    }

    private mutating func count(_ node: Node, depth: Int) throws(YAMLDocument.Malformed) {
        values += 1
        guard values <= 100_000, depth <= 32 else {
            throw YAMLDocument.Malformed(explanation: "line \(node.mark?.line ?? 0): too much, or too deep")
        }
    }

    private mutating func plainValue(
        _ node: Node,
        path: String,
        depth: Int
    ) throws(YAMLDocument.Malformed) -> JSONValue {
        switch node {
        case .scalar(let scalar): return Self.isNull(scalar) ? .null : .string(ByteString(scalar.string))
        case .sequence(let sequence):
            var elements: [JSONValue] = []
            for (index, element) in sequence.enumerated() {
                elements.append(try value(element, path: "\(path)[\(index)]", depth: depth + 1))
            }
            return .array(elements)
        case .mapping(let mapping): return .object(try object(mapping, path: path, depth: depth))
        case .alias: throw YAMLDocument.Malformed(explanation: "line \(node.mark?.line ?? 0): an alias of nothing")
        }
    }

    /// A value with a tag of somebody else's, as GitLab's `!reference [.setup, script]`, becomes an object with that tag
    /// as its one name: never the plain value, which would mean something else.
    private mutating func foreign(
        _ node: Node,
        path: String,
        depth: Int
    ) throws(YAMLDocument.Malformed) -> JSONObject {
        JSONObject([(ByteString(node.tag.description), try plainValue(node, path: path, depth: depth))])
    }

    private static func isForeign(_ tag: Tag) -> Bool {
        let name = tag.description
        return name.hasPrefix("!") && name != "!"
    }

    private mutating func object(
        _ mapping: Node.Mapping,
        path: String,
        depth: Int
    ) throws(YAMLDocument.Malformed) -> JSONObject {
        let (merges, keys) = try Self.split(mapping)
        var members: [(ByteString, JSONValue)] = []
        for source in merges { members += try mergedMembers(source, path: path, depth: depth) }
        guard members.count + keys.count <= Self.maximumKeys else {
            throw YAMLDocument.Malformed(explanation: "line \(mapping.mark?.line ?? 0): too many keys in one mapping")
        }
        for (key, element) in keys {
            let memberPath = path.isEmpty ? key : "\(path).\(key)"
            members.append((ByteString(key), try value(element, path: memberPath, depth: depth + 1)))
        }
        return JSONObject(members)
    }

    /// What stands under `<<`, and the explicit keys, which win over it wherever they stand.
    private static func split(
        _ mapping: Node.Mapping
    ) throws(YAMLDocument.Malformed) -> (merges: [Node], keys: [(String, Node)]) {
        var merges: [Node] = []
        var keys: [(String, Node)] = []
        for (key, element) in mapping {
            guard let scalar = key.scalar else {
                // Unquoted, {{x}} is a mapping with a mapping as its key.
                let hint = key.mapping == nil ? "" : "; a template stands in quotes: \"{{x}}\""
                throw YAMLDocument.Malformed(explanation: "line \(key.mark?.line ?? 0): a key must be one word\(hint)")
            }
            if scalar.string == "<<", scalar.style == .plain {
                merges.append(element)
            } else {
                keys.append((scalar.string, element))
            }
        }
        return (merges, keys)
    }

    /// What `<<: *anchor` or `<<: [*one, *two]` brings in; of several, the first has the last word.
    private mutating func mergedMembers(
        _ node: Node,
        path: String,
        depth: Int
    ) throws(YAMLDocument.Malformed) -> [(ByteString, JSONValue)] {
        var members: [(ByteString, JSONValue)] = []
        for source in node.sequence.map(Array.init)?.reversed() ?? [node] {
            guard let mapping = source.mapping else {
                throw YAMLDocument.Malformed(explanation: "line \(node.mark?.line ?? 0): << must be given a mapping")
            }
            try count(source, depth: depth)
            members += try object(mapping, path: path, depth: depth + 1).members.map { ($0.name, $0.value) }
        }
        return members
    }

    /// An object looks its names up one after the other.
    private static let maximumKeys = 2048

    private static func isNull(_ scalar: Node.Scalar) -> Bool {
        scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
    }
}

/// Refuses aliases as keys before they are resolved: Yams compares keys as whole trees, and a few hundred bytes of
/// aliases of aliases as a key take it for ever.
private enum AliasedKeys {
    /// Without its stars the text has the same keys in the same places, and no aliases.
    static func refuse(in text: String) throws(YAMLDocument.Malformed) {
        let bytes = text.utf8
        guard bytes.contains(UInt8(ascii: "*")), bytes.contains(UInt8(ascii: "&")) else { return }
        let starless = bytes.flatMap { $0 == UInt8(ascii: "*") ? replacement : [$0] }
        guard let root = try YAMLDocument.root(of: String(decoding: starless, as: UTF8.self)) else { return }
        try refuse(in: root)
    }

    /// Of the private use area (U+E000): YAML has it in plain words, and files do not.
    private static let replacement = Array("\u{E000}".utf8)

    private static func refuse(in node: Node) throws(YAMLDocument.Malformed) {
        if let mapping = node.mapping {
            for (key, value) in mapping {
                guard let scalar = key.scalar, scalar.style != .plain || !scalar.string.utf8.starts(with: replacement)
                else {
                    throw YAMLDocument.Malformed(explanation: "line \(key.mark?.line ?? 0): a key must be one word")
                }
                try refuse(in: value)
            }
        }
        for element in node.sequence ?? [] { try refuse(in: element) }
    }
}
