import JOSE

/// Evidence taken apart and worth a signature check: a configured issuer is named, and nothing cheap speaks against it.
///
/// Nothing in it is verified.
package struct UnverifiedEvidence: Sendable {
    /// The configured issuer that the token claims to be of.
    package let issuer: TrustedIssuer
    let token: UnverifiedToken
    /// The one of the issuer's audiences that the token claims to be for.
    let audience: ByteString
}
