// Keys for the tests: made once a run, because an RSA key takes its time in a debug build.

import Crypto
import CryptoExtras
import JOSE

/// One key of each kind.
enum TestKeys {
    static let es256 = Result { try PrivateSigningKey.generate(.ES256) }
    static let otherES256 = Result { try PrivateSigningKey.generate(.ES256) }
    static let rs256 = Result { try PrivateSigningKey.generate(.RS256) }
    static let p384 = P384.Signing.PrivateKey()
    static let p521 = P521.Signing.PrivateKey()
    static let ed25519 = Curve25519.Signing.PrivateKey()

    /// The key our tokens of this algorithm are signed with.
    static func key(_ algorithm: SigningAlgorithm) throws -> PrivateSigningKey {
        switch algorithm {
        case .ES256: try es256.get()
        case .RS256: try rs256.get()
        }
    }

    /// The library's RSA key behind ``rs256``.
    static func rsa() throws -> _RSA.Signing.PrivateKey {
        try _RSA.Signing.PrivateKey(derRepresentation: rs256.get().pkcs8DER)
    }

    /// Signs with the one key of the right kind, whatever the algorithm.
    static func signature(by algorithm: SignatureAlgorithm, over message: [UInt8]) throws -> [UInt8] {
        switch algorithm {
        case .ES256: try es256.get().signature(over: message)
        case .RS256: try rs256.get().signature(over: message)
        case .RS384: try rsaSignature(SHA384.hash(data: message), .insecurePKCS1v1_5)
        case .RS512: try rsaSignature(SHA512.hash(data: message), .insecurePKCS1v1_5)
        case .PS256: try rsaSignature(SHA256.hash(data: message), .PSS)
        case .PS384: try rsaSignature(SHA384.hash(data: message), .PSS)
        case .PS512: try rsaSignature(SHA512.hash(data: message), .PSS)
        case .ES384: [UInt8](try p384.signature(for: SHA384.hash(data: message)).rawRepresentation)
        case .ES512: [UInt8](try p521.signature(for: SHA512.hash(data: message)).rawRepresentation)
        case .EdDSA: [UInt8](try ed25519.signature(for: message))
        }
    }

    private static func rsaSignature(_ digest: some Digest, _ padding: _RSA.Signing.Padding) throws -> [UInt8] {
        [UInt8](try rsa().signature(for: digest, padding: padding).rawRepresentation)
    }

    /// The public half of the key of the right kind.
    static func material(for algorithm: SignatureAlgorithm) throws -> JWK.Material {
        switch algorithm {
        case .ES256: try es256.get().publicKey.material
        case .RS256, .RS384, .RS512, .PS256, .PS384, .PS512: try rs256.get().publicKey.material
        case .ES384: point([UInt8](p384.publicKey.rawRepresentation), .p384)
        case .ES512: point([UInt8](p521.publicKey.rawRepresentation), .p521)
        case .EdDSA: .ed25519(x: [UInt8](ed25519.publicKey.rawRepresentation))
        }
    }

    private static func point(_ bytes: [UInt8], _ curve: JWK.Curve) -> JWK.Material {
        let count = curve.coordinateByteCount
        return .ec(curve: curve, x: Array(bytes.prefix(count)), y: Array(bytes.dropFirst(count)))
    }
}
