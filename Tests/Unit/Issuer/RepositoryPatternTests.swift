// Whom a runner may speak for (CONTRACT "What a runner may say"; threats A05, C08).

import Issuer
import JOSE
import Policy
import TestSupport
import Testing

@Suite struct RepositoryPatternTests {
    @Test(arguments: [
        // Literal.
        ("acme/widgets", "acme/widgets"), ("acme/a/b", "acme/a/b"),
        // A star is any bytes but a slash, none included.
        ("acme/*", "acme/widgets"), ("acme/*", "acme/*"), ("acme/w*", "acme/w"), ("acme/*-service", "acme/a-service"),
        ("acme/*-service", "acme/-service"), ("acme/a*b*c", "acme/axxbyybzc"), ("acme/**", "acme/widgets"),
        ("acme/*/deploy", "acme/x/deploy"), ("acme/*/*", "acme/x/y"), ("acme/*", "acme/\u{E9}"),
        ("acme/*ab", "acme/aab"), ("acme/*aab*", "acme/aaabaab"), ("acme/w?", "acme/w?"), ("acme/[a]", "acme/[a]"),
    ])
    func `a pattern matches`(pattern: String, name: String) throws {
        #expect(try RepositoryPattern(ByteString(pattern)).matches(RepositoryName(ByteString(name))))
    }

    @Test(arguments: [
        // The owner is literal, every byte of it.
        ("acme/*", "acmf/widgets"), ("acme/*", "Acme/widgets"), ("acme/*", "acme2/widgets"), ("acme/*", "evil/acme"),
        ("acme/*", "xacme/widgets"),
        // A star never crosses a slash, in either direction.
        ("acme/*", "acme/a/b"), ("acme/*/deploy", "acme/deploy"), ("acme/*/deploy", "acme/a/b/deploy"),
        ("acme/**", "acme/a/b"), ("acme/*/*", "acme/a"), ("acme/a*", "acme/b/a"), ("acme/*", "acme"),
        ("acme/*", "acme//x"),
        // Nothing else is a wildcard, nothing is folded.
        ("acme/w?", "acme/wx"), ("acme/w.", "acme/wx"), ("acme/[ab]", "acme/a"), ("acme/widgets", "acme/Widgets"),
        ("acme/widgets", "acme/widgets2"), ("acme/widgets", "acme/widget"), ("acme/a*b", "acme/ab\u{301}c"),
        ("acme/K", "acme/\u{212A}"), ("acme/w%2A", "acme/w*"),
    ])
    func `a pattern does not match`(pattern: String, name: String) throws {
        #expect(try !RepositoryPattern(ByteString(pattern)).matches(RepositoryName(ByteString(name))))
    }

    @Test(arguments: [
        "", "*", "acme", "/", "acme/", "/widgets", "acme//x", "*/widgets", "a*/x", "*cme/*", "acme/.", "acme/..",
        "acme/../evil/x", "./x", "acme/ w", "acme/w\n", "acme/\u{E9}", "acme/\0", "acme/\u{7F}",
        "acme/" + String(repeating: "a", count: 251),
    ])
    func `a pattern that could reach further, or mislead, is refused`(text: String) {
        #expect(throws: Refusal(.patternInvalid, ByteString(text))) { try RepositoryPattern(ByteString(text)) }
    }

    @Test func `a pattern of 255 bytes is accepted`() throws {
        #expect(try RepositoryPattern(ByteString("acme/" + String(repeating: "a", count: 250))).text.count == 255)
    }

    @Test func `a runner speaks for what one of its patterns matches`() throws {
        let runner = try Samples.runner(patterns: ["acme/*", "other/one"])
        #expect(runner.maySpeakFor(RepositoryName("acme/x")))
        #expect(runner.maySpeakFor(RepositoryName("other/one")))
        #expect(!runner.maySpeakFor(RepositoryName("other/two")))
        #expect(try !Samples.runner(patterns: []).maySpeakFor(RepositoryName("acme/x")))
    }

    // C08: quadratic at worst. An exponential matcher would never come back from this one.
    @Test(.timeLimit(.minutes(1)))
    func `pathological patterns are fast`() throws {
        let pattern = try RepositoryPattern(ByteString("o/" + String(repeating: "a*", count: 120) + "b"))
        let name = RepositoryName(ByteString("o/" + String(repeating: "a", count: 250)))
        let clock = ContinuousClock()
        let took = clock.measure { for _ in 0..<20 { #expect(!pattern.matches(name)) } }
        #expect(took < .seconds(2))
        let long = RepositoryName(ByteString("o/" + String(repeating: "a", count: 65_536)))
        let tookLong = clock.measure { #expect(!pattern.matches(long)) }
        #expect(tookLong < .seconds(5))
    }

    @Test func `a random pattern agrees with a slow and simple matcher`() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<3000 {
            let pattern = Self.text(["a", "b", "*"], 6, &random)
            let name = Self.text(["a", "b"], 8, &random)
            let fast = try RepositoryPattern(ByteString("o/x" + pattern)).matches(
                RepositoryName(ByteString("o/x" + name))
            )
            #expect(fast == Self.slow(pattern[...], name[...]), "\(pattern) \(name)")
        }
    }

    private static func text(_ letters: [String], _ count: Int, _ random: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...count, using: &random) { text += letters.randomElement(using: &random) ?? "" }
        return text
    }

    private static func slow(_ pattern: Substring, _ name: Substring) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        let rest = pattern.dropFirst()
        if first == "*" { return slow(rest, name) || (!name.isEmpty && slow(pattern, name.dropFirst())) }
        return name.first == first && slow(rest, name.dropFirst())
    }
}
