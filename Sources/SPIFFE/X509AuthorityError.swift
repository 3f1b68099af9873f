/// Why no certificate can be made.
package enum X509AuthorityError: Error, Hashable, Sendable {
    /// No key of the ring signs certificates.
    case noActiveKey
    /// The key is not for P-256, or its certificate is not X.509 or another key's.
    case unusable
    /// The authority's own certificate has expired: the ring must rotate.
    case expired
    /// The SPIFFE ID is of another trust domain, or has no path (X509-SVID §3.1).
    case idNotAllowed
    /// A time before 1970 or after the year 9999.
    case timeOutOfRange
    /// The library failed.
    case notSigned
}
