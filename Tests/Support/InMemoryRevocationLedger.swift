// A ledger of revocations that forgets.

package import Keys
import Synchronization

package final class InMemoryRevocationLedger: RevocationLedger {
    private let state = Mutex<Set<Revocation>>([])

    package init() {}

    package func revocations() throws -> Set<Revocation> {
        state.withLock { $0 }
    }

    package func add(_ revocations: Set<Revocation>, at now: NumericDate) throws {
        state.withLock { $0.formUnion(revocations) }
    }
}
