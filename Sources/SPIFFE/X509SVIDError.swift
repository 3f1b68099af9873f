import JOSE

/// Why a chain of certificates is no X.509-SVID of a trust domain (X509-SVID §5).
package enum X509SVIDError: Error, Hashable, Sendable {
    /// There is no certificate, or too many, or one is not X.509 in DER.
    case malformed
    /// The leaf has no URI as a name, or several.
    case nameCount(Int)
    case idInvalid(SPIFFEIDError)
    /// The leaf's ID is the trust domain's own.
    case idWithoutPath
    /// The bundle is another trust domain's.
    case trustDomainUnknown(TrustDomain)
    /// The leaf is an authority, or its key may sign certificates or revocation lists.
    case leafMaySign
    case expired
    case notYetValid
    /// No path leads to an authority of the bundle.
    case untrusted

    /// One sentence for people, with what it is about.
    package var explanation: String {
        switch self {
        case .malformed: "the certificates are not a chain of X.509 in DER"
        case .nameCount(let count): "the certificate names \(count) URIs and must name exactly one, its SPIFFE ID"
        case .idInvalid: "the certificate's URI is no SPIFFE ID"
        case .idWithoutPath: "the certificate's SPIFFE ID is a trust domain's and has no path"
        case .trustDomainUnknown(let trustDomain): "there is no bundle of trust domain \(trustDomain.name.string)"
        case .leafMaySign: "the certificate is an authority's, or its key may sign certificates"
        case .expired: "the certificate has expired"
        case .notYetValid: "the certificate is not valid yet"
        case .untrusted: "the certificate was not issued by an authority of its trust domain's bundle"
        }
    }
}
