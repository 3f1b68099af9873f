package import JOSE
private import Synchronization

/// The sealer of a running process, whose key-encryption key may be replaced while it runs.
package final class ReplaceableKeySealer: KeySealer {
    private let current: Mutex<any KeySealer>

    package init(_ sealer: any KeySealer) {
        current = Mutex(sealer)
    }

    package func replace(with sealer: any KeySealer) {
        current.withLock { $0 = sealer }
    }

    package func seal(_ secret: [UInt8], context: ByteString) throws(SealingError) -> SealedSecret {
        try current.withLock { $0 }.seal(secret, context: context)
    }

    package func unseal(_ sealed: SealedSecret, context: ByteString) throws(SealingError) -> [UInt8] {
        try current.withLock { $0 }.unseal(sealed, context: context)
    }
}
