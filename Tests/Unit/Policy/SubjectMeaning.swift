// What a subject says, read by its published grammar alone: nothing here is the product's own code (threat B11).

import JOSE
import Policy

/// The form of a subject and the values in it, in the order in which they stand there.
struct SubjectMeaning: Hashable {
    let form: String
    let values: [ByteString]

    /// Reads a subject, which must say by itself of which form it is; nil where it is of none.
    static func read(_ subject: ByteString, templates: [String]) -> SubjectMeaning? {
        let parts = subject.bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count > 1, parts.allSatisfy(isValue) else { return nil }
        let word = String(decoding: parts[0], as: UTF8.self)
        switch word {
        case "repo": return named(Array(parts.dropFirst()))
        case "project_path": return gitLab(Array(parts.dropFirst()))
        case "repository", "repository_id", "workflow_ref":
            return parts.count == 2 ? SubjectMeaning(form: word, values: [decoded(parts[1])]) : nil
        default:
            guard let template = templates.first(where: { $0.hasPrefix(word + ":") }) else { return nil }
            return read(parts, template)
        }
    }

    private static func named(_ parts: [ArraySlice<UInt8>]) -> SubjectMeaning? {
        guard let (kind, value) = context(Array(parts.dropFirst())) else { return nil }
        let halves = parts[0].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { $0.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false) }
        guard halves.count == 2, halves.allSatisfy({ $0.count == 2 && !$0[1].isEmpty && $0[1].allSatisfy(isID) }) else {
            return SubjectMeaning(form: "default", values: [decoded(parts[0]), kind] + value)
        }
        let repository = halves.flatMap { [decoded($0[0]), ByteString($0[1])] }
        return SubjectMeaning(form: "immutable", values: repository + [kind] + value)
    }

    private static func gitLab(_ parts: [ArraySlice<UInt8>]) -> SubjectMeaning? {
        if parts.count == 2, parts[1].elementsEqual("pull_request".utf8) {
            return SubjectMeaning(form: "gitlab", values: [decoded(parts[0])])
        }
        guard parts.count == 5, parts[1].elementsEqual("ref_type".utf8), parts[3].elementsEqual("ref".utf8) else {
            return nil
        }
        return SubjectMeaning(form: "gitlab", values: [decoded(parts[0]), decoded(parts[2]), decoded(parts[4])])
    }

    private static func context(_ parts: [ArraySlice<UInt8>]) -> (kind: ByteString, value: [ByteString])? {
        guard let first = parts.first else { return nil }
        let kind = ByteString(first)
        switch (kind, parts.count) {
        case ("pull_request", 1): return (kind, [])
        case ("environment", 2), ("ref", 2): return (kind, [decoded(parts[1])])
        default: return nil
        }
    }

    /// Lays the template beside the subject, segment by segment.
    private static func read(_ parts: [ArraySlice<UInt8>], _ template: String) -> SubjectMeaning? {
        let segments = template.split(separator: ":", omittingEmptySubsequences: false)
        guard segments.count == parts.count else { return nil }
        var values: [ByteString] = []
        for (segment, part) in zip(segments, parts) {
            let halves = segment.split(separator: "{{", omittingEmptySubsequences: false)
            guard halves.count == 2, let end = halves[1].firstIndex(of: "}") else {
                guard part.elementsEqual(segment.utf8) else { return nil }
                continue
            }
            let (before, after) = (Array(halves[0].utf8), Array(halves[1][end...].dropFirst(2).utf8))
            guard part.starts(with: before), part.suffix(after.count).elementsEqual(after) else { return nil }
            values.append(decoded(part.dropFirst(before.count).dropLast(after.count)))
        }
        return SubjectMeaning(form: template, values: values)
    }

    /// `VCHAR` but `:`, and `%` only before two upper-case digits.
    private static func isValue(_ part: ArraySlice<UInt8>) -> Bool {
        var rest = part
        while let byte = rest.popFirst() {
            guard (0x21...0x7E).contains(byte) else { return false }
            if byte == UInt8(ascii: "%") {
                guard rest.prefix(2).count == 2, rest.prefix(2).allSatisfy(isUpperHex) else { return false }
                rest = rest.dropFirst(2)
            }
        }
        return true
    }

    private static func isUpperHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte)
    }

    private static func isID(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> ByteString {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = rest.popFirst(), let low = rest.popFirst() {
                bytes.append(digit(high) << 4 | digit(low))
            } else {
                bytes.append(byte)
            }
        }
        return ByteString(bytes)
    }

    private static func digit(_ byte: UInt8) -> UInt8 {
        byte <= 0x39 ? byte - 0x30 : byte - 0x37
    }
}
