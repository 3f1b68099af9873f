// Subjects: who a relying party lets in (CONTRACT "The token"; threats B01, B03–B05, B08, B10–B12, B19).

import Issuer
import JOSE
import Policy
import TestSupport
import Testing

@Suite struct SubjectFormTests {
    struct Row: Sendable {
        let facts: [(ByteString, JSONValue?)]
        let context: String
    }

    private static let own: [(ByteString, JSONValue?)] = [
        ("repository_id", "42"), ("repository_owner_id", "7"), ("head_repository_id", "42"),
    ]
    private static let fork: [(ByteString, JSONValue?)] = [
        ("repository_id", "42"), ("repository_owner_id", "7"), ("head_repository_id", "66"),
    ]
    private static let environment: [(ByteString, JSONValue?)] = [("environment", "production")]

    private static func rows(
        _ events: [[(ByteString, JSONValue?)]],
        _ facts: [(ByteString, JSONValue?)],
        _ context: String
    ) -> [Row] {
        events.map { Row(facts: facts + $0, context: context) }
    }

    /// What is no pull request.
    private static let plain: [[(ByteString, JSONValue?)]] = [
        [], [("event_name", "push")], [("event_name", "schedule")], [("event_name", "merge_group")],
        // Bytes: no folding of case.
        [("event_name", "Pull_Request")], [("event_name", "xpull_request")], [("event_name", "pull-request")],
        // Empty is absent.
        [("head_ref", ""), ("base_ref", ""), ("event_name", "")],
    ]

    /// What is one.
    private static let pullRequest: [[(ByteString, JSONValue?)]] = [
        [("event_name", "pull_request")], [("event_name", "pull_request_target")],
        [("event_name", "pull_request_review")], [("event_name", "merge_request")],
        [("event_name", "merge_request_event")], [("event_name", "push"), ("head_ref", "feature")],
        [("event_name", "push"), ("base_ref", "main")], [("head_ref", "feature"), ("base_ref", "main")],
    ]

    /// Event × fork × environment.
    static let golden: [Row] = [
        rows(plain, own, "ref:refs/heads/main"),
        rows(plain, own + environment, "environment:production"),
        // A fork never has the subject of an environment or of a ref.
        rows(plain, fork, "pull_request"),
        rows(plain, fork + environment, "pull_request"),
        rows(pullRequest, own, "pull_request"),
        rows(pullRequest, own + environment, "environment:production"),
        rows(pullRequest, fork, "pull_request"),
        rows(pullRequest, fork + environment, "pull_request"),
    ].flatMap { $0 }

