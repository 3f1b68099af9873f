// Chains that are SVIDs, and the many that are not (X509-SVID §5).

import Crypto
import Foundation
import JOSE
import Keys
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite struct X509SVIDVerifierTests {
    private let samples: Samples
    private let verifier: X509SVIDVerifier
    private static let name: GeneralName = .uniformResourceIdentifier("spiffe://example.org/a")

    init() throws {
        samples = try Samples()
        verifier = X509SVIDVerifier(bundle: samples.bundle)
    }

    private func refused(_ leaf: [UInt8], _ error: X509SVIDError, at now: NumericDate = Samples.now) async {
        await #expect(throws: error) { try await verifier.verify([leaf], at: now) }
    }

    @Test func `an SVID verifies while it is valid, and names its workload`() async throws {
        let svid = try samples.svid()
        for now in [svid.validFrom, Samples.now, svid.expiresAt] {
            #expect(try await verifier.verify(svid.chain, at: now) == samples.id())
        }
        await refused(svid.chain[0], .notYetValid, at: svid.validFrom.advanced(bySeconds: -1))
        await refused(svid.chain[0], .expired, at: svid.expiresAt.advanced(bySeconds: 1))
    }

    @Test func `a leaf without a subject and with a critical name is an SVID`() async throws {
        let leaf = try samples.forged {
            Critical(BasicConstraints.notCertificateAuthority)
            Critical(KeyUsage(digitalSignature: true))
            Critical(SubjectAlternativeNames([Self.name]))
        }
        #expect(try await verifier.verify([leaf], at: Samples.now).text == "spiffe://example.org/a")
    }

    @Test func `two URIs are one too many, none one too few`() async throws {
        for (names, count) in [
            ([], 0), ([GeneralName.dnsName("a.example")], 0), ([Self.name, Self.name], 2),
            ([Self.name, .uniformResourceIdentifier("https://a.example")], 2),
        ] {
            let leaf = try samples.forged {
                Critical(KeyUsage(digitalSignature: true))
                SubjectAlternativeNames(names)
            }
            await refused(leaf, .nameCount(count))
        }
        await refused(try samples.forged { Critical(KeyUsage(digitalSignature: true)) }, .nameCount(0))
    }

    @Test func `other kinds of names beside the URI are allowed`() async throws {
        let leaf = try samples.forged {
            Critical(KeyUsage(digitalSignature: true))
            SubjectAlternativeNames([.dnsName("a.example"), Self.name])
        }
        #expect(try await verifier.verify([leaf], at: Samples.now).path == "/a")
    }

    @Test func `a leaf that is an authority, or may sign certificates or lists, is refused`() async throws {
        let authority = try samples.forged {
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
            Critical(KeyUsage(digitalSignature: true))
            SubjectAlternativeNames([Self.name])
        }
        await refused(authority, .leafMaySign)
        for usage in [KeyUsage(keyCertSign: true), KeyUsage(digitalSignature: true, cRLSign: true)] {
            let leaf = try samples.forged {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(usage)
                SubjectAlternativeNames([Self.name])
            }
            await refused(leaf, .leafMaySign)
        }
    }

    @Test func `an authority's own certificate proves nobody`() async throws {
        await refused(samples.bundle.x509Authorities[0], .idWithoutPath)
    }

    @Test func `names that are no SPIFFE ID of this trust domain are refused`() async throws {
        let cases: [(String, X509SVIDError)] = [
            ("spiffe://example.org", .idWithoutPath), ("spiffe://example.org/", .idInvalid(.pathInvalid)),
            ("spiffe://example.com/a", .trustDomainUnknown(try TrustDomain("example.com"))),
            ("https://example.org/a", .idInvalid(.schemeInvalid)),
            ("spiffe://example.org/../a", .idInvalid(.pathInvalid)),
            ("spiffe://EXAMPLE.org/a", .idInvalid(.trustDomainInvalid)),
            ("spiffe://example.org/a?b", .idInvalid(.pathInvalid)),
        ]
        for (text, error) in cases {
            let leaf = try samples.forged {
                Critical(KeyUsage(digitalSignature: true))
                SubjectAlternativeNames([.uniformResourceIdentifier(text)])
            }
            await refused(leaf, error)
        }
    }

    @Test func `another authority of the same name is not trusted`() async throws {
        let other = try Samples()
        await refused(try other.svid().chain[0], .untrusted)
        // And one that is in the chain itself makes no difference.
        let chain = [try other.svid().chain[0], other.bundle.x509Authorities[0]]
        await #expect(throws: X509SVIDError.untrusted) { try await verifier.verify(chain, at: Samples.now) }
    }

    @Test func `an empty bundle trusts nothing`() async throws {
        let empty = TrustBundle(
            trustDomain: samples.trustDomain,
            x509Authorities: [],
            jwtAuthorities: JWKSet([]),
            sequence: 9
        )
        await #expect(throws: X509SVIDError.untrusted) {
            try await X509SVIDVerifier(bundle: empty).verify(samples.svid().chain, at: Samples.now)
        }
    }

    @Test func `a leaf signs no further leaf, and an issuer without the usage issues nothing`() async throws {
        for (constraints, usage) in [
            (BasicConstraints.notCertificateAuthority, KeyUsage(keyCertSign: true)),
            (.isCertificateAuthority(maxPathLength: nil), KeyUsage(digitalSignature: true)),
        ] {
            let key = P256.Signing.PrivateKey()
            let name = try DistinguishedName { CommonName("middle") }
            let authority = try Samples.certificate(
                subject: name,
                issuer: name,
                key: key,
                publicKey: key.publicKey,
                extensions: Certificate.Extensions {
                    Critical(constraints)
                    Critical(usage)
                }
            )
            let leaf = try Samples.certificate(
                subject: DistinguishedName(),
                issuer: name,
                key: key,
                extensions: Certificate.Extensions {
                    Critical(KeyUsage(digitalSignature: true))
                    Critical(SubjectAlternativeNames([Self.name]))
                }
            )
            let bundle = TrustBundle(
                trustDomain: samples.trustDomain,
                x509Authorities: [authority],
                jwtAuthorities: JWKSet([]),
                sequence: 1
            )
            await #expect(throws: X509SVIDError.untrusted) {
                try await X509SVIDVerifier(bundle: bundle).verify([leaf], at: Samples.now)
            }
        }
    }

    @Test func `what is no chain of certificates is refused`() async throws {
        let leaf = try samples.svid().chain[0]
        let chains: [[[UInt8]]] = [
            [], [[]], [[0x30, 0x00]], [leaf, [1]], [leaf + leaf], [Array(leaf.dropLast())],
            Array(repeating: leaf, count: 9), [[UInt8](repeating: 0x30, count: 70_000)],
        ]
        for chain in chains {
            await #expect(throws: X509SVIDError.malformed) { try await verifier.verify(chain, at: Samples.now) }
        }
    }

    @Test func `no damaged certificate verifies, and none traps`() async throws {
        let leaf = try samples.svid().chain[0]
        var random = SeededGenerator(seed: 5)
        for _ in 0..<300 {
            let damaged = random.mutated(leaf)
            guard damaged != leaf else { continue }
            let id = try? await verifier.verify([damaged], at: Samples.now)
            #expect(id == nil)
        }
    }
}
