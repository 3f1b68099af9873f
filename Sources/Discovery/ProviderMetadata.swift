package import JOSE

/// What `/.well-known/openid-configuration` says of us (OpenID Connect Discovery §3).
///
/// There is no `authorization_endpoint`: we have none, and the verifiers we know read none.
package struct ProviderMetadata: Sendable {
    private let issuer: IssuerIdentifier
    private let tokenEndpoint: ByteString
    private let claims: [ByteString]

    /// `tokenEndpoint` is where RFC 8693 token exchange is answered, `claims` every claim that a token can carry.
    package init(issuer: IssuerIdentifier, tokenEndpoint: ByteString, claims: [ByteString]) {
        self.issuer = issuer
        self.tokenEndpoint = tokenEndpoint
        self.claims = claims
    }

    /// The document's bytes: the same for the same configuration, on every replica and after every restart.
    package var serialized: [UInt8] {
        JSONObject([
            ("issuer", .string(issuer.value)),
            ("jwks_uri", .string(issuer.url(WellKnownPath.jwkSet))),
            ("token_endpoint", .string(tokenEndpoint)),
            ("subject_types_supported", Self.strings(["public"])),
            ("response_types_supported", Self.strings(["id_token"])),
            ("grant_types_supported", Self.strings(["urn:ietf:params:oauth:grant-type:token-exchange"])),
            ("token_endpoint_auth_methods_supported", Self.strings(["none"])),
            ("id_token_signing_alg_values_supported", Self.strings(["RS256", "ES256"])),
            ("scopes_supported", Self.strings(["openid"])),
            ("claims_supported", Self.strings(claims)),
        ]).serialized
    }

    private static func strings(_ values: [ByteString]) -> JSONValue {
        .array(values.map { .string($0) })
    }
}
