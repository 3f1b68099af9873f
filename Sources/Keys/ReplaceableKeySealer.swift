package import JOSE
private import Synchronization

/// The sealer of a running process, whose key-encryption key may be replaced while it runs: by the process itself, or by
/// another that shares its store.
package final class ReplaceableKeySealer: KeySealer {
    private let current: Mutex<any KeySealer>
    private let successors: @Sendable () -> [SealingKeySuccessor]

    /// `successors` looks for keys that may have replaced the one in use; it is asked when that one opens a secret no
    /// more.
    package init(_ sealer: any KeySealer, successors: @escaping @Sendable () -> [SealingKeySuccessor] = { [] }) {
        current = Mutex(sealer)
        self.successors = successors
    }

    package func replace(with sealer: any KeySealer) {
        current.withLock { $0 = sealer }
    }

    package func seal(_ secret: [UInt8], context: ByteString) throws(SealingError) -> SealedSecret {
        try current.withLock { $0 }.seal(secret, context: context)
    }

    /// A secret that only a successor opens was sealed anew by another process: from then on the successor seals.
    package func unseal(_ sealed: SealedSecret, context: ByteString) throws(SealingError) -> [UInt8] {
        do throws(SealingError) {
            return try current.withLock { $0 }.unseal(sealed, context: context)
        } catch {
            for successor in successors() {
                guard let secret = try? successor.sealer.unseal(sealed, context: context) else { continue }
                replace(with: successor.sealer)
                successor.succeed()
                return secret
            }
            throw error
        }
    }
}
