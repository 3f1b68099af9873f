package import JOSE

/// The relying party that a token is for (`aud`, RFC 7519 §4.1.3): 1 to 255 printable ASCII bytes without a space.
package struct Audience: Hashable, Sendable {
    /// A token is for at most this many relying parties.
    package static let maximumPerToken = 4

    package let value: ByteString

    package init(_ value: ByteString) throws(Refusal) {
        guard (1...255).contains(value.count), value.bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Refusal(.audienceInvalid)
        }
        self.value = value
    }
}

/// One to four audiences of one token, no two alike, in the order asked for.
package struct Audiences: Hashable, Sendable {
    package let all: [Audience]

    package init(_ values: [ByteString]) throws(Refusal) {
        guard !values.isEmpty else { throw Refusal(.audienceMissing) }
        guard values.count <= Audience.maximumPerToken else { throw Refusal(.tooMany, "audience") }
        guard Set(values).count == values.count else { throw Refusal(.audienceInvalid) }
        var all: [Audience] = []
        for value in values { all.append(try Audience(value)) }
        self.all = all
    }

    /// A string when there is one, an array when there are several.
    package var claim: JSONValue {
        all.count == 1 ? .string(all[0].value) : .array(all.map { .string($0.value) })
    }
}
