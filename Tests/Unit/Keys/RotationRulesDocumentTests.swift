// The stored form of the rules: whole or refused.

import JOSE
import Keys
import TestSupport
import Testing

@Suite struct RotationRulesDocumentTests {
    @Test func `rules are read back as they were written`() throws {
        for rules in [
            try Rotations.rules(), try Rotations.rules(places: ["bucket", "web", "\u{E9}\"\\\n"]),
            RotationRules(schedule: try RotationSchedule(maximumTokenLifetime: .seconds(86_400))),
        ] {
            #expect(try RotationRulesDocument.read(RotationRulesDocument.write(rules)) == rules)
        }
    }

    @Test func `these rules are this document`() throws {
        #expect(
            ByteString(RotationRulesDocument.write(try Rotations.rules(places: ["web"])))
                == #"{"rotationInterval":10000,"publicationLead":1000,"gracePeriod":3000,"refreshInterval":10,"#
                + #""clockSkew":300,"jwksMaxAge":300,"maximumPublished":10,"places":["web"]}"#
        )
    }

    @Test(arguments: [
        (#""clockSkew":300"#, #""clockSkew":"300""#), (#""clockSkew":300"#, #""clockSkew":300.0"#),
        (#""clockSkew":300"#, #""clockSkew":-300"#), (#""clockSkew":300,"#, ""),
        (#""places":["web"]"#, #""places":["web",5]"#), (#""places":["web"]"#, #""places":"web""#),
        (#""places":["web"]"#, #""places":["web"],"newer":1"#), (#""maximumPublished":10"#, #""maximumPublished":1e1"#),
        // A schedule that could break a verifier is none.
        (#""publicationLead":1000"#, #""publicationLead":609"#), (#""maximumPublished":10"#, #""maximumPublished":5"#),
        (#""gracePeriod":3000"#, #""gracePeriod":309"#), (#""rotationInterval":10000"#, #""rotationInterval":1000"#),
        (#"{"rotation"#, #" {"rotation"#),
    ])
    func `rules with one thing changed are refused`(original: String, changed: String) throws {
        let text = ByteString(RotationRulesDocument.write(try Rotations.rules(places: ["web"]))).string
        let parts = text.split(separator: original, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        #expect(throws: KeyRingError.malformedDocument) {
            try RotationRulesDocument.read(Array((parts[0] + changed + parts[1]).utf8))
        }
    }

    @Test(arguments: 0..<20)
    func `whatever is changed, it is refused or it is other rules of the same spelling`(seed: UInt64) throws {
        let document = RotationRulesDocument.write(try Rotations.rules(places: ["web"]))
        var random = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            let changed = random.mutated(document)
            if let read = try? RotationRulesDocument.read(changed) {
                #expect(RotationRulesDocument.write(read) == changed)
            }
        }
        for count in document.indices {
            #expect(throws: KeyRingError.malformedDocument) {
                try RotationRulesDocument.read(Array(document.prefix(count)))
            }
        }
    }

    @Test func `seconds beyond counting are refused, not the end of the process`() async {
        await #expect(processExitsWith: .success) {
            let text =
                #"{"rotationInterval":10000,"publicationLead":1000,"gracePeriod":9223372036854775807,"#
                + #""refreshInterval":10,"clockSkew":300,"jwksMaxAge":300,"maximumPublished":10,"places":[]}"#
            _ = try? RotationRulesDocument.read(Array(text.utf8))
        }
    }
}
