/// Why there is no token, or no job.
package enum IssuanceError: Error, Hashable, Sendable {
    /// The caller's doing; the same request will be refused again.
    case refused(Refusal)
    /// Unknown or dead credential: one answer for every reason.
    case unauthenticated
    /// Nothing was done; the same request may succeed later.
    case store(StoreError)
    /// No key signs with the algorithm that is wanted.
    case noSigningKey
}
