package import Discovery
import JOSE
import Policy

/// The URLs that are ours.
///
/// A token for one of them could be turned against the issuer itself, so there is never one.
package struct OwnURLs: Sendable {
    private let own: [(origin: URLOrigin, path: [ArraySlice<UInt8>])]

    /// - Parameter urls: the issuer, and the runner plane where it has a URL of its own.
    package init(_ urls: [IssuerIdentifier]) {
        own = urls.map { ($0.origin, Self.segments($0.path.bytes[...])) }
    }

    /// Whether `audience` is one of our URLs or lies under it, however it is spelled: scheme or none, case, default
    /// port, userinfo, percent-encoding, dot segments, missing and doubled slashes make no difference.
    package func contains(_ audience: Audience) -> Bool {
        let bare = audience.value.bytes.drop { "/\\".utf8.contains($0) }
        return isOwn(audience.value) || isOwn("https://" + ByteString(bare))
    }

    private func isOwn(_ url: ByteString) -> Bool {
        guard let split = URLOrigin.split(Self.withTwoSlashes(url)) else { return false }
        let host = Self.plainHost(split.origin.host)
        let path = Self.segments(split.rest.bytes.prefix { !"?#".utf8.contains($0) })
        return own.contains { own in
            own.origin.host == host && isSamePort(own.origin, split.origin)
                && path.starts(with: own.path) {
                    $0.elementsEqual($1) { Self.folded($0) == Self.folded($1) }
                }
        }
    }

    /// Another scheme of the web on its default port is the same house by another door.
    private func isSamePort(_ own: URLOrigin, _ other: URLOrigin) -> Bool {
        own.port == other.port
            || (own.scheme != other.scheme && [80, 443].contains(other.port) && [80, 443].contains(own.port))
    }

    /// Browsers read one slash, three or none, and backslashes, as the two that follow the scheme (WHATWG URL §4.4).
    private static func withTwoSlashes(_ url: ByteString) -> ByteString {
        guard let colon = url.bytes.firstIndex(of: UInt8(ascii: ":")) else { return url }
        return ByteString(url.bytes[...colon]) + "//"
            + ByteString(url.bytes[(colon + 1)...].drop { "/\\".utf8.contains($0) })
    }

    /// They also decode the host.
    private static func plainHost(_ host: ByteString) -> ByteString {
        var decoded = PercentEncoding.decodedLeniently(host.bytes[...]).map(folded)
        while decoded.last == UInt8(ascii: ".") { decoded.removeLast() }
        return ByteString(decoded)
    }

    private static func segments(_ path: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var kept: [ArraySlice<UInt8>] = []
        let decoded = PercentEncoding.decodedLeniently(path)
        for segment in decoded.split(whereSeparator: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) {
            if segment.elementsEqual("..".utf8) {
                _ = kept.popLast()
            } else if !segment.elementsEqual(".".utf8) {
                kept.append(segment)
            }
        }
        return kept
    }

    private static func folded(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 0x20 : byte
    }
}
