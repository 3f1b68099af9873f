import Issuer
import JOSE
import NIOHTTP1

extension PlaneRequest {
    /// The token of the one `Authorization: Bearer` header (RFC 6750 §2.1); the scheme's case does not matter.
    func bearerToken() throws -> ByteString {
        try credential(under: ["bearer "])
    }

    /// The token of the one `Authorization` header, under the scheme of Buildkite's agent or the usual one.
    func agentToken() throws -> ByteString {
        try credential(under: ["token ", "bearer "])
    }

    // Each scheme is in lower case and with the space behind it.
    private func credential(under schemes: [String]) throws -> ByteString {
        let fields = headers["Authorization"]
        guard fields.count <= 1 else { throw RequestFault.repeatedAuthorization }
        guard let field = fields.first?.utf8,
            let scheme = schemes.first(where: { field.prefix($0.utf8.count).map { $0 | 0x20 } == Array($0.utf8) })
        else { throw IssuanceError.unauthenticated }
        return ByteString(field.dropFirst(scheme.utf8.count).drop { $0 == 0x20 })
    }

    func requireMediaType(_ type: String) throws {
        let fields = headers["Content-Type"]
        guard fields.count == 1, let field = fields.first else { throw RequestFault.unsupportedMediaType }
        let parts = field.lowercased().split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
        let isPlain =
            parts.count == 1 || (parts.count == 2 && ["charset=utf-8", "charset=\"utf-8\""].contains(parts[1]))
        guard parts.first == type, isPlain else { throw RequestFault.unsupportedMediaType }
        try refuseEncoding()
    }

    func requireEmptyBody() throws {
        try refuseEncoding()
        guard body.isEmpty else { throw Refusal(.bodyNotEmpty) }
    }

    func parameters() throws -> FormParameters {
        try FormParameters(parsing: query?.bytes ?? [])
    }

    func refuseQuery() throws {
        guard query == nil else { throw Refusal(.unknownParameter) }
    }

    private func refuseEncoding() throws {
        guard headers["Content-Encoding"].allSatisfy({ $0.lowercased() == "identity" }) else {
            throw RequestFault.unsupportedEncoding
        }
    }
}