    @Test(arguments: golden)
    func `the first that applies is the subject`(row: Row) throws {
        let facts = try Samples.facts(row.facts)
        #expect(try SubjectForm.byName.subject(of: facts.description).string == "repo:acme/widgets:" + row.context)
        #expect(
            try SubjectForm.immutable.subject(of: facts.description).string == "repo:acme@7/widgets@42:" + row.context
        )
    }

    @Test(arguments: [
        // % first, then the separator (B04), everything outside 0x21–0x7E as its bytes (B05).
        ("Prod%3AV1", "Prod%253AV1"), ("Prod:V1", "Prod%3AV1"), ("x:ref:refs/heads/main", "x%3Aref%3Arefs/heads/main"),
        ("a b", "a%20b"), ("a:\u{301}b", "a%3A%CC%81b"), ("a/\u{338}b", "a/%CC%B8b"), ("\u{E9}", "%C3%A9"),
        ("e\u{301}", "e%CC%81"), ("\u{212A}", "%E2%84%AA"), ("K", "K"), ("\u{1F600}", "%F0%9F%98%80"),
        ("\u{2028}", "%E2%80%A8"), ("\u{80}", "%C2%80"), ("%", "%25"), ("%25", "%2525"), ("%%", "%25%25"),
        ("!#&()+,-./;<=>@[]^_|~", "!#&()+,-./;<=>@[]^_|~"), (" ", "%20"),
    ])
    func `a value is escaped byte by byte`(value: String, escaped: String) throws {
        let text = JSONValue.string(ByteString(value))
        let inEnvironment = try SubjectForm.byName.subject(of: Samples.facts([("environment", text)]).description)
        #expect(inEnvironment.string == "repo:acme/widgets:environment:" + escaped)
        let inRef = try SubjectForm.byName.subject(of: Samples.facts([("ref", text)]).description)
        #expect(inRef.string == "repo:acme/widgets:ref:" + escaped)
    }

    @Test(arguments: [
        ("acme/widgets", "acme@7/widgets@42"), ("acme/tools/widgets", "acme@7/tools%2Fwidgets@42"),
        ("a@b/c@d", "a%40b@7/c%40d@42"), ("a:b/c:d", "a%3Ab@7/c%3Ad@42"), ("a%/c%", "a%25@7/c%25@42"),
        ("acme@9/widgets@1", "acme%409@7/widgets%401@42"),
    ])
    func `the immutable form escapes what structures it`(name: String, rendered: String) throws {
        let facts = try Samples.facts([
            ("repository", .string(ByteString(name))), ("repository_id", "42"), ("repository_owner_id", "7"),
        ])
        let subject = try SubjectForm.immutable.subject(of: facts.description)
        #expect(subject.string == "repo:" + rendered + ":ref:refs/heads/main")
    }

    @Test(
        arguments: [
            // Both ids are required, `[0-9A-Za-z_-]+`.
            (nil, "42", "repository_owner_id"), ("7", nil, "repository_id"), ("7", "", "repository_id"),
            ("7", "4 2", "repository_id"), ("7", "4:2", "repository_id"), ("7", "4/2", "repository_id"),
            ("7@", "42", "repository_owner_id"), ("7.", "42", "repository_owner_id"),
            ("\u{FF17}", "42", "repository_owner_id"),
            ("7", "4%32", "repository_id"),
        ] as [(String?, String?, String)]
    )
    func `the immutable form needs ids of the plain alphabet`(owner: String?, id: String?, missing: String) throws {
        let facts = try Samples.facts([
            ("repository_owner_id", owner.map { .string(ByteString($0)) }),
            ("repository_id", id.map { .string(ByteString($0)) }),
        ])
        #expect(throws: Denial.idMissing(try #require(FactName(rawValue: missing)))) {
            try SubjectForm.immutable.subject(of: facts.description)
        }
        #expect(throws: Never.self) { try SubjectForm.byName.subject(of: facts.description) }
    }

    // B19: OpenID Connect Core §2, at most 255 ASCII characters; refused, never cut.
    @Test func `a subject has 255 bytes at most`() throws {
        let room = 255 - "repo:acme/widgets:ref:".utf8.count
        let fits = JSONValue.string(ByteString(String(repeating: "r", count: room)))
        #expect(try SubjectForm.byName.subject(of: Samples.facts([("ref", fits)]).description).count == 255)
        let over = JSONValue.string(ByteString(String(repeating: "r", count: room + 1)))
        #expect(throws: Denial.subjectTooLong) {
            try SubjectForm.byName.subject(of: Samples.facts([("ref", over)]).description)
        }
        // The escaped length counts.
        let escaped = JSONValue.string(ByteString(String(repeating: ":", count: room / 3 + 1)))
        #expect(throws: Denial.subjectTooLong) {
            try SubjectForm.byName.subject(of: Samples.facts([("ref", escaped)]).description)
        }
    }

    // MARK: Injectivity

    /// Everything that a subject says.
    private struct Meaning: Hashable {
        let repository: ByteString
        let ids: [ByteString]
        let kind: String
        let value: ByteString
    }

    @Test(arguments: [SubjectForm.byName, .immutable])
    func `different jobs never share a subject`(form: SubjectForm) throws {
        var random = SeededGenerator(seed: 42)
        var seen: [ByteString: Meaning] = [:]
        var made = 0
        while made < 2000 {
            let (facts, meaning) = try Self.randomFacts(form, &random)
            let subject = try form.subject(of: facts.description)
            made += 1
            if let other = seen[subject] { #expect(other == meaning, "\(subject)") }
            seen[subject] = meaning
            #expect(subject.bytes.allSatisfy { (0x21...0x7E).contains($0) })
            #expect(Self.meaning(of: subject, form) == meaning)
        }
        #expect(seen.count > 1200)
        #expect(Set(seen.values).count == seen.count)
    }

    /// Short texts of few parts, so that collisions would be found.
    private static func text(_ random: inout SeededGenerator) -> ByteString {
        let parts = [
            "a", "b", "%", "%3A", "%25", ":", "/", "@", "7", "42", "\u{E9}", "e\u{301}", ":\u{301}", "/\u{338}", " ",
            "K", "\u{212A}", "pull_request", "ref:", "environment:", "refs/heads/main", "A", "%2F", "%40",
        ]
        var text = ""
        for _ in 0..<Int.random(in: 1...3, using: &random) { text += parts.randomElement(using: &random) ?? "" }
        return ByteString(text)
    }

    private static func segment(_ random: inout SeededGenerator) -> ByteString {
        ByteString(text(&random).bytes.filter { $0 != UInt8(ascii: "/") } + [UInt8(ascii: "x")])
    }

    private static func randomFacts(
        _ form: SubjectForm,
        _ random: inout SeededGenerator
    ) throws -> (JobFacts, Meaning) {
        var name = segment(&random)
        for _ in 0..<Int.random(in: 1...2, using: &random) { name = name + "/" + segment(&random) }
        let ids: [ByteString] = ["1", "7", "42", "a-_Z"]
        let (owner, id) = (ids.randomElement(using: &random) ?? "1", ids.randomElement(using: &random) ?? "1")
        let (ref, environment) = (text(&random), text(&random))
        let kind = ["ref", "environment", "pull_request"].randomElement(using: &random) ?? "ref"
        var facts: [(ByteString, JSONValue?)] = [
            ("repository", .string(name)), ("repository_owner_id", .string(owner)), ("repository_id", .string(id)),
            ("ref", .string(ref)),
        ]
        if kind == "environment" { facts.append(("environment", .string(environment))) }
        if kind == "pull_request" { facts += [("head_ref", "x"), ("head_repository_id", .string(id))] }
        let meaning = Meaning(
            repository: name,
            ids: form == .immutable ? [owner, id] : [],
            kind: kind,
            value: kind == "ref" ? ref : kind == "environment" ? environment : ""
        )
        return (try Samples.facts(facts), meaning)
    }

    /// Reads a subject by its grammar alone: threat B11.
    private static func meaning(of subject: ByteString, _ form: SubjectForm) -> Meaning? {
        let parts = subject.bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0].elementsEqual("repo".utf8) else { return nil }
        let kind = String(decoding: parts[2], as: UTF8.self)
        guard parts.count == (kind == "pull_request" ? 3 : 4) else { return nil }
        let value = parts.count == 4 ? decoded(parts[3]) : ""
        if form == .byName { return Meaning(repository: decoded(parts[1]), ids: [], kind: kind, value: value) }
        let halves = parts[1].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { $0.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false) }
        guard halves.count == 2, halves.allSatisfy({ $0.count == 2 }) else { return nil }
        let name = decoded(halves[0][0]) + "/" + decoded(halves[1][0])
        return Meaning(
            repository: name,
            ids: [ByteString(halves[0][1]), ByteString(halves[1][1])],
            kind: kind,
            value: value
        )
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> ByteString {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            let pair = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), let value = UInt8(pair, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return ByteString(bytes)
    }

    // B06, B08: nothing is folded.
    @Test(arguments: [
        ("acme/widgets", "Acme/widgets"), ("acme/s", "acme/\u{17F}"), ("acme/\u{E9}", "acme/e\u{301}"),
        ("acme/K", "acme/\u{212A}"), ("acme/\u{C5}", "acme/\u{212B}"),
    ])
    func `names that only look alike have subjects of their own`(one: String, other: String) throws {
        let subjects = try [one, other].map { name in
            try SubjectForm.byName.subject(of: Samples.facts([("repository", .string(ByteString(name)))]).description)
        }
        #expect(subjects[0] != subjects[1])
    }
}
