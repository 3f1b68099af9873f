import Crypto
package import JOSE
package import Keys
import SwiftASN1
import X509

/// A trust domain's authority with its key open in memory: what makes X.509-SVIDs (X509-SVID §2 to §4).
package struct X509Authority: Sendable {
    package let trustDomain: TrustDomain
    /// The key's name in the ring and in audit records.
    package let kid: ByteString
    /// The authority's `notAfter`; no SVID is good for longer.
    package let expiresAt: NumericDate
    private let key: Certificate.PrivateKey
    private let name: DistinguishedName
    private let keyIdentifier: SubjectKeyIdentifier
    private let certificate: [UInt8]

    /// The authority of the ring whose private halves are `keys`.
    package init(_ keys: SigningKeys, trustDomain: TrustDomain) throws(X509AuthorityError) {
        guard let signer = try? keys.signer(for: .certificates),
            let certificate = keys.ring.active(for: .certificates)?.certificate
        else { throw .noActiveKey }
        try self.init(privateKey: signer.key, certificate: certificate, trustDomain: trustDomain)
    }

    package init(
        privateKey: PrivateSigningKey,
        certificate: KeyCertificate,
        trustDomain: TrustDomain
    ) throws(X509AuthorityError) {
        let key = try CertificateDraft.signingKey(privateKey)
        guard let authority = try? Certificate(derEncoded: certificate.der),
            authority.publicKey == Certificate.PublicKey(key.publicKey)
        else { throw .unusable }
        self.trustDomain = trustDomain
        kid = privateKey.publicKey.thumbprint
        expiresAt = certificate.expiresAt
        self.certificate = certificate.der
        self.key = Certificate.PrivateKey(key)
        name = authority.subject
        keyIdentifier =
            (try? authority.extensions.subjectKeyIdentifier) ?? SubjectKeyIdentifier(hash: authority.publicKey)
    }

    /// An SVID with a fresh key, good from a little before `now` for `lifetime`, or until the authority expires.
    ///
    /// Its subject is by default `O=` and the trust domain.
    package func svid(
        for id: SPIFFEID,
        subject: SubjectName? = nil,
        lifetime: Duration,
        at now: NumericDate,
        using generator: inout some RandomNumberGenerator
    ) throws(X509AuthorityError) -> X509SVID {
        guard id.trustDomain == trustDomain, !id.path.isEmpty else { throw .idNotAllowed }
        guard expiresAt > now else { throw .expired }
        let workloadKey = P256.Signing.PrivateKey()
        let draft = CertificateDraft(
            subject: (subject ?? SubjectName(trustDomain)).name,
            issuer: name,
            serial: CertificateDraft.serial(using: &generator),
            publicKey: Certificate.PublicKey(workloadKey.publicKey),
            validFrom: now.advanced(bySeconds: -CertificateDraft.backdating),
            expiresAt: min(now.advanced(by: lifetime), expiresAt)
        )
        let leaf = try draft.signed(by: key, extensions: extensions(id, draft.publicKey))
        return X509SVID(
            id: id,
            chain: [leaf],
            privateKey: [UInt8](workloadKey.derRepresentation),
            validFrom: draft.validFrom,
            expiresAt: draft.expiresAt,
            serial: CertificateSerial(draft.serial).text,
            authority: certificate
        )
    }

    /// Both usages of TLS, and of the key only to sign: a P-256 key needs no more, in any version of TLS that is left.
    private func extensions(
        _ id: SPIFFEID,
        _ publicKey: Certificate.PublicKey
    ) throws(X509AuthorityError) -> Certificate.Extensions {
        let extensions = try? Certificate.Extensions {
            Critical(BasicConstraints.notCertificateAuthority)
            Critical(KeyUsage(digitalSignature: true))
            try ExtendedKeyUsage([.serverAuth, .clientAuth])
            SubjectAlternativeNames([.uniformResourceIdentifier(id.text.string)])
            SubjectKeyIdentifier(hash: publicKey)
            AuthorityKeyIdentifier(keyIdentifier: keyIdentifier.keyIdentifier)
        }
        guard let extensions else { throw .notSigned }
        return extensions
    }
}
