import Issuer
import JOSE

/// The form body of a token exchange (RFC 8693 §2.1), checked.
struct TokenExchangeForm: Sendable {
    let subjectToken: ByteString
    let audiences: Audiences
    let requestedTokenType: ByteString

    private static let idToken: ByteString = "urn:ietf:params:oauth:token-type:id_token"
    private static let jwt: ByteString = "urn:ietf:params:oauth:token-type:jwt"
    private static let accessToken: ByteString = "urn:ietf:params:oauth:token-type:access_token"
    private static let unsupported: [ByteString] = ["actor_token", "actor_token_type", "resource", "scope"]

    /// Parameters that the RFC does not know are passed over (RFC 6749 §3.2); those it knows and we don't are refused.
    init(parsing body: [UInt8]) throws(Refusal) {
        let form = try FormParameters(parsing: body)
        for name in Self.unsupported where !form.values(name).isEmpty { throw Refusal(.unsupportedParameter, name) }
        for name in Set(form.pairs.map(\.name)) where name != "audience" { _ = try form.single(name) }
        guard let grantType = try form.single("grant_type") else { throw Refusal(.memberMissing, "grant_type") }
        guard grantType == "urn:ietf:params:oauth:grant-type:token-exchange" else {
            throw Refusal(.unsupportedGrantType)
        }
        guard let subjectTokenType = try form.single("subject_token_type") else {
            throw Refusal(.memberMissing, "subject_token_type")
        }
        guard subjectTokenType == Self.accessToken else { throw Refusal(.unsupportedTokenType, "subject_token_type") }
        requestedTokenType = try form.single("requested_token_type") ?? Self.idToken
        guard [Self.idToken, Self.jwt].contains(requestedTokenType) else {
            throw Refusal(.unsupportedTokenType, "requested_token_type")
        }
        guard let token = try form.single("subject_token"), !token.isEmpty else {
            throw Refusal(.memberMissing, "subject_token")
        }
        subjectToken = token
        audiences = try Audiences(form.values("audience"))
    }
}
