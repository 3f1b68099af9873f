/// A secret as it lies in the store: encrypted and authenticated, safe to copy into a backup.
package struct SealedSecret: Hashable, Sendable {
    /// Nonce, ciphertext and tag, as the ``KeySealer`` that made it lays them out.
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}
