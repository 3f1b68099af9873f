package import JOSE

/// The name of a workload, `spiffe://trust-domain/path` (SPIFFE-ID §2), or of the trust domain itself with no path.
package struct SPIFFEID: Hashable, Sendable {
    /// The most bytes of an ID (SPIFFE-ID §2.3).
    package static let maximumBytes = 2048

    package let trustDomain: TrustDomain
    /// Empty, or segments that each follow a slash.
    package let path: ByteString

    /// Reads an ID byte for byte: no escape, no other case, nothing is repaired.
    package init(parsing text: ByteString) throws(SPIFFEIDError) {
        guard text.count <= Self.maximumBytes else { throw .tooLong }
        let scheme: ByteString = "spiffe://"
        guard text.hasPrefix(scheme) else { throw .schemeInvalid }
        let rest = text.bytes.dropFirst(scheme.count)
        let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        trustDomain = try TrustDomain(ByteString(rest[..<slash]))
        path = ByteString(rest[slash...])
        try Self.check(path)
    }

    /// The ID as text.
    package var text: ByteString {
        trustDomain.id + path
    }

    private static func check(_ path: ByteString) throws(SPIFFEIDError) {
        guard !path.isEmpty else { return }
        let segments = path.bytes.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for segment in segments {
            guard !segment.isEmpty, !segment.elementsEqual(".".utf8), !segment.elementsEqual("..".utf8),
                segment.allSatisfy(isAllowed)
            else { throw .pathInvalid }
        }
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
