/// Why a secret cannot be sealed or opened.
package enum SealingError: Error, Hashable, Sendable {
    /// The key-encryption key is not 32 bytes long.
    case keyLength(Int)
    /// The key-encryption key is another one, or the sealed bytes were changed.
    case notOpened
    case notSealed
}
