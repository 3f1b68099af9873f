// The ring's transitions: at any time one key signs with each algorithm.

import JOSE
import Keys
import TestSupport
import Testing

@Suite struct KeyRingTests {
    @Test func `the empty ring has version 0 and publishes nothing`() {
        let ring = KeyRing()
        #expect(ring.version == 0)
        #expect(ring.keys.isEmpty)
        #expect(ring.published.keys.isEmpty)
    }

    @Test func `a prepared key is published and never signs`() throws {
        let key = try TestKeys.es256(0)
        let ring = try KeyRing().preparing(key)
        #expect(ring.version == 1)
        #expect(ring.active(.ES256) == nil)
        #expect(ring.standbys(.ES256) == [key])
        #expect(ring.published.keys == [key.publicKey])
        let keys = try SigningKeys(opening: ring, with: TestKeys.sealer.get())
        #expect(throws: KeyRingError.noActiveKey(.ES256)) { try keys.signer(.ES256) }
    }

    @Test func `activating retires the key before it, which loses its private half`() throws {
        let (first, second) = (try TestKeys.es256(0), try TestKeys.es256(1))
        let ring = try TestKeys.smallRing().activating(second.kid, at: time(5000))
        let active = try #require(ring.active(.ES256))
        #expect(active.kid == second.kid)
        #expect(active.activatedAt == time(5000))
        #expect(active.sealedPrivateKey != nil)
        let retiring = try #require(ring.key(first.kid))
        #expect(retiring.state == .retiring)
        #expect(retiring.retiringAt == time(5000))
        #expect(retiring.sealedPrivateKey == nil)
        // Still published, so that its tokens verify.
        #expect(ring.published.keys.map(\.thumbprint) == [first.kid, second.kid])
    }

    @Test func `the algorithms do not disturb each other`() throws {
        let ring = try TestKeys.fullRing()
        let rotated = try ring.activating(TestKeys.rs256(1).kid, at: time(5000))
        #expect(rotated.active(.ES256) == ring.active(.ES256))
        #expect(try rotated.active(.RS256)?.kid == TestKeys.rs256(1).kid)
    }

    @Test func `a key that is there cannot be prepared again`() throws {
        let key = try TestKeys.es256(0)
        #expect(throws: KeyRingError.keyExists(key.kid)) { try TestKeys.smallRing().preparing(key) }
    }

    @Test func `a key that signs elsewhere cannot be slipped in as a second signer`() throws {
        let active = try #require(try TestKeys.smallRing().active(.ES256))
        #expect(throws: KeyRingError.wrongState(active.kid, .active)) { try KeyRing().preparing(active) }
    }

    @Test func `only a prepared key of the ring can be activated`() throws {
        let ring = try TestKeys.smallRing().activating(TestKeys.es256(1).kid, at: time(5000))
        let (retiring, active) = (try TestKeys.es256(0).kid, try TestKeys.es256(1).kid)
        #expect(throws: KeyRingError.wrongState(retiring, .retiring)) { try ring.activating(retiring, at: time(6000)) }
        #expect(throws: KeyRingError.wrongState(active, .active)) { try ring.activating(active, at: time(6000)) }
        #expect(throws: KeyRingError.noSuchKey("nobody")) { try ring.activating("nobody", at: time(6000)) }
    }

    @Test(arguments: 0..<40)
    func `any order of transitions keeps the invariants`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let pool = try TestKeys.pool.get()
        var ring = KeyRing()
        for step in 0..<60 {
            let key = try #require(pool.randomElement(using: &random))
            let before = ring
            do throws(KeyRingError) {
                if Bool.random(using: &random) {
                    ring = try ring.preparing(key)
                } else {
                    ring = try ring.activating(key.kid, at: time(Int64(step)))
                }
                #expect(ring.version == before.version + 1)
            } catch {
                #expect(ring == before)
            }
            checkInvariants(ring, after: before)
        }
        #expect(try KeyRingDocument.read(KeyRingDocument.write(ring)) == ring)
    }

    private func checkInvariants(_ ring: KeyRing, after before: KeyRing) {
        #expect(Set(ring.keys.map(\.kid)).count == ring.keys.count)
        for algorithm in SigningAlgorithm.allCases {
            let active = ring.keys.filter { $0.state == .active && $0.algorithm == algorithm }
            #expect(active.count <= 1)
            // Once there was a signer there is always one.
            if before.active(algorithm) != nil { #expect(active.count == 1) }
            // Who signs now was published before.
            if let kid = active.first?.kid { #expect(before.published.keys.contains { $0.thumbprint == kid }) }
        }
        for key in ring.keys {
            #expect((key.sealedPrivateKey != nil) == key.state.keepsPrivateHalf)
            #expect(key.kid == key.publicKey.thumbprint)
        }
        // No key that was published is gone.
        #expect(ring.published.keys.starts(with: before.published.keys))
    }
}
