// A key store that forgets, and that can let another process win.

import Keys
import Synchronization

final class InMemoryKeyStore: KeyStore {
    private let state: Mutex<State>

    private struct State {
        var ring: KeyRing
        var rival: KeyRing?
        var replacements = 0
    }

    /// A store that holds `ring`; `rival` is what another process stores just before our first replacement.
    init(_ ring: KeyRing = KeyRing(), rival: KeyRing? = nil) {
        state = Mutex(State(ring: ring, rival: rival))
    }

    var replacements: Int {
        state.withLock { $0.replacements }
    }

    func keyRing() async throws -> KeyRing {
        state.withLock { $0.ring }
    }

    func replaceKeyRing(with ring: KeyRing, expecting version: Int64) async throws -> Bool {
        state.withLock { state in
            if let rival = state.rival {
                state.ring = rival
                state.rival = nil
            }
            guard state.ring.version == version else { return false }
            state.ring = ring
            state.replacements += 1
            return true
        }
    }
}
