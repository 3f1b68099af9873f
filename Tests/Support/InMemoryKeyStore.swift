// A key store that forgets, and that can let another process win. It holds to the rule of every store: no ring that
// withdraws a key while its tokens live.

package import JOSE
package import Keys
import Synchronization

package final class InMemoryKeyStore: KeyStore {
    /// The ring would withdraw a key while its tokens live, or its version does not rise.
    package struct Unsound: Error {}
    /// What a replacement that was told to break throws.
    package struct Broken: Error, Equatable {
        package init() {}
    }

    private let state: Mutex<State>

    private struct State {
        var rotation: RotationState
        var rival: KeyRing?
        var transitions: [KeyTransition] = []
        var versions: [Int64] = []
        var clock: ClockReading?
        var error: (any Error)?
        /// How far the clocks of the others are ahead of those who ask.
        var clockOffset: Int64 = 0
        var meanwhile: (@Sendable () async -> Void)?
        /// Whether the replacement that breaks is stored all the same.
        var breakage: Bool?
    }

    /// A store that holds `ring`; `rival` is what another process stores just before our first replacement.
    package init(_ ring: KeyRing = KeyRing(), rules: RotationRules? = nil, rival: KeyRing? = nil) {
        state = Mutex(State(rotation: RotationState(ring: ring, rules: rules), rival: rival))
    }

    package var transitions: [KeyTransition] {
        state.withLock { $0.transitions }
    }

    /// Of every ring that was stored.
    package var versions: [Int64] {
        state.withLock { $0.versions }
    }

    /// The others' clocks are so many seconds ahead of ours, or behind.
    package func setClocksApart(bySeconds seconds: Int64) {
        state.withLock { $0.clockOffset = seconds }
    }

    package func agrees(with now: NumericDate) async throws -> Bool {
        try working { abs($0.clockOffset) <= 2 }
    }

    /// What every operation throws from now on.
    package func fail(_ error: (any Error)?) {
        state.withLock { $0.error = error }
    }

    /// The next replacement throws ``Broken``; where `isStored`, the ring is replaced nevertheless, as by a process that
    /// was killed after its commit.
    package func breakNextReplacement(isStored: Bool) {
        state.withLock { $0.breakage = isStored }
    }

    /// What another process stores just before our next replacement.
    package func letRivalStore(_ ring: KeyRing) {
        state.withLock { $0.rival = ring }
    }

    /// What happens while our next replacement is on its way to the store.
    package func beforeNextReplacement(_ body: @escaping @Sendable () async -> Void) {
        state.withLock { $0.meanwhile = body }
    }

    /// No replacement breaks any more.
    package func mend() {
        state.withLock { $0.breakage = nil }
    }

    /// A token of `kid` that expires at `expiresAt` was recorded; false where the key does not sign by the stored ring.
    package func recordToken(of kid: ByteString, expiringAt expiresAt: NumericDate) -> Bool {
        state.withLock { state in
            guard state.rotation.ring.key(kid)?.state == .active else { return false }
            state.rotation.tokensExpireBy[kid] = max(state.rotation.tokensExpireBy[kid] ?? expiresAt, expiresAt)
            return true
        }
    }

    package func keyRing() async throws -> KeyRing {
        try working { $0.rotation.ring }
    }

    package func rotationState() async throws -> RotationState {
        try working { $0.rotation }
    }

    package func replaceKeyRing(
        with ring: KeyRing,
        expecting version: Int64,
        recording transitions: [KeyTransition],
        at now: NumericDate
    ) async throws -> Bool {
        let meanwhile = state.withLock { state in
            defer { state.meanwhile = nil }
            return state.meanwhile
        }
        await meanwhile?()
        return try working { state in
            if let rival = state.rival {
                state.rotation.ring = rival
                state.rival = nil
            }
            guard state.rotation.ring.version == version else { return false }
            let withdrawn = state.rotation.tokensExpireBy.filter { kid, expireBy in
                expireBy > now && (ring.key(kid).map { $0.state == .retired } ?? true)
            }
            guard withdrawn.isEmpty, ring.version > version else { throw Unsound() }
            let breakage = state.breakage
            state.breakage = nil
            guard breakage != false else { throw Broken() }
            state.rotation.ring = ring
            state.transitions += transitions
            state.versions.append(ring.version)
            guard breakage == nil else { throw Broken() }
            return true
        }
    }

    package func setRotationRules(_ rules: RotationRules) async throws {
        try working { $0.rotation.rules = rules }
    }

    package func noteSighting(of kids: [ByteString], at place: ByteString, at now: NumericDate) async throws {
        try working { state in
            let before = state.rotation.sightings[place] ?? [:]
            state.rotation.sightings[place] = Dictionary(uniqueKeysWithValues: kids.map { ($0, before[$0] ?? now) })
        }
    }

    package func trustedClock() async throws -> ClockReading? {
        try working { $0.clock }
    }

    package func setTrustedClock(_ reading: ClockReading) async throws {
        try working { $0.clock = reading }
    }

    private func working<Value: Sendable>(_ body: (inout State) throws -> Value) throws -> Value {
        try state.withLock { state in
            if let error = state.error { throw error }
            return try body(&state)
        }
    }
}

extension KeyStore {
    /// Stores a ring of which nothing is to be recorded.
    package func replaceKeyRing(with ring: KeyRing, expecting version: Int64) async throws -> Bool {
        let now = ring.newestInstant ?? NumericDate(secondsSinceEpoch: 0)
        return try await replaceKeyRing(with: ring, expecting: version, recording: [], at: now)
    }
}
