// A ledger of revocations that forgets.

package import Keys
import Synchronization

package final class InMemoryRevocationLedger: RevocationLedger {
    private let state = Mutex(State())

    private struct State {
        var revocations: Set<Revocation> = []
        var error: RevocationLedgerError?
    }

    package init() {}

    /// What every operation throws from now on.
    package func fail(_ error: RevocationLedgerError?) {
        state.withLock { $0.error = error }
    }

    package func revocations() throws -> Set<Revocation> {
        try state.withLock { state in
            if let error = state.error { throw error }
            return state.revocations
        }
    }

    package func add(_ revocations: Set<Revocation>, at now: NumericDate) throws {
        try state.withLock { state in
            if let error = state.error { throw error }
            state.revocations.formUnion(revocations)
        }
    }
}
