// The first start.

import JOSE
import Keys
import Testing

@Suite struct KeyRingBootstrapTests {
    @Test func `an empty store gets an active key and a standby for both algorithms, once`() async throws {
        let store = InMemoryKeyStore()
        let bootstrap = KeyRingBootstrap(store: store, maker: try TestKeys.maker())
        let ring = try await bootstrap.completeRing(at: time(1000))
        #expect(ring.version == 1)
        #expect(ring.keys.count == 4)
        for algorithm in SigningAlgorithm.allCases {
            #expect(ring.active(algorithm)?.activatedAt == time(1000))
            #expect(ring.standbys(algorithm).count == 1)
        }
        #expect(ring.published.keys.count == 4)
        #expect(ring.published.keys.allSatisfy { $0.keyID == $0.thumbprint })
        // Everything opens, also what is to sign next.
        let keys = try SigningKeys(opening: ring, with: TestKeys.sealer.get())
        for algorithm in SigningAlgorithm.allCases {
            #expect(try keys.signer(algorithm).kid == ring.active(algorithm)?.kid)
        }
        // Again changes nothing.
        #expect(try await bootstrap.completeRing(at: time(99_000)) == ring)
        #expect(store.replacements == 1)
    }

    @Test func `a standby that is there signs before a new key does`() async throws {
        let standby = try TestKeys.es256(3)
        let store = InMemoryKeyStore(
            try KeyRing().preparing(standby)
                .preparing(TestKeys.rs256(0)).activating(TestKeys.rs256(0).kid, at: time(1000))
                .preparing(TestKeys.rs256(1))
        )
        let ring = try await KeyRingBootstrap(store: store, maker: TestKeys.maker()).completeRing(at: time(3000))
        #expect(ring.active(.ES256)?.kid == standby.kid)
        #expect(ring.standbys(.ES256).count == 1)
        #expect(ring.version == 5)
        #expect(ring.keys.filter { $0.algorithm == .RS256 }.count == 2)
    }

    @Test func `a missing standby is made without touching the key that signs`() async throws {
        let before = try TestKeys.fullRing().activating(TestKeys.es256(1).kid, at: time(3000))
        let store = InMemoryKeyStore(before)
        let ring = try await KeyRingBootstrap(store: store, maker: TestKeys.maker()).completeRing(at: time(4000))
        #expect(ring.active(.ES256) == before.active(.ES256))
        #expect(ring.standbys(.ES256).map(\.preparedAt) == [time(4000)])
        #expect(ring.keys.starts(with: before.keys))
    }

    // Threat G03: two processes start at once.
    @Test func `who loses the race takes the winner's ring`() async throws {
        let winner = try TestKeys.fullRing()
        let almost = try TestKeys.fullRing().activating(TestKeys.es256(1).kid, at: time(3000))
        let store = InMemoryKeyStore(almost, rival: try almost.preparing(TestKeys.es256(4)))
        let ring = try await KeyRingBootstrap(store: store, maker: TestKeys.maker()).completeRing(at: time(1000))
        #expect(try ring == almost.preparing(TestKeys.es256(4)))
        #expect(store.replacements == 0)
        #expect(winner.incompleteAlgorithms.isEmpty)
    }
}
