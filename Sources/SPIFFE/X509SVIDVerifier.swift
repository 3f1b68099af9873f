import FoundationEssentials
package import Keys
import SwiftASN1
@_spi(FixedExpiryValidationTime) import X509

/// Verifies the X.509-SVIDs of one trust domain by its bundle (X509-SVID §5).
///
/// A bundle is chosen by the trust domain and never merged with another's (SPIFFE Federation §4.2).
package struct X509SVIDVerifier: Sendable {
    /// The most certificates of a chain that is looked at.
    package static let maximumChain = 8
    /// The most bytes of one.
    package static let maximumBytes = 65_536

    private let trustDomain: TrustDomain
    private let authorities: [Certificate]

    package init(bundle: TrustBundle) {
        trustDomain = bundle.trustDomain
        authorities = bundle.x509Authorities.compactMap { try? Certificate(derEncoded: $0) }
    }

    /// Whose chain this is, the leaf first, then its intermediates.
    package func verify(_ chain: [[UInt8]], at now: NumericDate) async throws(X509SVIDError) -> SPIFFEID {
        let certificates = try Self.certificates(chain)
        guard let leaf = certificates.first else { throw .malformed }
        let id = try X509SVIDLeaf(leaf).id
        guard id.trustDomain == trustDomain else { throw .trustDomainUnknown(id.trustDomain) }
        let date = Date(timeIntervalSince1970: Double(now.secondsSinceEpoch))
        guard date >= leaf.notValidBefore else { throw .notYetValid }
        guard date <= leaf.notValidAfter else { throw .expired }
        var verifier = Verifier(rootCertificates: CertificateStore(authorities)) {
            RFC5280Policy(fixedExpiryValidationTime: date)
            X509SVIDPolicy()
        }
        let intermediates = CertificateStore(certificates.dropFirst())
        guard case .validCertificate = await verifier.validate(leaf: leaf, intermediates: intermediates) else {
            throw .untrusted
        }
        return id
    }

    private static func certificates(_ chain: [[UInt8]]) throws(X509SVIDError) -> [Certificate] {
        guard (1...maximumChain).contains(chain.count), chain.allSatisfy({ $0.count <= maximumBytes }) else {
            throw .malformed
        }
        let certificates = chain.compactMap { try? Certificate(derEncoded: $0) }
        guard certificates.count == chain.count else { throw .malformed }
        return certificates
    }
}
