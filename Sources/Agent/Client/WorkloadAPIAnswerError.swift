/// What is wrong with an answer of a Workload API.
package enum WorkloadAPIAnswerError: Error, Hashable, Sendable {
    /// There is no SVID in it, where at least one is due (Workload API §5.2.1, §6.2.1).
    case empty
    /// The name of an SVID is not a SPIFFE ID.
    case spiffeIDInvalid
    /// The key of a bundle is not the SPIFFE ID of a trust domain.
    case trustDomainInvalid
    /// What should be certificates in DER, one after another, is not.
    case certificatesInvalid
    /// A mandatory field is empty.
    case fieldMissing
    /// The stream ended without a message.
    case streamEmpty
}
