import CLinux
import CoreFoundation
import Foundation
import JOSE

/// A change of the agent's file by whole sections: what it does not touch stays byte for byte, and the file as it would
/// be is checked before it takes the old one's place.
struct AgentFileEdit {
    private let file: AgentFile
    private var parts: [String]

    /// Makes one change; others that would do so at the same time wait for it.
    static func perform(on path: String, _ change: (inout AgentFileEdit) throws -> Void) throws {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        try withLock(beside: target) {
            var edit = AgentFileEdit(try AgentFile(path: target))
            try change(&edit)
            try edit.write()
        }
    }

    private init(_ file: AgentFile) {
        self.file = file
        parts = file.stream.parts.map(\.text)
    }

    /// The sections of the kind, as they stood before this change.
    func all(_ section: AgentFile.Section) -> [AgentFile.Entry] {
        file.all(section)
    }

    /// Adds a section after all others; the members of its `spec` in their order, those without a value left out.
    mutating func append(_ section: AgentFile.Section, _ spec: [(name: String, value: String?)]) {
        if let last = parts.last, !last.isEmpty, !last.hasSuffix("\n") { parts[parts.count - 1] += "\n" }
        parts.append(Self.text(section, spec))
    }

    mutating func replace(_ entry: AgentFile.Entry, _ spec: [(name: String, value: String?)]) {
        parts[entry.part] = Self.text(entry.section, spec) + Self.closingComments(of: parts[entry.part])
    }

    mutating func remove(_ entry: AgentFile.Entry) {
        parts[entry.part] = Self.closingComments(of: parts[entry.part])
    }

    /// The comments after a section: as often as not they are about the next one.
    private static func closingComments(of text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let comments = lines.reversed().prefix { line in
            let first = line.first { $0 != " " && $0 != "\t" && $0 != "\r" }
            return first == nil || first == "#"
        }
        guard comments.contains(where: { !$0.isEmpty }) else { return "" }
        return comments.reversed().joined(separator: "\n")
    }

    private static func text(_ section: AgentFile.Section, _ spec: [(name: String, value: String?)]) -> String {
        let members = spec.compactMap { name, value in value.map { "  \(name): \(quoted($0))\n" } }
        return "---\nsection: \(section.rawValue)\nschema: v1\nspec:\n" + members.joined()
    }

    /// A double-quoted scalar (YAML 1.2.2 §7.3.1): whatever the text is, it stays that text.
    private static func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case " "..."~": String(scalar)
            default:
                "\\U" + String(repeating: "0", count: 8 - String(scalar.value, radix: 16).count)
                    + String(scalar.value, radix: 16)
            }
        }
        return "\"" + escaped.joined() + "\""
    }

    private func write() throws {
        let text = parts.joined()
        let draft = "\(file.path).\(getpid()).new"
        var status = stat()
        guard stat(file.path, &status) == 0 else { throw Self.unwritable(file.path) }
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.unwritable(file.path) }
        defer { close(descriptor) }
        do {
            try FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).write(contentsOf: Data(text.utf8))
            _ = try AgentConfiguration(AgentFile(path: draft), named: file.path)
            // Whoever runs this command, the agent must be able to read its file afterwards.
            guard fchown(descriptor, status.st_uid, status.st_gid) == 0,
                fchmod(descriptor, status.st_mode & 0o7777) == 0, fsync(descriptor) == 0,
                rename(draft, file.path) == 0
            else { throw Self.unwritable(file.path) }
        } catch {
            unlink(draft)
            throw error
        }
    }

    private static func unwritable(_ path: String) -> CommandFailure {
        .failed("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }

    /// The folder is what is locked: the file itself is replaced.
    private static func withLock(beside path: String, _ body: () throws -> Void) throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandFailure.failed("\(folder) cannot be opened") }
        defer { close(descriptor) }
        for _ in 0..<250 {
            switch jobsworth_lock_exclusively(descriptor) {
            case 0: return try body()
            case EWOULDBLOCK: usleep(20_000)
            case let code: throw CommandFailure.failed("\(folder): \(String(cString: strerror(code)))")
            }
        }
        throw CommandFailure.failed("another command is changing \(path); try again")
    }
}
