/// Why a document is no SPIFFE bundle (SPIFFE Trust Domain and Bundle §4).
package enum TrustBundleError: Error, Hashable, Sendable {
    /// Not one JSON object with an array `keys`, or larger than any bundle.
    case malformed
    /// A `x5c` is not the base64 of a certificate (X509-SVID §6.1).
    case certificateInvalid
}
