package import JOSE

/// Where the key ring lies: one value with a version, and beside it what its rotation rests on.
package protocol KeyStore: Sendable {
    /// The stored ring; the empty ring of version 0 where none was ever stored.
    func keyRing() async throws -> KeyRing
    /// The stored ring with its evidence, read in one piece.
    func rotationState() async throws -> RotationState
    /// Stores `ring`, with a record of each transition, if the stored version is still `version`; answers whether it
    /// was.
    ///
    /// The store itself refuses a ring that withdraws a key while its tokens live.
    func replaceKeyRing(
        with ring: KeyRing,
        expecting version: Int64,
        recording transitions: [KeyTransition],
        at now: NumericDate
    ) async throws -> Bool
    /// Stores the rules that every process is to go by.
    func setRotationRules(_ rules: RotationRules) async throws
    /// Notes that the JWK Set at `place` holds `kids`, and no others.
    func noteSighting(of kids: [ByteString], at place: ByteString, at now: NumericDate) async throws
    /// The last reading of the clocks that was trusted.
    func trustedClock() async throws -> ClockReading?
    func setTrustedClock(_ reading: ClockReading) async throws
    /// Whether those who share the store have this time, too: keys change for all at one time.
    func agrees(with now: NumericDate) async throws -> Bool
}

extension KeyStore {
    package func agrees(with now: NumericDate) async throws -> Bool {
        true
    }
}
