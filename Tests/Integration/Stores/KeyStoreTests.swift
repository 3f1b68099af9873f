// The key ring in the store (threats G03, G06, G11).

import Foundation
import Issuer
import JOSE
import Keys
import Storage
import TestSupport
import Testing

@Suite(.eachStore) struct KeyStoreTests {
    @Test func `a new store has the empty ring`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await temporary.store.keyRing() == KeyRing())
    }

    @Test func `a ring is replaced only by who knows its version`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        let ring = try TestKeys.ring()
        #expect(try await !store.replaceKeyRing(with: ring, expecting: 1))
        #expect(try await store.keyRing() == KeyRing())
        #expect(try await store.replaceKeyRing(with: ring, expecting: 0))
        #expect(try await store.keyRing() == ring)
        // Again with the version of before: a conflict, and nothing changes.
        let other = try KeyRing().preparing(TestKeys.key(5))
        #expect(try await !store.replaceKeyRing(with: other, expecting: 0))
        #expect(try await store.keyRing() == ring)
        let next = try ring.activating(TestKeys.key(1).kid, at: time(9))
        #expect(try await store.replaceKeyRing(with: next, expecting: ring.version))
        #expect(try await temporary.reopened().keyRing() == next)
    }

    @Test func `of many that replace at once, one wins each round`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        var ring = try TestKeys.ring()
        #expect(try await store.replaceKeyRing(with: ring, expecting: 0))
        for index in 2..<5 {
            let next = try ring.preparing(TestKeys.key(index))
            let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask { [ring] in try await store.replaceKeyRing(with: next, expecting: ring.version) }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(wins == 1)
            ring = next
        }
        #expect(try await store.keyRing() == ring)
    }

    @Test func `a secret is stored once, and the first one stays`() async throws {
        let temporary = try await TemporaryStore()
        let (one, other) = (SealedSecret(bytes: [1, 2, 3]), SealedSecret(bytes: [4]))
        #expect(try await temporary.store.secret(named: "a", orStore: one) == one)
        #expect(try await temporary.store.secret(named: "a", orStore: other) == one)
        #expect(try await temporary.store.secret(named: "b", orStore: other) == other)
        #expect(try await temporary.reopened().secret(named: "a", orStore: other) == one)
    }

    @Test(.tags(.sqliteFile)) func `the first turn over the store is idempotent and survives a restart`() async throws {
        let temporary = try await TemporaryStore()
        let sealer = try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 7, count: 32))
        let custodian = KeyCustodian(
            store: temporary.store,
            sealer: sealer,
            ledger: InMemoryRevocationLedger(),
            clock: ClockGuard(trusted: nil),
            standardRules: RotationRules(schedule: try RotationSchedule(maximumTokenLifetime: .seconds(3600)))
        )
        let reading = ClockReading(wall: time(1000), sinceBoot: .zero, boot: "b")
        let ring = try await custodian.turn(at: reading).state.ring
        #expect(try await custodian.turn(at: reading).transitions.isEmpty)
        let reopened = try temporary.reopened()
        #expect(try await reopened.keyRing() == ring)
        #expect(throws: Never.self) { try SigningKeys(opening: ring, with: sealer) }
        reopened.close()

        // G11: no private half lies open in any of the files.
        let names = try temporary.folder.contents
        for key in ring.keys {
            let sealed = try #require(key.sealedPrivateKey)
            let der = try sealer.unseal(sealed, context: "jobsworth signing key " + key.kid)
            let secret = Array(key.algorithm == .ES256 ? der[36..<68] : der[(der.count - 64)...])
            for name in names {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: temporary.folder.path + "/" + name))
                #expect(bytes.range(of: Data(secret)) == nil)
                #expect(bytes.range(of: Data(Base64URL.encode(secret.dropLast(secret.count % 3)))) == nil)
            }
        }
    }
}
