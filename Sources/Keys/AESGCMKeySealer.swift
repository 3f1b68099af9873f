private import Crypto
package import JOSE

/// Seals with AES-256-GCM (NIST SP 800-38D) under a 32-byte key-encryption key, a random 96-bit nonce each time, the
/// context as associated data.
package struct AESGCMKeySealer: KeySealer {
    private let key: SymmetricKey

    package init(keyEncryptionKey: [UInt8]) throws(SealingError) {
        guard keyEncryptionKey.count == 32 else { throw .keyLength(keyEncryptionKey.count) }
        key = SymmetricKey(data: keyEncryptionKey)
    }

    package func seal(_ secret: [UInt8], context: ByteString) throws(SealingError) -> SealedSecret {
        guard let box = try? AES.GCM.seal(secret, using: key, authenticating: context.bytes),
            let combined = box.combined
        else { throw .notSealed }
        return SealedSecret(bytes: [UInt8](combined))
    }

    package func unseal(_ sealed: SealedSecret, context: ByteString) throws(SealingError) -> [UInt8] {
        guard let box = try? AES.GCM.SealedBox(combined: sealed.bytes),
            let secret = try? AES.GCM.open(box, using: key, authenticating: context.bytes)
        else { throw .notOpened }
        return [UInt8](secret)
    }
}
