// The curves of EC keys.

extension JWK {
    /// A curve of an EC key; the raw value is the `crv` value (RFC 7518 §6.2.1.1).
    package enum Curve: String, Hashable, Sendable, CaseIterable {
        /// NIST P-256, for ES256.
        case p256 = "P-256"

        /// NIST P-384, for ES384.
        case p384 = "P-384"

        /// NIST P-521, for ES512.
        case p521 = "P-521"

        /// The exact number of bytes of `x` and of `y`, padded on the left with zeros (RFC 7518 §6.2.1.2).
        package var coordinateByteCount: Int {
            switch self {
            case .p256: 32
            case .p384: 48
            case .p521: 66
            }
        }
    }
}
