// The private half. It leaves this type only as sealed bytes and as signatures.

import Crypto
import CryptoExtras

/// A private key that signs tokens, with its public half.
///
/// Nothing prints it: it has no `Codable`, and its description, debug description, mirror and dump are `[redacted]`.
package struct PrivateSigningKey: Sendable {
    private enum Backing: Sendable {
        case es256(P256.Signing.PrivateKey)
        case rs256(_RSA.Signing.PrivateKey)
    }

    private let backing: Backing

    /// The public half, bound to ``algorithm`` and named by its thumbprint (RFC 7638).
    package let publicKey: JWK

    /// Makes a new key from the system's random source: RSA of 2048 bits, or P-256.
    ///
    /// An RSA key takes some tenths of a second.
    ///
    /// - Throws: ``JOSEError/generationFailed`` if the library fails, ``JOSEError/unfitKey(_:)`` if what it made is weak.
    package static func generate(_ algorithm: SigningAlgorithm) throws(JOSEError) -> PrivateSigningKey {
        switch algorithm {
        case .ES256: return try PrivateSigningKey(.es256(P256.Signing.PrivateKey()))
        case .RS256:
            guard let key = try? _RSA.Signing.PrivateKey(keySize: .bits2048) else { throw .generationFailed }
            return try PrivateSigningKey(.rs256(key))
        }
    }

    /// Restores a key from what ``pkcs8DER`` gave.
    ///
    /// - Parameters:
    ///   - algorithm: What the key signs with.
    ///   - pkcs8DER: The unsealed key, a DER `PrivateKeyInfo` (RFC 5208 §5).
    /// - Throws: ``JOSEError/invalidPrivateKey`` if it is no such key, ``JOSEError/unfitKey(_:)`` if it is weak, as RSA of
    ///   less than 2048 or more than 4096 bits.
    package init(algorithm: SigningAlgorithm, pkcs8DER: [UInt8]) throws(JOSEError) {
        switch algorithm {
        case .ES256:
            guard let key = try? P256.Signing.PrivateKey(derRepresentation: pkcs8DER) else { throw .invalidPrivateKey }
            try self.init(.es256(key))
        case .RS256:
            guard let key = try? _RSA.Signing.PrivateKey(derRepresentation: pkcs8DER) else { throw .invalidPrivateKey }
            try self.init(.rs256(key))
        }
    }

    private init(_ backing: Backing) throws(JOSEError) {
        self.backing = backing
        publicKey = try Self.publicKey(of: backing)
    }

    /// What the key signs with; one key has one algorithm.
    package var algorithm: SigningAlgorithm {
        switch backing {
        case .es256: .ES256
        case .rs256: .RS256
        }
    }

    /// The private key as DER `PrivateKeyInfo` (RFC 5208 §5).
    ///
    /// For sealing only: these bytes are never written or logged.
    package var pkcs8DER: [UInt8] {
        switch backing {
        case .es256(let key): [UInt8](key.derRepresentation)
        case .rs256(let key): [UInt8](key.pkcs8DERRepresentation)
        }
    }

    /// Signs a message, for a token the JWS signing input (RFC 7515 §5.1).
    ///
    /// - Returns: For ES256 the 64 bytes of r and s (RFC 7518 §3.4), for RS256 as many bytes as the modulus has (§3.3).
    /// - Throws: ``JOSEError/signingFailed``.
    package func signature(over message: [UInt8]) throws(JOSEError) -> [UInt8] {
        do {
            switch backing {
            case .es256(let key):
                return [UInt8](try key.signature(for: SHA256.hash(data: message)).rawRepresentation)
            case .rs256(let key):
                let digest = SHA256.hash(data: message)
                return [UInt8](try key.signature(for: digest, padding: .insecurePKCS1v1_5).rawRepresentation)
            }
        } catch {
            throw .signingFailed
        }
    }

    private static func publicKey(of backing: Backing) throws(JOSEError) -> JWK {
        let algorithm: SignatureAlgorithm
        let material: JWK.Material
        switch backing {
        case .es256(let key):
            let point = [UInt8](key.publicKey.rawRepresentation)
            (algorithm, material) = (
                .ES256, .ec(curve: .p256, x: Array(point.prefix(32)), y: Array(point.dropFirst(32)))
            )
        case .rs256(let key):
            guard let numbers = try? key.publicKey.getKeyPrimitives() else { throw .invalidPrivateKey }
            (algorithm, material) = (.RS256, .rsa(n: [UInt8](numbers.modulus), e: [UInt8](numbers.publicExponent)))
        }
        do throws(JWKError) {
            return try JWK(material: material, algorithm: algorithm, keyID: JWK.thumbprint(of: material))
        } catch {
            throw .unfitKey(error)
        }
    }
}

extension PrivateSigningKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Always `[redacted]`.
    package var description: String { "[redacted]" }

    /// Always `[redacted]`.
    package var debugDescription: String { "[redacted]" }

    /// A mirror without children.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
