import Crypto
package import JOSE
package import Keys
import SwiftASN1
import X509

/// Makes the certificates of a trust domain's own authorities (X509-SVID §3.2, §4).
package struct AuthorityCertifier: KeyCertifier {
    private let trustDomain: TrustDomain
    private let lifetime: Duration

    /// `lifetime` is as long as a key waits, signs and retires; see ``lifetime(of:)``.
    package init(trustDomain: TrustDomain, lifetime: Duration) {
        self.trustDomain = trustDomain
        self.lifetime = lifetime
    }

    /// How long an authority's certificate must live in a ring of this schedule: it is published, stands by for as long
    /// as another signs, signs, and retires.
    package static func lifetime(of schedule: RotationSchedule) -> Duration {
        schedule.publicationLead + schedule.rotationInterval * 2 + schedule.gracePeriod
    }

    package func certificate(
        for privateKey: PrivateSigningKey,
        preparedAt: NumericDate
    ) throws -> KeyCertificate {
        let key = try CertificateDraft.signingKey(privateKey)
        var generator = SystemRandomNumberGenerator()
        let serial = CertificateDraft.serial(using: &generator)
        let name = try name(serial)
        let draft = CertificateDraft(
            subject: name,
            issuer: name,
            serial: serial,
            publicKey: Certificate.PublicKey(key.publicKey),
            validFrom: preparedAt.advanced(bySeconds: -CertificateDraft.backdating),
            expiresAt: preparedAt.advanced(by: lifetime)
        )
        let der = try draft.signed(by: Certificate.PrivateKey(key), extensions: extensions(draft.publicKey))
        return KeyCertificate(der: der, expiresAt: draft.expiresAt)
    }

    /// With the serial number in it: authorities of one trust domain must not share a name, by which chains are built.
    private func name(_ serial: [UInt8]) throws -> DistinguishedName {
        let number = CertificateSerial(serial).text.string
        let attribute = try RelativeDistinguishedName.Attribute(type: [2, 5, 4, 5], printableString: number)
        return DistinguishedName(
            SubjectName.organization(of: trustDomain) + [RelativeDistinguishedName(attribute)]
        )
    }

    private func extensions(_ publicKey: Certificate.PublicKey) throws -> Certificate.Extensions {
        let identifier = SubjectKeyIdentifier(hash: publicKey)
        return try Certificate.Extensions {
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
            Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            SubjectAlternativeNames([.uniformResourceIdentifier(trustDomain.id.string)])
            identifier
            AuthorityKeyIdentifier(keyIdentifier: identifier.keyIdentifier)
        }
    }
}
