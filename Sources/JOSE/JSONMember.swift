// A name and its value.

/// One member of a JSON object (RFC 8259 §4).
package struct JSONMember: Hashable, Sendable {
    /// The member's name, unescaped.
    package let name: ByteString

    /// The member's value.
    package let value: JSONValue

    /// Creates a member.
    package init(name: ByteString, value: JSONValue) {
        self.name = name
        self.value = value
    }
}
