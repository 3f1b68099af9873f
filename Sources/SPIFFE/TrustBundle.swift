package import JOSE

/// The public keys of a trust domain (SPIFFE Trust Domain and Bundle §3).
package struct TrustBundle: Hashable, Sendable {
    package let trustDomain: TrustDomain
    /// The CA certificates, one DER each.
    package let x509Authorities: [[UInt8]]
    /// The keys that sign JWT-SVIDs.
    package let jwtAuthorities: JWKSet
    /// Rises with every change of the content (§4.1.1).
    package let sequence: Int64

    package init(trustDomain: TrustDomain, x509Authorities: [[UInt8]], jwtAuthorities: JWKSet, sequence: Int64) {
        self.trustDomain = trustDomain
        self.x509Authorities = x509Authorities
        self.jwtAuthorities = jwtAuthorities
        self.sequence = sequence
    }
}
