package import JOSE

/// The namespace of SPIFFE IDs, as `example.org` (SPIFFE-ID §2.1).
package struct TrustDomain: Hashable, Sendable {
    /// The name, 1 to 255 bytes of `a-z0-9.-_`.
    package let name: ByteString

    /// Checks a name; nothing in it is changed, an upper-case letter is refused.
    ///
    /// - Throws: ``SPIFFEIDError/trustDomainInvalid``.
    package init(_ name: ByteString) throws(SPIFFEIDError) {
        guard (1...255).contains(name.count), name.bytes.allSatisfy(Self.isAllowed) else { throw .trustDomainInvalid }
        self.name = name
    }

    /// The trust domain's own SPIFFE ID as text, `spiffe://example.org`: the key of a bundle in the Workload API.
    package var id: ByteString {
        "spiffe://" + name
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
