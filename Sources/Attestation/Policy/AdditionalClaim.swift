package import JOSE

/// A claim of a JWT-SVID beside those that every one has: a name of its own, and a value made of one attribute.
///
/// The value is a string whatever the attribute was, with fixed text around it if the template has some.
package struct AdditionalClaim: Hashable, Sendable {
    package let name: ByteString
    private let template: TemplateText

    /// The most bytes of a value.
    package static let maximumBytes = 1024

    package init(name: ByteString, value: ByteString) throws(TemplateProblem) {
        guard !Self.isReserved(name) else { throw .reservedClaim }
        guard Self.isName(name) else { throw .claimName }
        self.name = name
        template = try TemplateText(value)
        switch template.attributes.count {
        case 0: throw .isStatic
        case 1: break
        default: throw .twoInClaim
        }
    }

    /// The claims of a template as `namespace={{a}},team={{b}}`, the older way to write them.
    package static func list(parsing text: ByteString) throws(TemplateProblem) -> [AdditionalClaim] {
        var claims: [AdditionalClaim] = []
        guard !text.isEmpty else { return [] }
        for item in text.bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let equals = item.firstIndex(of: UInt8(ascii: "=")) else { throw .malformed }
            let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") }
            let name = ByteString(item[..<equals].drop(while: isSpace))
            guard !claims.contains(where: { $0.name == name }) else { throw .claimName }
            claims.append(try AdditionalClaim(name: name, value: ByteString(item[(equals + 1)...])))
        }
        return claims
    }

    func value(for attributes: WorkloadAttributes) throws(SVIDRefusal) -> ByteString {
        let value = try template.rendered(for: attributes) { $0 }
        guard value.count <= Self.maximumBytes else {
            throw .noIdentity(about: "the claim " + name + " would have more than 1024 bytes")
        }
        return value
    }

    private static func isName(_ name: ByteString) -> Bool {
        guard let first = name.bytes.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else {
            return false
        }
        return name.count <= 64
            && name.bytes.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
            }
    }

    /// Letters compare without case, and all but letters and digits is passed over: some reader takes `I_SS` for `iss`.
    private static func isReserved(_ name: ByteString) -> Bool {
        let folded = name.bytes.compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte + 0x20
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
            default: nil
            }
        }
        return reserved.contains(ByteString(folded))
    }

    /// The registered claims (RFC 7519 §4.1), and those by which verifiers bind a token or let it do more.
    private static let reserved: Set<ByteString> = [
        "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "act", "mayact", "clientid", "azp", "scope", "scp",
        "events", "nonce", "sid", "subjwk", "subid", "typ", "alg", "kid", "crit", "authorizationdetails",
        "claimnames", "claimsources",
    ]
}
