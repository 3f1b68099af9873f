// Whether the numbers of a key make a sound key.

import Crypto

extension JWK.Material {
    /// Refuses points off their curve, coordinates of the wrong length and weak RSA keys.
    func check() throws(JWKError) {
        switch self {
        case .ec(let curve, let x, let y): try Self.check(curve, x: x, y: y)
        case .rsa(let n, let e): try Self.check(modulus: n, exponent: e)
        case .ed25519(let x): guard x.count == 32 else { throw .invalidMember("x") }
        }
    }

    private static func check(_ curve: JWK.Curve, x: [UInt8], y: [UInt8]) throws(JWKError) {
        guard x.count == curve.coordinateByteCount else { throw .invalidMember("x") }
        guard y.count == curve.coordinateByteCount else { throw .invalidMember("y") }
        do {
            // The library checks that the point is on the curve and not at infinity.
            switch curve {
            case .p256: _ = try P256.Signing.PublicKey(x963Representation: [0x04] + x + y)
            case .p384: _ = try P384.Signing.PublicKey(x963Representation: [0x04] + x + y)
            case .p521: _ = try P521.Signing.PublicKey(x963Representation: [0x04] + x + y)
            }
        } catch {
            throw .pointNotOnCurve
        }
    }

    private static func check(modulus: [UInt8], exponent: [UInt8]) throws(JWKError) {
        guard exponent == [0x01, 0x00, 0x01] else { throw .unsuitableExponent }
        try RSAModulus.check(modulus)
    }
}
