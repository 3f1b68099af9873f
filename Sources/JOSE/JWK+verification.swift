// The one place that asks the cryptographic library whether a signature is right.

import Crypto
import CryptoExtras

extension JWK {
    /// Whether `signature` is this key's over `message`, under exactly this algorithm.
    ///
    /// `false` also for an algorithm that does not fit the key and for a signature of the wrong length: ECDSA signatures
    /// are r and s of full length (RFC 7518 §3.4), RSA signatures as long as the modulus (RFC 8017 §8.2.2).
    package func isValid(_ signature: [UInt8], over message: [UInt8], by algorithm: SignatureAlgorithm) -> Bool {
        guard algorithm.fits(material) else { return false }
        switch material {
        case .ec(let curve, let x, let y):
            guard signature.count == 2 * curve.coordinateByteCount else { return false }
            return Self.isValid(signature, over: message, curve: curve, point: [0x04] + x + y)
        case .rsa(let n, let e):
            guard signature.count == n.count, let key = try? _RSA.Signing.PublicKey(n: n, e: e) else { return false }
            return Self.isValid(signature, over: message, key: key, algorithm: algorithm)
        case .ed25519(let x):
            guard signature.count == 64, let key = try? Curve25519.Signing.PublicKey(rawRepresentation: x) else {
                return false
            }
            return key.isValidSignature(signature, for: message)
        }
    }

    private static func isValid(
        _ signature: [UInt8],
        over message: [UInt8],
        curve: Curve,
        point: [UInt8]
    ) -> Bool {
        do {
            switch curve {
            case .p256:
                let ecdsa = try P256.Signing.ECDSASignature(rawRepresentation: signature)
                let key = try P256.Signing.PublicKey(x963Representation: point)
                return key.isValidSignature(ecdsa, for: SHA256.hash(data: message))
            case .p384:
                let ecdsa = try P384.Signing.ECDSASignature(rawRepresentation: signature)
                let key = try P384.Signing.PublicKey(x963Representation: point)
                return key.isValidSignature(ecdsa, for: SHA384.hash(data: message))
            case .p521:
                let ecdsa = try P521.Signing.ECDSASignature(rawRepresentation: signature)
                let key = try P521.Signing.PublicKey(x963Representation: point)
                return key.isValidSignature(ecdsa, for: SHA512.hash(data: message))
            }
        } catch {
            return false
        }
    }

    private static func isValid(
        _ signature: [UInt8],
        over message: [UInt8],
        key: _RSA.Signing.PublicKey,
        algorithm: SignatureAlgorithm
    ) -> Bool {
        let rsa = _RSA.Signing.RSASignature(rawRepresentation: signature)
        return switch algorithm {
        case .RS256: key.isValidSignature(rsa, for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5)
        case .RS384: key.isValidSignature(rsa, for: SHA384.hash(data: message), padding: .insecurePKCS1v1_5)
        case .RS512: key.isValidSignature(rsa, for: SHA512.hash(data: message), padding: .insecurePKCS1v1_5)
        case .PS256: key.isValidSignature(rsa, for: SHA256.hash(data: message), padding: .PSS)
        case .PS384: key.isValidSignature(rsa, for: SHA384.hash(data: message), padding: .PSS)
        case .PS512: key.isValidSignature(rsa, for: SHA512.hash(data: message), padding: .PSS)
        case .ES256, .ES384, .ES512, .EdDSA: false
        }
    }
}
