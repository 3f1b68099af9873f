package import JOSE

/// Scheme, host and port of a URL (RFC 6454), with case and default port folded, so that spellings of one origin meet.
package struct URLOrigin: Hashable, Sendable {
    package let scheme: ByteString
    /// Lower case, without a trailing dot; IPv6 in brackets.
    package let host: ByteString
    package let port: UInt16

    package var isLoopback: Bool {
        host == "localhost" || host == "[::1]" || isLoopbackIPv4
    }

    private var isLoopbackIPv4: Bool {
        let parts = host.bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4 && parts.first.map { $0.elementsEqual("127".utf8) } == true
            && parts.allSatisfy { UInt8(String(decoding: $0, as: UTF8.self)) != nil }
    }

    /// What ``split(_:)`` finds.
    package struct Split: Sendable {
        package let origin: URLOrigin
        /// Everything after the authority: path, query, fragment.
        package let rest: ByteString
        package let hasUserinfo: Bool
        /// Whether the URL spells its origin in the folded form already.
        package let isPlain: Bool
    }

    /// Splits a URL of any scheme that has an authority with a host; nil for anything else.
    package static func split(_ url: ByteString) -> Split? {
        guard let colon = url.bytes.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let scheme = ByteString(url.bytes[..<colon].map(\.lowercased))
        let afterScheme = url.bytes[(colon + 1)...]
        guard afterScheme.starts(with: "//".utf8), !scheme.isEmpty else { return nil }
        let afterSlashes = afterScheme.dropFirst(2)
        let end = afterSlashes.firstIndex { "/?#\\".utf8.contains($0) } ?? afterSlashes.endIndex
        let authority = afterSlashes[..<end]
        let hostAndPort = authority.lastIndex(of: UInt8(ascii: "@")).map { authority[($0 + 1)...] } ?? authority
        guard let (host, port) = hostAndPortOf(hostAndPort, scheme: scheme) else { return nil }
        let origin = URLOrigin(scheme: scheme, host: host, port: port)
        return Split(
            origin: origin,
            rest: ByteString(afterSlashes[end...]),
            hasUserinfo: hostAndPort.startIndex != authority.startIndex,
            isPlain: url.hasPrefix(scheme + "://" + origin.plainAuthority)
                && origin.plainAuthority.count == hostAndPort.count
        )
    }

    private static let defaultPorts: [ByteString: UInt16] = ["http": 80, "https": 443, "ws": 80, "wss": 443]

    private var plainAuthority: ByteString {
        Self.defaultPorts[scheme] == port ? host : host + ByteString(":\(port)")
    }

    private static func hostAndPortOf(_ text: ArraySlice<UInt8>, scheme: ByteString) -> (ByteString, UInt16)? {
        let bracket = text.lastIndex(of: UInt8(ascii: "]"))
        let colon = text[(bracket ?? text.startIndex)...].firstIndex(of: UInt8(ascii: ":"))
        var host = text[..<(colon ?? text.endIndex)].map(\.lowercased)
        if host.last == UInt8(ascii: ".") { host.removeLast() }
        guard !host.isEmpty, host.allSatisfy(\.isHostByte) else { return nil }
        guard let colon else { return (ByteString(host), defaultPorts[scheme] ?? 0) }
        let digits = text[(colon + 1)...]
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        if digits.isEmpty { return (ByteString(host), defaultPorts[scheme] ?? 0) }
        guard let port = UInt16(String(decoding: digits, as: UTF8.self)) else { return nil }
        return (ByteString(host), port)
    }
}

extension UInt8 {
    fileprivate var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 0x20 : self
    }

    fileprivate var isHostByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"),
            UInt8(ascii: "%"):
            true
        default: false
        }
    }
}
