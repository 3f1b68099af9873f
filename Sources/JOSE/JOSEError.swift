// What can go wrong with keys and encodings, tokens aside.

/// Why a key, a key set or an encoded text could not be used or made.
package enum JOSEError: Error, Hashable, Sendable {
    /// Not base64url in its one strict spelling (RFC 7515 §2); see ``Base64URL/decode(_:)``.
    case invalidBase64URL

    /// A key set that is not JSON, or exceeds a limit of ``JWKSet/init(parsing:)``.
    case unreadableKeySet(JSONError)

    /// A key set that is not an object with an array called `keys` (RFC 7517 §5).
    case malformedKeySet

    /// A key set of more than ``JWKSet/maximumKeys`` keys.
    case tooManyKeys

    /// A private key that is not PKCS #8 DER of the kind its algorithm needs.
    case invalidPrivateKey

    /// A private key whose public half is not fit for use.
    case unfitKey(JWKError)

    /// The cryptographic library could not make a key.
    case generationFailed

    /// The cryptographic library could not sign.
    case signingFailed
}
