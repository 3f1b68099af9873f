// The certificates that we make, rule by rule (X509-SVID §2 to §4).

import Crypto
import Foundation
import JOSE
import Keys
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite struct X509AuthorityTests {
    private func leaf(_ svid: X509SVID) throws -> Certificate {
        try Certificate(derEncoded: #require(svid.chain.first))
    }

    private func date(_ instant: NumericDate) -> Date {
        Date(timeIntervalSince1970: Double(instant.secondsSinceEpoch))
    }

    @Test func `a leaf has its SPIFFE ID as the only name, and is no authority`() throws {
        let samples = try Samples()
        let svid = try samples.svid()
        let leaf = try leaf(svid)
        let names = try #require(try leaf.extensions.subjectAlternativeNames)
        #expect(Array(names) == [.uniformResourceIdentifier("spiffe://example.org/ci/repo/acme")])
        // There is a subject, so the name need not be critical (§3.1).
        #expect(leaf.extensions[oid: .X509ExtensionID.subjectAlternativeName]?.critical == false)
        #expect(String(describing: leaf.subject) == "O=example.org")
        guard case .notCertificateAuthority? = try leaf.extensions.basicConstraints else {
            return #expect(Bool(false), "an authority")
        }
        #expect(leaf.extensions[oid: .X509ExtensionID.basicConstraints]?.critical == true)
        #expect(leaf.extensions[oid: .X509ExtensionID.keyUsage]?.critical == true)
        #expect(try leaf.extensions.keyUsage == KeyUsage(digitalSignature: true))
        #expect(try leaf.extensions.extendedKeyUsage == ExtendedKeyUsage([.serverAuth, .clientAuth]))
        #expect(svid.chain.count == 1)
        #expect(try svid.id == samples.id())
    }

    @Test func `a leaf names its authority's key and its own`() throws {
        let samples = try Samples()
        let leaf = try leaf(samples.svid())
        let authority = try Certificate(derEncoded: samples.bundle.x509Authorities[0])
        #expect(leaf.issuer == authority.subject)
        #expect(
            try leaf.extensions.authorityKeyIdentifier?.keyIdentifier
                == authority.extensions.subjectKeyIdentifier?.keyIdentifier
        )
        #expect(try leaf.extensions.subjectKeyIdentifier == SubjectKeyIdentifier(hash: leaf.publicKey))
        #expect(authority.publicKey.isValidSignature(leaf.signature, for: leaf))
    }

    @Test func `a leaf's key is PKCS 8, its own, and new each time`() throws {
        let samples = try Samples()
        let (first, second) = (try samples.svid(), try samples.svid())
        let key = try P256.Signing.PrivateKey(derRepresentation: first.privateKey)
        #expect(try leaf(first).publicKey == Certificate.PublicKey(key.publicKey))
        #expect(first.privateKey != second.privateKey)
        #expect(first.serial != second.serial)
    }

    @Test func `serial numbers are positive, of at least 128 random bits and of at most 20 bytes`() throws {
        let samples = try Samples()
        for _ in 0..<50 {
            let svid = try samples.svid()
            let bytes = try leaf(svid).serialNumber.bytes
            #expect(bytes.count == 17 && (1...0x7F).contains(bytes[bytes.startIndex]))
            #expect(CertificateSerial(Array(bytes)).text == svid.serial)
        }
    }

    @Test func `a leaf begins ten seconds ago and ends when its lifetime or its authority does`() throws {
        let samples = try Samples()
        let end = Samples.now.advanced(bySeconds: Samples.authorityLifetime)
        for (lifetime, expected) in [
            (60, Samples.now.advanced(bySeconds: 60)), (Samples.authorityLifetime, end),
            (Samples.authorityLifetime + 1, end), (Int64.max, end),
        ] {
            let svid = try samples.svid(lifetime: lifetime)
            #expect(svid.expiresAt == expected)
            #expect(svid.validFrom == Samples.now.advanced(bySeconds: -10))
            #expect(try leaf(svid).notValidAfter == date(expected))
            #expect(try leaf(svid).notValidBefore == date(svid.validFrom))
        }
        #expect(throws: X509AuthorityError.expired) { try samples.svid(at: end) }
    }

    @Test func `an authority is one as the standard says, and its name is nobody else's`() throws {
        let samples = try Samples()
        let authorities = try samples.bundle.x509Authorities.map { try Certificate(derEncoded: $0) }
        #expect(authorities.count == 2)
        #expect(authorities[0].subject != authorities[1].subject)
        for authority in authorities {
            guard case .isCertificateAuthority(maxPathLength: 0)? = try authority.extensions.basicConstraints else {
                return #expect(Bool(false), "no authority")
            }
            #expect(authority.extensions[oid: .X509ExtensionID.basicConstraints]?.critical == true)
            #expect(authority.extensions[oid: .X509ExtensionID.keyUsage]?.critical == true)
            #expect(try authority.extensions.keyUsage == KeyUsage(keyCertSign: true, cRLSign: true))
            let names = try #require(try authority.extensions.subjectAlternativeNames)
            #expect(Array(names) == [.uniformResourceIdentifier("spiffe://example.org")])
            #expect(authority.issuer == authority.subject)
            let serial = CertificateSerial(Array(authority.serialNumber.bytes)).text.string
            #expect(String(describing: authority.subject).contains(serial))
            #expect(authority.publicKey.isValidSignature(authority.signature, for: authority))
            #expect(authority.notValidAfter == date(Samples.now.advanced(bySeconds: Samples.authorityLifetime)))
        }
    }

    @Test func `an authority lives for as long as its key waits, signs and retires`() throws {
        let schedule = try RotationSchedule(
            rotationInterval: .seconds(10_000),
            publicationLead: .seconds(1000),
            gracePeriod: .seconds(3000),
            maximumTokenLifetime: .seconds(600)
        )
        #expect(AuthorityCertifier.lifetime(of: schedule) == .seconds(24_000))
    }

    @Test func `no SVID is made of the trust domain itself or of another`() throws {
        let samples = try Samples()
        var random = SystemRandomNumberGenerator()
        for text in ["spiffe://example.org", "spiffe://example.com/a"] as [ByteString] {
            let id = try SPIFFEID(parsing: text)
            #expect(throws: X509AuthorityError.idNotAllowed) {
                try samples.authority.svid(for: id, lifetime: .seconds(60), at: Samples.now, using: &random)
            }
        }
    }

    @Test(arguments: [Int64.min, -1, 253_402_300_799, .max])
    func `a time that no certificate can name is refused and traps nothing`(seconds: Int64) throws {
        let certifier = AuthorityCertifier(trustDomain: try TrustDomain("td"), lifetime: .seconds(60))
        let key = try PrivateSigningKey.generate(.ES256)
        #expect(throws: X509AuthorityError.timeOutOfRange) {
            try certifier.certificate(for: key, preparedAt: time(seconds))
        }
    }

    @Test func `the key of another certificate is no authority`() throws {
        let samples = try Samples()
        let certificate = try #require(samples.ring.publishedCertificates.last)
        #expect(throws: X509AuthorityError.unusable) {
            try X509Authority(
                privateKey: samples.keys.signer(for: .certificates).key,
                certificate: certificate,
                trustDomain: samples.trustDomain
            )
        }
        #expect(throws: X509AuthorityError.unusable) {
            try X509Authority(
                privateKey: samples.keys.signer(for: .certificates).key,
                certificate: KeyCertificate(der: [1, 2], expiresAt: Samples.now),
                trustDomain: samples.trustDomain
            )
        }
    }

    @Test func `a long trust domain and a subject of the policy are no obstacle`() async throws {
        let samples = try Samples(ByteString([UInt8](repeating: 0x61, count: 255)))
        let subject = try SubjectName(parsing: "O=Acme Corp,OU=Engineering")
        let svid = try samples.svid(subject: subject)
        #expect(try String(describing: leaf(svid).subject) == "O=Acme Corp,OU=Engineering")
        for svid in [svid, try samples.svid()] {
            #expect(
                try await X509SVIDVerifier(bundle: samples.bundle).verify(svid.chain, at: Samples.now) == samples.id()
            )
        }
    }

    @Test func `a certificate is made fast`() throws {
        let samples = try Samples()
        let took = try ContinuousClock().measure { for _ in 0..<100 { _ = try samples.svid() } }
        print("an X.509-SVID takes \(took / 100)")
    }
}
