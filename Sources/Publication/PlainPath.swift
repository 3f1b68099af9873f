package import JOSE

/// Relative paths of letters, digits, `-`, `.`, `_` and `~`: the same in a URL, in a bucket and on a disk.
package enum PlainPath {
    /// Whether no segment is empty or only dots, and no byte would have to be escaped anywhere.
    package static func isPlain(_ path: ByteString) -> Bool {
        path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy(isPlainSegment)
    }

    private static func isPlainSegment(_ segment: ArraySlice<UInt8>) -> Bool {
        segment.contains { $0 != UInt8(ascii: ".") } && segment.allSatisfy(isUnreserved)
    }

    /// RFC 3986 §2.3.
    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
