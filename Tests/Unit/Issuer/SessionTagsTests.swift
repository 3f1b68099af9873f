// Facts as AWS session tags (the limits of sts:TagSession).

import Issuer
import JOSE
import Policy
import Testing

@Suite struct SessionTagsTests {
    @Test func `each fact is a tag with one value, and is kept from role to role`() throws {
        let facts = try Samples.facts([("environment", "production")])
        let tags = try SessionTags([.environment, .repository, .environment], of: facts)
        let claim = ByteString(tags.claim.serialized)
        #expect(
            claim == """
                {"principal_tags":{"environment":["production"],"repository":["acme/widgets"]},\
                "transitive_tag_keys":["environment","repository"]}
                """
        )
    }

    @Test func `a fact that the job has not is refused by its name`() throws {
        let facts = try Samples.facts()
        #expect(throws: Refusal(.claimNotAvailable, ByteString("actor"))) {
            try SessionTags([.repository, .actor], of: facts)
        }
    }

    @Test(
        arguments: [
            // Letters, separators and numbers of any script, and _.:/=+-@ (\p{L}\p{Z}\p{N}).
            ("alice", true), ("a b", true), ("_.:/=+-@", true), ("Zoë", true), ("名前", true), ("²½Ⅳ", true),
            ("no\u{A0}break", true), ("\u{2028}", true),
            // A combining mark is \p{M}, and what looks the same in one letter is allowed.
            ("Zoe\u{308}", false), ("a,b", false), ("a;b", false), ("a%2Fb", false), ("a&b", false), ("a|b", false),
            ("a(b)", false), ("[bot]", false), ("a#b", false), ("😀", false), ("\u{200B}", false), ("a!", false),
            // 256 characters, whatever their bytes.
            (String(repeating: "w", count: 256), true), (String(repeating: "w", count: 257), false),
            (String(repeating: "é", count: 256), true), (String(repeating: "é", count: 257), false),
        ] as [(String, Bool)]
    )
    func `a value is a tag as it is, or refused`(value: String, isTag: Bool) throws {
        // A workflow reference is the one fact that may be longer than a tag's value.
        let prefix = "acme/widgets/"
        let text = value.count > 200 ? String(value.dropFirst(prefix.count)) : value
        let facts = try Samples.facts([("workflow_ref", .string(ByteString(prefix + text)))])
        do throws(Refusal) {
            let tags = try SessionTags([.workflowRef], of: facts).claim.objectValue?["principal_tags"]?.objectValue
            #expect(isTag)
            #expect(tags?["workflow_ref"] == .array([.string(ByteString(prefix + text))]))
        } catch {
            #expect(!isTag)
            #expect(error == Refusal(.sessionTagInvalid, ByteString("workflow_ref")))
        }
    }

    @Test func `there are fewer facts than tags in a session, and their names are no longer than a key`() {
        #expect(FactName.allCases.count <= 50)
        #expect(FactName.allCases.allSatisfy { $0.claimName.count <= 128 })
    }
}
