import Foundation
import JOSE

/// A YAML file of several documents, each with its own text: what is not touched stays as its author wrote it.
struct YAMLStream {
    /// One document of the stream.
    struct Part {
        /// As it stands in the file, with the `---` that begins it, if one does.
        var text: String
        /// The line of the file on which the text begins, from 1.
        let firstLine: Int
        let document: YAMLDocument

        /// The line of the file for what stands at `path`.
        func line(of path: String) -> Int {
            firstLine - 1 + max(document.line(of: path), 1)
        }
    }

    private(set) var parts: [Part] = []

    private static let maximumBytes = 1_048_576

    /// Reads a file: at most 1 MiB of UTF-8.
    init(path: String) throws {
        guard let data = RegularFile.read(path, limit: Self.maximumBytes + 1) else {
            throw CommandFailure.wrongConfiguration("\(path) cannot be read, or is no file; check --config")
        }
        guard data.count <= Self.maximumBytes, let text = String(data: data, encoding: .utf8) else {
            throw CommandFailure.wrongConfiguration("\(path) is longer than 1 MiB, or not UTF-8")
        }
        do throws(YAMLDocument.Malformed) {
            try self.init(text)
        } catch {
            throw CommandFailure.wrongConfiguration("\(path): \(error.explanation)")
        }
    }

    /// Parts without a value, as a comment between two marks, belong to the stream as well.
    init(_ text: String) throws(YAMLDocument.Malformed) {
        for (text, line) in Self.split(text) {
            do throws(YAMLDocument.Malformed) {
                parts.append(Part(text: text, firstLine: line, document: try YAMLDocument(text)))
            } catch {
                throw YAMLDocument.Malformed(explanation: "in the document from line \(line): \(error.explanation)")
            }
        }
    }

    var text: String {
        parts.map(\.text).joined()
    }

    /// A line that begins with `---` and goes on with nothing or a blank begins a document, wherever it stands (YAML
    /// 1.2.2 §9.1.2).
    private static func split(_ text: String) -> [(text: String, line: Int)] {
        var parts: [(text: String, line: Int)] = []
        var number = 0
        // By bytes: a carriage return and a line feed are one character to Swift.
        for line in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            if parts.isEmpty || begins(line) {
                parts.append((String(Substring(line)), number))
            } else {
                parts[parts.count - 1].text += "\n" + Substring(line)
            }
        }
        for index in parts.indices.dropLast() { parts[index].text += "\n" }
        return parts
    }

    private static func begins(_ line: Substring.UTF8View) -> Bool {
        guard line.starts(with: "---".utf8) else { return false }
        guard let next = line.dropFirst(3).first else { return true }
        return [0x20, 0x09, 0x0D].contains(next)
    }
}
