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
        guard let handle = FileHandle(forReadingAtPath: path),
            let data = try? handle.read(upToCount: Self.maximumBytes + 1)
        else { throw CommandFailure.wrongConfiguration("\(path) cannot be read") }
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
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Malformed(explanation: Self.explanation(error))
        }
        var reading = Reading()
        value = try root.map { node throws(Malformed) in try reading.value(node, path: "", depth: 0) } ?? .null
        lines = reading.lines
    }

    private static let maximumBytes = 1_048_576

    private static func explanation(_ error: any Error) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line): \(problem)"
        case .duplicatedKeysInMapping(let duplicates, _):
            "the key \(duplicates.first ?? "?") stands twice in one mapping"
        default: "this is not valid YAML"
        }
    }
}

/// Walks the nodes; an alias counts each time, so that a small file cannot become a huge tree.
private struct Reading {
    private(set) var lines: [String: Int] = [:]
    private var values = 0

    mutating func value(_ node: Node, path: String, depth: Int) throws(YAMLDocument.Malformed) -> JSONValue {
        values += 1
        let line = node.mark?.line ?? 0
        guard values <= 100_000, depth <= 32 else {
            throw YAMLDocument.Malformed(explanation: "line \(line): too much, or too deep")
        }
        lines[path] = line
        switch node {
        case .scalar(let scalar): return Self.isNull(scalar) ? .null : .string(ByteString(scalar.string))
        case .sequence(let sequence):
            var elements: [JSONValue] = []
            for (index, element) in sequence.enumerated() {
                elements.append(try value(element, path: "\(path)[\(index)]", depth: depth + 1))
            }
            return .array(elements)
        case .mapping(let mapping): return .object(try object(mapping, path: path, depth: depth))
        case .alias: throw YAMLDocument.Malformed(explanation: "line \(line): an alias of nothing")
        }
    }

    private mutating func object(
        _ mapping: Node.Mapping,
        path: String,
        depth: Int
    ) throws(YAMLDocument.Malformed) -> JSONObject {
        var members: [(ByteString, JSONValue)] = []
        for (key, element) in mapping {
            guard let name = key.scalar?.string else {
                throw YAMLDocument.Malformed(explanation: "line \(key.mark?.line ?? 0): a key must be one word")
            }
            let memberPath = path.isEmpty ? name : "\(path).\(name)"
            members.append((ByteString(name), try value(element, path: memberPath, depth: depth + 1)))
        }
        return JSONObject(members)
    }

    private static func isNull(_ scalar: Node.Scalar) -> Bool {
        scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
    }
}
