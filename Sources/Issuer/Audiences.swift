package import JOSE

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

    /// The audiences in the order asked for, as one text: none of them holds a space.
    var joined: ByteString {
        all.count == 1 ? all[0].value : ByteString(all.map(\.value.bytes).joined(separator: [0x20]))
    }
}
