// Jobs whose facts are as alike as can be, so that a subject that confuses two of them would be found.

import JOSE
import Policy
import TestSupport

struct RandomJobs {
    private var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func next() -> JobDescription {
        let (owner, path) = (segment(), Bool.random(using: &random) ? segment() : segment() + "/" + segment())
        var facts: [FactName: ByteString] = [
            .repository: owner + "/" + path, .repositoryOwnerID: pick(Self.ids), .repositoryID: pick(Self.ids),
            .ref: ref(), .workflow: text(), .job: text(), .workflowRef: text(), .runID: "1",
        ]
        if Int.random(in: 0..<3, using: &random) == 0 { facts[.environment] = text() }
        let isPullRequest = Int.random(in: 0..<4, using: &random) == 0
        return JobDescription(facts: facts, runner: segment(), isPullRequest: isPullRequest, isFork: false)
    }

    private mutating func ref() -> ByteString {
        let prefixes: [ByteString] = ["refs/heads/", "refs/tags/", "refs/heads/", ""]
        return pick(prefixes) + text()
    }

    /// One to three pieces; seldom a long run of one.
    private mutating func text() -> ByteString {
        if Int.random(in: 0..<64, using: &random) == 0 {
            return ByteString(repeatElement(pick(Self.pieces), count: Int.random(in: 20...90, using: &random)).joined())
        }
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) { bytes += pick(Self.pieces) }
        return ByteString(bytes)
    }

    private mutating func segment() -> ByteString {
        let bytes = text().bytes.filter { $0 != UInt8(ascii: "/") }
        return ByteString(bytes.isEmpty ? [UInt8(ascii: "x")] : bytes)
    }

    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &random)]
    }

    private static let ids: [ByteString] = ["1", "7", "42", "a-_Z"]

    /// Separators, what they are escaped as, words of the grammar, letters that look alike, marks and control bytes.
    private static let pieces: [[UInt8]] =
        [
            "a", "b", "A", "7", "42", "%", "%3A", "%25", "%40", "%2F", "%2f", ":", "::", "/", "//", "@", "@7", "@42",
            "a@7",
            ".", "..", "-", "_", "=", "+", ",", "~", " ", "\t", "\r\n", "\u{0}", "\u{7F}", "\u{E9}", "e\u{301}",
            ":\u{301}",
            "/\u{338}", "K", "\u{212A}", "\u{C5}", "\u{212B}", "\u{17F}", "s", "\u{2028}", "\u{202E}", "\u{200B}",
            "\u{FF1A}",
            "\u{1F600}", "repo:", "ref:", "ref", "environment:", "environment", "pull_request", ":pull_request",
            "refs/heads/",
            "main", "branch", "tag", "project_path:", "ref_type:", "{{ref}}", "$", "*", "?", "\"", "\\",
        ].map { Array($0.utf8) } + [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x80], [0x1B]]
}
