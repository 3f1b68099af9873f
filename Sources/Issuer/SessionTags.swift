package import JOSE
package import Policy

/// Facts of a job as AWS session tags: what STS makes of them is `aws:PrincipalTag/…` in policies.
///
/// The limits are those of `sts:TagSession`: a value has at most 256 characters out of
/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`. A value outside them is refused and never rewritten: two facts must not become one tag.
/// The names of facts are below the 128 characters of a key, and there are fewer facts than the 50 tags of a session.
package struct SessionTags: Sendable {
    package static let claimName: ByteString = "https://aws.amazon.com/tags"

    private static let maximumLength = 256
    private static let punctuation: Set<Unicode.Scalar> = ["_", ".", ":", "/", "=", "+", "-", "@"]

    private let tags: [(name: ByteString, value: ByteString)]

    /// The tags of the facts that are named, each once, in the order of the names.
    package init(_ names: [FactName], of facts: JobFacts) throws(Refusal) {
        var tags: [(name: ByteString, value: ByteString)] = []
        for name in names where !tags.contains(where: { $0.name == name.claimName }) {
            guard let value = facts[name] else { throw Refusal(.claimNotAvailable, name.claimName) }
            guard Self.isAllowed(value) else { throw Refusal(.sessionTagInvalid, name.claimName) }
            tags.append((name.claimName, value))
        }
        self.tags = tags
    }

    /// The claim's value: each tag with its one value, and all of them kept when one role assumes another.
    package var claim: JSONValue {
        .object(
            JSONObject([
                ("principal_tags", .object(JSONObject(tags.map { ($0.name, .array([.string($0.value)])) }))),
                ("transitive_tag_keys", .array(tags.map { .string($0.name) })),
            ])
        )
    }

    private static func isAllowed(_ value: ByteString) -> Bool {
        guard let text = String(validating: value.bytes, as: UTF8.self) else { return false }
        return text.unicodeScalars.count <= maximumLength
            && text.unicodeScalars.allSatisfy { punctuation.contains($0) || isLetterSeparatorOrNumber($0) }
    }

    private static func isLetterSeparatorOrNumber(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .spaceSeparator, .lineSeparator, .paragraphSeparator,
            .decimalNumber, .letterNumber, .otherNumber:
            true
        default: false
        }
    }
}
