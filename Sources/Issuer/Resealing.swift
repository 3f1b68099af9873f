import JOSE
package import Keys
private import Synchronization

/// Seals everything that is sealed with a new key-encryption key: in one transaction, between a draft of the new key
/// and its promotion, so that a crash at any moment leaves a key that opens everything.
package final class Resealing: Sendable {
    private let keys: any KeyStore
    private let secrets: any SecretStore
    private let sealer: ReplaceableKeySealer
    private let replacement: any SealingKeyReplacement
    /// Whether everything is sealed by a draft whose promotion failed: the next draft must not be written over it.
    private let isPromotionDue = Mutex(false)
    /// Whether a commit failed of which nobody knows if it reached the disk: until a restart has looked, the draft may
    /// be the only key that opens the store.
    private let isDraftInDoubt = Mutex(false)

    package init(
        keys: any KeyStore,
        secrets: any SecretStore,
        sealer: ReplaceableKeySealer,
        replacement: any SealingKeyReplacement
    ) {
        self.keys = keys
        self.secrets = secrets
        self.sealer = sealer
        self.replacement = replacement
    }

    /// Answers how many secrets were sealed anew.
    package func perform(at now: NumericDate) async throws -> Int {
        guard !isDraftInDoubt.withLock({ $0 }) else { throw Refusal(.sealingKeyNotReplaced) }
        if isPromotionDue.withLock({ $0 }) { try promote() }
        let next = try refusingUnwritable { try replacement.makeDraft() }
        while true {
            let ring = try await keys.keyRing()
            let resealed = try ring.resealed(from: sealer, to: next)
            let known = try await secrets.sealedSecrets()
            let others = try known.mapValues { secret in
                let context = RequestTokenKey.sealingContext
                return try next.seal(sealer.unseal(secret, context: context), context: context)
            }
            isDraftInDoubt.withLock { $0 = true }
            let isDone = try await secrets.replaceSealed(
                ring: resealed,
                secrets: others,
                insteadOf: known,
                expecting: ring.version,
                at: now
            )
            isDraftInDoubt.withLock { $0 = false }
            guard isDone else { continue }
            sealer.replace(with: next)
            isPromotionDue.withLock { $0 = true }
            try promote()
            return resealed.keys.count { $0.sealedPrivateKey != nil } + others.count
        }
    }

    private func promote() throws(Refusal) {
        try refusingUnwritable { try replacement.promoteDraft() }
        isPromotionDue.withLock { $0 = false }
    }

    private func refusingUnwritable<Value>(_ body: () throws -> Value) throws(Refusal) -> Value {
        do {
            return try body()
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(.sealingKeyNotReplaced)
        }
    }
}
