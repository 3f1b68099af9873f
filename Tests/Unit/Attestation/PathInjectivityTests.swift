import JOSE
import SPIFFE
import TestSupport
import Testing

@testable import Attestation

@Suite struct PathInjectivityTests {
    /// Six templates, and the number of segments of each.
    static let templates: [(String, Int)] = [
        ("/{{cluster.name}}/repo/{{jwt.claim.a}}/ref/{{jwt.claim.b}}", 5),
        ("/{{jwt.claim.a}}/{{jwt.claim.b}}", 2),
        ("/{{jwt.issuer}}/{{jwt.claim.a}}/x/{{jwt.claim.b}}", 4),
        ("/v-{{jwt.claim.a}}/{{jwt.claim.b}}.z", 2),
        ("/o/{{jwt.claim.o.a}}/{{jwt.claim.o[b]}}", 3),
        ("/l/{{jwt.claim.l[0]}}/{{jwt.claim.l[1]}}/end", 4),
    ]

    static let hostile: [String] = [
        "../x", "a//b", "%2e", "%2E%2e", "..", ".", "/", "//", "\\", "a/b", "a_2Fb", "a_2fb", "_", "__", "_5F", "é",
        "e\u{301}", "a/\u{338}b", "\0", "\r\n", "\u{202E}", " ", "a ", "A", "a", "spire", "{{jwt.claim.b}}", "x", "z",
        "-",
        "refs/heads/feature/x", "main/repo/other", "true", "1", "null", "spiffe://example.org/x", "?", "#", "@", ":",
        String(repeating: "k", count: 2048), String(repeating: "/", count: 700), "_2E", "_2E_2E", "v-", ".z",
    ]

    @Test(arguments: templates)
    func `no claim leaves a template's shape, and no two tuples meet`(_ text: String, _ count: Int) throws {
        let template = try PathTemplate(ByteString(text))
        var generator = SeededGenerator(seed: 11)
        var values = Set(Self.hostile.map { ByteString($0) })
        while values.count < 80 {
            let value = Self.hostile.randomElement(using: &generator) ?? ""
            values.insert(ByteString(generator.mutated(Array(value.utf8))))
        }
        values.remove("")
        var seen: Set<ByteString> = []
        var rendered = 0
        for first in values {
            for second in values {
                guard let id = try id(template, first, second) else { continue }
                rendered += 1
                #expect(seen.insert(id.text).inserted)
                #expect(id.path.bytes.count { $0 == UInt8(ascii: "/") } == count)
            }
        }
        #expect(rendered > 4_000)
    }

    /// The ID of two values, wherever the template looks for them; nil where they give none.
    private func id(_ template: PathTemplate, _ first: ByteString, _ second: ByteString) throws -> SPIFFEID? {
        let pair: [(ByteString, JSONValue)] = [("a", .string(first)), ("b", .string(second))]
        let workload = Samples.workload(
            pair + [("o", .object(JSONObject(pair))), ("l", .array(pair.map(\.1)))]
        )
        let trustDomain = try Samples.trustDomain()
        let attributes = WorkloadAttributes(cluster: "c/i", trustDomain: trustDomain, workload: workload)
        guard let path = try? template.path(for: attributes) else { return nil }
        return try? SPIFFEID(parsing: trustDomain.id + path)
    }
}
