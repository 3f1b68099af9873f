// Why a token was refused: for logs and for `token verify`, never for the one who presented it (RFC 8725, D28).

/// Why a token was refused.
///
/// The raw values are the stable reason codes.
package enum VerificationError: String, Error, Hashable, Sendable, CaseIterable {
    /// Not three parts of strict base64url with exactly two dots (RFC 7515 §7.1).
    case malformedToken = "malformed_token"

    /// More than ``UnverifiedToken/maximumBytes``.
    case tokenTooLarge = "token_too_large"

    /// The header is not one JSON object with unique members and an `alg` that is a string (RFC 7515 §4).
    case malformedHeader = "malformed_header"

    /// The header has a member other than `alg`, `kid` and `typ`.
    case headerMemberNotAllowed = "header_member_not_allowed"

    /// `typ` says the token is something other than a JWT (RFC 8725 §3.11).
    case typNotAllowed = "typ_not_allowed"

    /// `alg` is unknown or not allowed by the verifier's configuration.
    case algorithmNotAllowed = "algorithm_not_allowed"

    /// `alg` is not the algorithm of the key `kid` names (RFC 8725 §3.1).
    case algorithmMismatch = "algorithm_mismatch"

    /// `kid` names no usable key of the set.
    case unknownKey = "unknown_key"

    /// There is no `kid`, and more or less than one usable key.
    case keyIDMissing = "key_id_missing"

    /// `kid` is not a string of 1 to 128 bytes.
    case keyIDInvalid = "key_id_invalid"

    /// The signature is not the key's.
    case signatureInvalid = "signature_invalid"

    /// The payload is not one JSON object with unique members, or a checked claim has the wrong type.
    case malformedClaims = "malformed_claims"

    /// `iss` is absent, not a string or not the expected bytes.
    case issuerMismatch = "issuer_mismatch"

    /// `aud` is absent, empty or holds an empty string.
    case audienceMissing = "audience_missing"

    /// `aud` does not hold the expected audience.
    case audienceMismatch = "audience_mismatch"

    /// `exp` is absent.
    case expiryMissing = "expiry_missing"

    /// `exp` has passed.
    case expired = "expired"

    /// `nbf` has not come.
    case notYetValid = "not_yet_valid"

    /// `iat` is absent.
    case issuedAtMissing = "issued_at_missing"

    /// `iat` has not come.
    case issuedInFuture = "issued_in_future"

    /// `iat` is more than 24 hours ago.
    case tooOld = "too_old"

    /// The stable code, in snake case.
    package var reason: String { rawValue }

    /// One sentence for people.
    ///
    /// It never quotes the token.
    package var explanation: String {
        switch self {
        case .malformedToken: "The token is not three base64url parts joined by two dots."
        case .tokenTooLarge: "The token is longer than 16384 bytes."
        case .malformedHeader: "The header is not a JSON object with unique members and an alg."
        case .headerMemberNotAllowed: "The header has a member other than alg, kid and typ."
        case .typNotAllowed: "The header's typ is not JWT."
        case .algorithmNotAllowed: "The header's alg is not among the allowed algorithms."
        case .algorithmMismatch: "The header's alg is not the algorithm of the key it names."
        case .unknownKey: "The key set has no usable key with the header's kid."
        case .keyIDMissing: "The header has no kid, and the key set does not have exactly one usable key."
        case .keyIDInvalid: "The header's kid is not a string of 1 to 128 bytes."
        case .signatureInvalid: "The signature does not verify with the key."
        case .malformedClaims: "The payload is not a JSON object with unique members and well-formed claims."
        case .issuerMismatch: "The token's iss is not exactly the expected issuer."
        case .audienceMissing: "The token names no audience, or an empty one."
        case .audienceMismatch: "The token's aud does not contain exactly the expected audience."
        case .expiryMissing: "The token has no exp."
        case .expired: "The token has expired."
        case .notYetValid: "The token's nbf is in the future."
        case .issuedAtMissing: "The token has no iat."
        case .issuedInFuture: "The token's iat is in the future."
        case .tooOld: "The token was issued more than 24 hours ago."
        }
    }
}
