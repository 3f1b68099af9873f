// Globs match bytes: `*` within a segment, `**` across.

import JOSE
import Policy
import TestSupport
import Testing

@Suite struct PatternTests {
    /// Does what the definition says, in as much time as that takes.
    private static func slowly(_ pattern: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return value.isEmpty }
        guard first == UInt8(ascii: "*") else {
            return value.first == first && slowly(pattern.dropFirst(), value.dropFirst())
        }
        let stars = pattern.prefix { $0 == UInt8(ascii: "*") }.count
        let rest = pattern.dropFirst(stars)
        return (0...value.count).contains { taken in
            (stars > 1 || !value.prefix(taken).contains(UInt8(ascii: "/"))) && slowly(rest, value.dropFirst(taken))
        }
    }

    @Test func `it agrees with a slow reading of its definition`() {
        var random = SeededGenerator(seed: 7)
        var matched = 0
        let letters = Array("ab/*".utf8)
        for _ in 0..<4000 {
            let pattern = (0..<Int.random(in: 0...7, using: &random)).map { _ in
                letters.randomElement(using: &random) ?? 0
            }
            let value = (0..<Int.random(in: 0...7, using: &random))
                .map { _ in letters.prefix(3).randomElement(using: &random) ?? 0 }
            let expected = Self.slowly(pattern[...], value[...])
            if expected { matched += 1 }
            #expect(Pattern(ByteString(pattern)).matches(ByteString(value)) == expected, "\(pattern) \(value)")
        }
        #expect(matched > 200)
    }

    @Test(
        arguments: [
            ("refs/heads/main", "refs/heads/main", true), ("refs/heads/main", "refs/heads/Main", false),
            ("refs/heads/*", "refs/heads/x", true), ("refs/heads/*", "refs/heads/a/b", false),
            ("refs/heads/**", "refs/heads/a/b", true), ("refs/heads/*", "refs/heads/", true),
            ("acme/*", "acme/widgets", true), ("acme/*", "acme/a/b", false), ("*", "a/b", false), ("**", "a/b", true),
            ("*", "", true), ("**", "", true), ("", "", true), ("", "a", false), ("***", "a/b", true),
            ("release-*.*", "release-1.2", true), ("release-*.*", "release-12", false),
            // Nothing but the star means anything; bytes are not folded (B08).
            ("a?c", "abc", false), ("[ab]", "a", false), ("a.c", "abc", false), ("{a,b}", "a", false),
            ("\\*", "*", false), ("\\*", "\\x", true), ("K", "\u{212A}", false), ("\u{E9}", "e\u{301}", false),
            ("*\u{301}", "e\u{301}", true), ("s*", "\u{17F}", false),
        ] as [(ByteString, ByteString, Bool)]
    )
    func `this matches that`(pattern: ByteString, value: ByteString, isMatch: Bool) {
        #expect(Pattern(pattern).matches(value) == isMatch)
    }

    // Backtracking would take 2^60 steps for these, and longer than anybody waits.
    @Test(.timeLimit(.minutes(1)), arguments: ["*a", "**a", "*a*", "**a**b"])
    func `no pattern takes exponential time`(piece: String) {
        let pattern = Pattern(ByteString(String(repeating: piece, count: 60) + "!"))
        #expect(!pattern.matches(ByteString(String(repeating: "a", count: 255))))
    }
}
