import JOSE

/// What is sent to a server and shown to nobody.
package struct Secret: Sendable {
    let text: String

    /// Nil for what cannot stand in a header: anything but visible ASCII, with single blanks inside at most.
    package init?(_ bytes: some Sequence<UInt8>) {
        let text = ByteString(bytes)
        guard !text.isEmpty, text.bytes.allSatisfy({ (0x20...0x7E).contains($0) }), text.bytes.first != 0x20,
            text.bytes.last != 0x20
        else { return nil }
        self.text = text.string
    }
}

extension Secret: CustomStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
