package import JOSE

/// Claims that no policy sets, in any spelling: the registered ones (RFC 7519 §4.1 and those that IANA lists as
/// meaning something to verifiers), and those that we fill ourselves.
package enum ReservedClaims {
    /// Letters compare without case, and everything but letters and digits is passed over: `ISS`, `i-s-s` and `iss`
    /// followed by NUL are all `iss` to some reader.
    package static func contains(_ name: ByteString) -> Bool {
        folded.contains(fold(name))
    }

    private static func fold(_ name: ByteString) -> [UInt8] {
        name.bytes.compactMap { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte + 0x20
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
            default: nil
            }
        }
    }

    private static let folded = Set((registered + ours).map(fold))

    private static let registered: [ByteString] = [
        "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "act", "may_act", "client_id", "azp", "scope", "scp",
        "events", "nonce", "auth_time", "acr", "amr", "at_hash", "c_hash", "s_hash", "sid", "sub_jwk", "toe", "txn",
        "vc", "vp", "vot", "vtm", "entitlements", "roles", "groups", "email", "email_verified", "name",
        "preferred_username", "updated_at", "typ", "alg", "kid", "crit", "jku", "jwk", "x5u", "x5c", "x5t",
        "https://aws.amazon.com/tags", "https://aws.amazon.com/roles", "https://aws.amazon.com/source_identity",
        "kubernetes.io", "sub_id", "authorization_details", "verified_claims", "phone_number", "phone_number_verified",
        "upn", "oid", "tid", "ver", "idp", "user_email", "groups_direct", "user_access_level", "environment_protected",
        "environment_action", "deployment_tier", "runner_id", "_claim_names", "_claim_sources",
    ]

    private static let ours: [ByteString] =
        FactName.allCases.map(\.claimName) + GitLabClaims.names + [
            "repo", "url", "platform_url", "base_url", "api_url", "runner", "environment_approved_by",
            "environment_approved_at",
        ]
}
