import Crypto
import JOSE

/// A trusted issuer by name: the older way of configuring whom an agent trusts.
///
/// It never changes; another issuer is another profile.
struct CICDProfile: Equatable {
    let name: String
    let issuer: String
    let jwksURI: String?
    let audience: String?

    static let members: Set<String> = ["name", "issuer", "jwksURI", "audience"]

    init(name: String, issuer: String, jwksURI: String? = nil, audience: String? = nil) {
        self.name = name
        self.issuer = issuer
        self.jwksURI = jwksURI
        self.audience = audience
    }

    /// Reads a section's `spec` and notes what is wrong with it.
    init(_ entry: AgentFile.Entry, _ reading: inout SpecReading) {
        let spec = reading.members(entry.spec, "", known: Self.members)
        name = reading.required(spec, "name", in: "")
        issuer = reading.required(spec, "issuer", in: "")
        jwksURI = reading.text(spec, "jwksURI", in: "")
        audience = reading.text(spec, "audience", in: "")
    }

    /// Follows from what the profile says, so that two with one id are the same.
    var id: String {
        let text = [name, issuer, jwksURI ?? "", audience ?? ""].joined(separator: "\n")
        let digest = SHA256.hash(data: Array(text.utf8)).prefix(8)
        return "cicdp-" + digest.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    var spec: [(name: String, value: String?)] {
        [("name", name), ("issuer", issuer), ("jwksURI", jwksURI), ("audience", audience)]
    }

    /// The same as an element of `jwt.allowedIssuers`.
    var allowedIssuer: JSONValue {
        var object = JSONObject([("issuer", .string(ByteString(issuer)))])
        object["jwksURI"] = jwksURI.map { .string(ByteString($0)) }
        object["audiences"] = audience.map { .array([.string(ByteString($0))]) }
        return .object(object)
    }

    var document: JSONObject {
        var object = JSONObject([
            ("id", .string(ByteString(id))), ("name", .string(ByteString(name))),
            ("issuer", .string(ByteString(issuer))),
        ])
        object["jwks_uri"] = jwksURI.map { .string(ByteString($0)) }
        object["audience"] = audience.map { .string(ByteString($0)) }
        return object
    }
}
