package import JOSE

/// Encrypts and decrypts secrets at rest under a key-encryption key that lives outside the store.
package protocol KeySealer: Sendable {
    /// Seals `secret`; `context` names what it is, so that one sealed secret cannot stand in for another.
    func seal(_ secret: [UInt8], context: ByteString) throws(SealingError) -> SealedSecret
    /// Opens what ``seal(_:context:)`` made with the same context.
    func unseal(_ sealed: SealedSecret, context: ByteString) throws(SealingError) -> [UInt8]
}
