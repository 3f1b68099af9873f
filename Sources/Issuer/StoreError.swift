/// Why the store did not do what it was asked.
package enum StoreError: Error, Hashable, Sendable {
    /// It cannot be read or written now.
    case unavailable
    /// More waits to be written than will be written in time.
    case overloaded
}
