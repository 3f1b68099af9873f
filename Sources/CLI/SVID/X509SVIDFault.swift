/// Why an X.509-SVID cannot work for who holds it.
enum X509SVIDFault: Error, Hashable, Sendable {
    /// A certificate or the key cannot be read.
    case malformed
    /// The private key is not that of the certificate.
    case keyOfAnother
    /// The certificate's one URI is not the SPIFFE ID (X509-SVID §2), or the ID has no path (§3.1).
    case idOfAnother
    /// It is a certificate to sign certificates with (X509-SVID §4.1).
    case isAuthority
    /// It is not valid yet, or no longer.
    case outOfTime
    /// It does not lead to a certificate of its bundle (X509-SVID §5).
    case notOfBundle

    var explanation: String {
        switch self {
        case .malformed: "a certificate or the key cannot be read"
        case .keyOfAnother: "the key is not that of the certificate"
        case .idOfAnother: "the certificate names another SPIFFE ID"
        case .isAuthority: "the certificate is an authority's"
        case .outOfTime: "the certificate is not valid now; is this machine's clock right?"
        case .notOfBundle: "the certificate does not lead to the bundle"
        }
    }
}
