package import JOSE

/// The exact URL that names us in `iss` (OpenID Connect Core §2, Discovery §3): compared byte for byte, never
/// normalised, so it is refused unless it already is in its plain form.
package struct IssuerIdentifier: Hashable, Sendable {
    /// The URL as configured.
    package let value: ByteString
    package let origin: URLOrigin
    /// The path without a trailing slash; empty for an issuer that is a bare origin.
    package let path: ByteString

    /// - Throws: what is wrong with the URL. `http` is accepted for loopback hosts only.
    package init(_ text: ByteString) throws(IssuerIdentifierError) {
        guard let split = URLOrigin.split(text) else { throw .notAnAbsoluteURL }
        guard ["https", "http"].contains(split.origin.scheme) else { throw .schemeNotHTTPS }
        let rest = split.rest.bytes
        if rest.contains(UInt8(ascii: "?")) { throw .hasQuery }
        if rest.contains(UInt8(ascii: "#")) { throw .hasFragment }
        if split.hasUserinfo { throw .hasUserinfo }
        if rest.last == UInt8(ascii: "/") { throw .hasTrailingSlash }
        guard text.bytes.allSatisfy({ (0x21...0x7E).contains($0) }), Self.isPlainPath(rest) else { throw .pathNotPlain }
        guard split.isPlain, Self.isPlainHost(split.origin.host) else { throw .hostNotPlain }
        if split.origin.scheme == "http" && !split.origin.isLoopback { throw .httpBeyondLoopback }
        value = text
        origin = split.origin
        path = split.rest
    }

    /// `path` below the issuer, as a URL.
    package func url(_ path: ByteString) -> ByteString {
        value + path
    }

    /// A name or an IPv4 address in labels that are not empty, or an IPv6 address in brackets.
    private static func isPlainHost(_ host: ByteString) -> Bool {
        guard host.hasPrefix("[") else {
            return host.bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
                .allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isUnreserved) }
        }
        let address = host.bytes.dropFirst().dropLast()
        return host.hasSuffix("]") && address.contains(UInt8(ascii: ":"))
            && address.allSatisfy { "0123456789abcdef:.".utf8.contains($0) }
    }

    /// Segments of unreserved characters only, none empty, none a dot: no two spellings of one path.
    private static func isPlainPath(_ path: [UInt8]) -> Bool {
        guard let first = path.first else { return true }
        guard first == UInt8(ascii: "/") else { return false }
        let segments = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
        return segments.allSatisfy { segment in
            !segment.isEmpty && !segment.elementsEqual([0x2E]) && !segment.elementsEqual([0x2E, 0x2E])
                && segment.allSatisfy(\.isUnreserved)
        }
    }
}

extension UInt8 {
    /// RFC 3986 §2.3.
    fileprivate var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
