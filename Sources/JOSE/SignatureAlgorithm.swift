// What can be verified. There is no symmetric algorithm and no `none` in this module.

/// The signature algorithms that can be verified.
///
/// The case names and raw values are the `alg` values.
package enum SignatureAlgorithm: String, Hashable, Sendable, CaseIterable {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    case RS256

    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518 §3.3).
    case RS384

    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3).
    case RS512

    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 7518 §3.5).
    case PS256

    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 7518 §3.5).
    case PS384

    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes (RFC 7518 §3.5).
    case PS512

    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    case ES256

    /// ECDSA on P-384 with SHA-384 (RFC 7518 §3.4).
    case ES384

    /// ECDSA on P-521 with SHA-512 (RFC 7518 §3.4).
    case ES512

    /// Ed25519 (RFC 8037 §3.1); Ed448 is not supported.
    case EdDSA

    /// The algorithm of exactly this name, compared byte for byte (RFC 7515 §4.1.1: case-sensitive).
    package init?(_ name: ByteString) {
        guard let match = Self.allCases.first(where: { ByteString($0.rawValue) == name }) else { return nil }
        self = match
    }

    /// Whether a key of this material can be used with this algorithm: the key type, and the one curve that belongs.
    package func fits(_ material: JWK.Material) -> Bool {
        switch (self, material) {
        case (.RS256, .rsa), (.RS384, .rsa), (.RS512, .rsa): true
        case (.PS256, .rsa), (.PS384, .rsa), (.PS512, .rsa): true
        case (.ES256, .ec(.p256, _, _)), (.ES384, .ec(.p384, _, _)), (.ES512, .ec(.p521, _, _)): true
        case (.EdDSA, .ed25519): true
        default: false
        }
    }
}
