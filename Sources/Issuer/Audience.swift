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
