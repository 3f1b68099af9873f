// A trust domain with a ring whose authority is open, and certificates made by hand to be refused.

import Crypto
import Foundation
import JOSE
import Keys
import SPIFFE
import SwiftASN1
import TestSupport
import X509

func time(_ seconds: Int64) -> NumericDate {
    NumericDate(secondsSinceEpoch: seconds)
}

/// One trust domain at ``now``: its ring holds an active key and a standby of each purpose.
struct Samples {
    static let now = time(1_800_000_000)
    static let authorityLifetime: Int64 = 100_000

    let trustDomain: TrustDomain
    let ring: KeyRing
    let keys: SigningKeys
    let authority: X509Authority

    init(_ name: ByteString = "example.org", at now: NumericDate = Self.now) throws {
        trustDomain = try TrustDomain(name)
        let sealer = try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 7, count: 32))
        let certifier = AuthorityCertifier(trustDomain: trustDomain, lifetime: .seconds(Self.authorityLifetime))
        let maker = KeyMaker(sealer: sealer, certifier: certifier)
        var ring = KeyRing()
        for purpose in [KeyPurpose.ES256, .certificates] {
            let key = try maker.makeKey(purpose, preparedAt: now)
            ring = try ring.preparing(key).activating(key.kid, at: now)
            ring = try ring.preparing(maker.makeKey(purpose, preparedAt: now))
        }
        self.ring = ring
        keys = try SigningKeys(opening: ring, with: sealer)
        authority = try X509Authority(keys, trustDomain: trustDomain)
    }

    var bundle: TrustBundle {
        TrustBundle(ring: ring, trustDomain: trustDomain)
    }

    func id(_ path: ByteString = "/ci/repo/acme") throws -> SPIFFEID {
        try SPIFFEID(parsing: trustDomain.id + path)
    }

    func svid(
        _ path: ByteString = "/ci/repo/acme",
        subject: SubjectName? = nil,
        lifetime: Int64 = 3600,
        at now: NumericDate = Self.now
    ) throws -> X509SVID {
        var random = SystemRandomNumberGenerator()
        return try authority.svid(
            for: id(path),
            subject: subject,
            lifetime: .seconds(lifetime),
            at: now,
            using: &random
        )
    }

    /// A certificate of the authority's with whatever extensions.
    func forged(
        subject: DistinguishedName = DistinguishedName(),
        @ExtensionsBuilder extensions: () throws -> Result<Certificate.Extensions, any Error>
    ) throws -> [UInt8] {
        let signer = try keys.signer(for: .certificates)
        let ca = try Certificate(derEncoded: bundle.x509Authorities[0])
        return try Self.certificate(
            subject: subject,
            issuer: ca.subject,
            key: P256.Signing.PrivateKey(derRepresentation: signer.key.pkcs8DER),
            extensions: Certificate.Extensions(builder: extensions)
        )
    }

    static func certificate(
        subject: DistinguishedName,
        issuer: DistinguishedName,
        key: P256.Signing.PrivateKey,
        publicKey: P256.Signing.PublicKey = P256.Signing.PrivateKey().publicKey,
        extensions: Certificate.Extensions
    ) throws -> [UInt8] {
        let begin = Date(timeIntervalSince1970: Double(now.secondsSinceEpoch))
        let certificate = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(publicKey),
            notValidBefore: begin,
            notValidAfter: begin + 3600,
            issuer: issuer,
            subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: extensions,
            issuerPrivateKey: Certificate.PrivateKey(key)
        )
        var serializer = DER.Serializer()
        try certificate.serialize(into: &serializer)
        return serializer.serializedBytes
    }
}
