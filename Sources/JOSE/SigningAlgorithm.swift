// What we sign with.

/// The algorithms tokens are issued with (RFC 7518 §3.1).
///
/// The case names and raw values are the `alg` values.
package enum SigningAlgorithm: String, Hashable, Sendable, CaseIterable {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3); our keys have 2048 bits.
    case RS256

    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    case ES256

    /// The same algorithm as one that can be verified.
    package var signatureAlgorithm: SignatureAlgorithm {
        switch self {
        case .RS256: .RS256
        case .ES256: .ES256
        }
    }
}

extension SigningAlgorithm: Comparable {
    /// Orders as declared: RS256, then ES256.
    ///
    /// Published lists are in this order.
    package static func < (left: SigningAlgorithm, right: SigningAlgorithm) -> Bool {
        left == .RS256 && right == .ES256
    }
}
