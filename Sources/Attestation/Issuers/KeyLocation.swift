package import JOSE

/// Where an issuer's keys are fetched from, and whose certificates are believed there: what a cache of keys is for.
///
/// Issuers never share one, whatever their keys are called (CVE-2026-49498 was a cache keyed by `kid` alone).
package struct KeyLocation: Hashable, Sendable {
    /// The issuer as configured.
    package let issuer: ByteString
    /// Nil where discovery finds it.
    package let jwksURI: ByteString?
    /// The path of a file of certificates to believe instead of the machine's.
    package let caBundle: ByteString?

    package init(issuer: ByteString, jwksURI: ByteString?, caBundle: ByteString?) {
        self.issuer = issuer
        self.jwksURI = jwksURI
        self.caBundle = caBundle
    }
}
