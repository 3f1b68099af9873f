package import JOSE

/// What a template may name and an override may ask for: a closed list.
package enum WorkloadAttribute: Hashable, Sendable {
    case clusterName
    case trustDomainName
    /// The issuer of the workload's token, `jwt.issuer`; the same as its claim `iss`.
    case issuer
    case claim(ClaimPath)

    /// Why a name is no attribute.
    package enum Invalid: Error, Hashable, Sendable {
        case unknown(ByteString)
        /// A time is another one in the next token of the same job: it says nothing of who that is.
        case isTime(ByteString)

        package var explanation: ByteString {
            switch self {
            case .unknown(let name):
                "names " + name + ", which no workload has here; there are cluster.name, trustDomain.name, jwt.issuer "
                    + "and jwt.claim.NAME, with .NAME or [NAME] for what is inside a claim and [0] for a list's first"
            case .isTime(let name): "names " + name + ", which is a time and no identity; name another claim"
            }
        }
    }

    package init(_ name: ByteString) throws(Invalid) {
        switch name {
        case "cluster.name": self = .clusterName
        case "trustDomain.name": self = .trustDomainName
        case "jwt.issuer", "jwt.claim.iss": self = .issuer
        default:
            guard let path = Self.claimPath(name) else { throw .unknown(name) }
            guard !["exp", "iat", "nbf"].contains(path.claim) else { throw .isTime(name) }
            self = .claim(path)
        }
    }

    /// As it is written in a template.
    package var name: ByteString {
        switch self {
        case .clusterName: "cluster.name"
        case .trustDomainName: "trustDomain.name"
        case .issuer: "jwt.issuer"
        case .claim(let path): (path.text.hasPrefix("[") ? "jwt.claim" : "jwt.claim.") + path.text
        }
    }

    private static func claimPath(_ name: ByteString) -> ClaimPath? {
        let head: ByteString = "jwt.claim"
        guard name.hasPrefix(head) else { return nil }
        let rest = name.bytes.dropFirst(head.count)
        switch rest.first {
        case UInt8(ascii: "["): return ClaimPath(ByteString(rest))
        case UInt8(ascii: ".") where rest.dropFirst().first != UInt8(ascii: "["):
            return ClaimPath(ByteString(rest.dropFirst()))
        default: return nil
        }
    }
}
