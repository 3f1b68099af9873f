package import JOSE

/// An IP address by its bytes: 4 of IPv4, 16 of IPv6.
///
/// An IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) is the IPv4 address: which of the two a socket shows depends on how
/// it was bound.
package struct NetworkAddress: Hashable, Sendable {
    package let bytes: [UInt8]

    /// Nil unless there are 4 or 16 bytes.
    package init?(bytes: [UInt8]) {
        switch bytes.count {
        case 4: self.bytes = bytes
        case 16: self.bytes = Self.isMapped(bytes) ? Array(bytes.suffix(4)) : bytes
        default: return nil
        }
    }

    /// Reads `192.0.2.1` or one of the forms of RFC 4291 §2.2.
    ///
    /// Nil for anything else, a zone and a leading zero included.
    package init?(_ text: ByteString) {
        guard let bytes = Self.bytes(of: text) else { return nil }
        self.init(bytes: bytes)
    }

    /// The address as text; an IPv6 address with all its eight groups.
    package var text: ByteString {
        if bytes.count == 4 { return ByteString(bytes.map(String.init).joined(separator: ".")) }
        let groups = stride(from: 0, to: bytes.count - 1, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        return ByteString(groups.map { String($0, radix: 16) }.joined(separator: ":"))
    }

    /// The bytes as they were written: a mapped address still has its 16.
    static func bytes(of text: ByteString) -> [UInt8]? {
        text.bytes.contains(colon) ? sixteen(text.bytes[...]) : four(text.bytes[...])
    }

    static func isMapped(_ bytes: [UInt8]) -> Bool {
        bytes.count == 16 && bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
    }

    private static let colon = UInt8(ascii: ":")

    private static func four(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part -> UInt8? in
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0"),
                part.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
            else { return nil }
            return UInt8(String(decoding: part, as: UTF8.self))
        }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }

    /// What stands before and after `::`, which may come once, and stands for at least one group.
    private static func sixteen(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard let gap = text.indices.first(where: { text[$0...].starts(with: "::".utf8) }) else {
            return groups(text, mayEndInFour: true).flatMap { $0.count == 16 ? $0 : nil }
        }
        guard let head = groups(text[..<gap], mayEndInFour: false),
            let tail = groups(text[(gap + 2)...], mayEndInFour: true), head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    /// Groups of up to four hexadecimal digits, two bytes each; none for an empty text.
    private static func groups(_ text: ArraySlice<UInt8>, mayEndInFour: Bool) -> [UInt8]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: colon, omittingEmptySubsequences: false)
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if mayEndInFour && index == parts.count - 1 && part.contains(UInt8(ascii: ".")) {
                guard let last = four(part) else { return nil }
                bytes += last
            } else {
                guard let group = group(part) else { return nil }
                bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
            }
        }
        return bytes
    }

    private static func group(_ part: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(part.count), part.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
        else { return nil }
        return UInt16(String(decoding: part, as: UTF8.self), radix: 16)
    }
}
