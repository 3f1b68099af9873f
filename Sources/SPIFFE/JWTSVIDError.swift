package import JOSE

/// Why a token is no JWT-SVID for an audience (JWT-SVID §4).
///
/// The explanations are those of SPIRE where it has one, which clients and their tests know.
package enum JWTSVIDError: Error, Hashable, Sendable {
    case malformed
    case headerNotAllowed
    case algorithmNotAllowed
    case keyIDMissing
    case claimsMalformed
    case subjectMissing
    case subjectInvalid
    case expiryMissing
    case audienceMissing
    case trustDomainUnknown(TrustDomain)
    case keyUnknown(ByteString, TrustDomain)
    case signatureInvalid
    case expired
    case notYetValid
    case issuedInFuture
    case audienceMismatch(expected: ByteString, actual: [ByteString])

    package var explanation: ByteString {
        switch self {
        case .malformed: "unable to parse JWT token"
        case .headerNotAllowed: "token header has a member that is not allowed, or its type is not JWT or JOSE"
        case .algorithmNotAllowed: "token signature algorithm is not supported"
        case .keyIDMissing: "token header missing key id"
        case .claimsMalformed: "unable to get claims from token"
        case .subjectMissing: "token missing subject claim"
        case .subjectInvalid: "token has an invalid subject claim"
        case .expiryMissing: "token missing exp claim"
        case .audienceMissing: "token missing aud claim"
        case .trustDomainUnknown(let trustDomain):
            ByteString("no keys found for trust domain \(Self.quoted(trustDomain.name))")
        case .keyUnknown(let kid, let trustDomain):
            ByteString("public key \(Self.quoted(kid)) not found in trust domain \(Self.quoted(trustDomain.name))")
        case .signatureInvalid: "token signature is not valid"
        case .expired: "token has expired"
        case .notYetValid: "token not yet valid"
        case .issuedInFuture: "token issued in the future"
        case .audienceMismatch(let expected, let actual):
            ByteString("expected audience in [\(Self.quoted(expected))] (audience=[\(Self.quoted(actual))])")
        }
    }

    /// Quoted as in JSON and ASCII, so that nothing from a token can break a line.
    private static func quoted(_ text: ByteString) -> ByteString {
        ByteString(JSONValue.string(text).serialized)
    }

    private static func quoted(_ texts: [ByteString]) -> ByteString {
        ByteString(texts.map { quoted($0).bytes }.joined(separator: [UInt8(ascii: " ")]))
    }
}
