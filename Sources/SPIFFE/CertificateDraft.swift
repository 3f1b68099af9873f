import Crypto
import FoundationEssentials
import JOSE
import Keys
import SwiftASN1
import X509

/// What is in every certificate that we make.
struct CertificateDraft {
    /// How far a certificate's time begins before now: clocks of verifiers run late.
    static let backdating: Int64 = 10

    let subject: DistinguishedName
    let issuer: DistinguishedName
    let serial: [UInt8]
    let publicKey: Certificate.PublicKey
    let validFrom: NumericDate
    let expiresAt: NumericDate

    /// The certificate in DER.
    func signed(
        by key: Certificate.PrivateKey,
        extensions: Certificate.Extensions
    ) throws(X509AuthorityError) -> [UInt8] {
        let (notBefore, notAfter) = (try Self.date(validFrom), try Self.date(expiresAt))
        do {
            let certificate = try Certificate(
                version: .v3,
                serialNumber: Certificate.SerialNumber(bytes: serial),
                publicKey: publicKey,
                notValidBefore: notBefore,
                notValidAfter: notAfter,
                issuer: issuer,
                subject: subject,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: extensions,
                issuerPrivateKey: key
            )
            var serializer = DER.Serializer()
            try certificate.serialize(into: &serializer)
            return serializer.serializedBytes
        } catch {
            throw .notSigned
        }
    }

    /// 16 random bytes after one that keeps the number positive and of one length (RFC 5280 §4.1.2.2).
    static func serial(using generator: inout some RandomNumberGenerator) -> [UInt8] {
        [UInt8.random(in: 1...0x7F, using: &generator)]
            + (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    static func signingKey(_ key: PrivateSigningKey) throws(X509AuthorityError) -> P256.Signing.PrivateKey {
        guard key.algorithm == .ES256, let key = try? P256.Signing.PrivateKey(derRepresentation: key.pkcs8DER) else {
            throw .unusable
        }
        return key
    }

    /// Certificates know the years to 9999 (RFC 5280 §4.1.2.5).
    private static func date(_ instant: NumericDate) throws(X509AuthorityError) -> Date {
        guard (0...253_402_300_799).contains(instant.secondsSinceEpoch) else { throw .timeOutOfRange }
        return Date(timeIntervalSince1970: Double(instant.secondsSinceEpoch))
    }
}
