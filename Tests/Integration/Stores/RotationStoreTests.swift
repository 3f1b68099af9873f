// What a rotation rests on, and what the store itself refuses (threats G02, G03, G11).

import Foundation
import Issuer
import JOSE
import Keys
import Storage
import TestSupport
import Testing

@Suite(.eachStore) struct RotationStoreTests {
    private func kid(_ index: Int) throws -> ByteString {
        try TestKeys.key(index).kid
    }

    /// A store whose key 0 signed a token that expires at 1300.
    private func used() async throws -> (temporary: TemporaryStore, ring: KeyRing) {
        let temporary = try await TemporaryStore()
        let ring = try TestKeys.ring()
        #expect(try await temporary.store.replaceKeyRing(with: ring, expecting: 0))
        let job = try await temporary.registered()
        let permit = TemporaryStore.permit(of: job, kid: try kid(0))
        #expect(try await temporary.store.commit([permit], of: job, at: time(1001)) == nil)
        return (temporary, ring)
    }

    private func replaces(
        _ store: any TestedStore,
        _ ring: KeyRing,
        expecting version: Int64,
        at now: Int64
    ) async throws
        -> Bool
    {
        try await store.replaceKeyRing(with: ring, expecting: version, recording: [], at: time(now))
    }

    // MARK: What keys signed

    @Test func `by when a key's tokens are gone is kept with each token`() async throws {
        let (temporary, _) = try await used()
        // Ten seconds more than the token lives.
        #expect(try await temporary.store.rotationState().tokensExpireBy == [kid(0): time(1310)])
        let job = try await temporary.registered()
        for (expiresAt, expected) in [(1200, 1310), (1310, 1310), (1311, 1321), (9000, 9010), (1300, 9010)] {
            let permit = AuditRecord(
                at: time(1000),
                operation: .token,
                decision: .permit,
                reason: "ok",
                job: job.id,
                jti: "j",
                kid: try kid(0),
                expiresAt: time(Int64(expiresAt))
            )
            #expect(try await temporary.store.commit([permit], of: job, at: time(1001)) == nil)
            #expect(
                try await temporary.store.rotationState().tokensExpireBy == [kid(0): time(Int64(expected))]
            )
        }
        #expect(try await temporary.reopened().rotationState().tokensExpireBy == [kid(0): time(9010)])
    }

    @Test func `a token that is made at a job's registration counts, a refused one does not`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        #expect(try await store.replaceKeyRing(with: TestKeys.ring(), expecting: 0))
        let refused = try temporary.job()
        let wrong = TemporaryStore.permit(of: refused, kid: try kid(1))
        #expect(try await store.register(refused, permits: [wrong]) == .refused(.keyWithdrawn))
        let ended = try await temporary.registered()
        try await store.end(ended.id, at: time(1001))
        let late = TemporaryStore.permit(of: ended, kid: try kid(0))
        #expect(try await store.commit([late], of: ended, at: time(1002)) == .refused(.jobEnded))
        #expect(try await store.rotationState().tokensExpireBy.isEmpty)
        let job = try temporary.job()
        let permit = TemporaryStore.permit(of: job, kid: try kid(0))
        #expect(try await store.register(job, permits: [permit]) == .registered)
        #expect(try await store.rotationState().tokensExpireBy == [kid(0): time(1310)])
    }

    @Test func `the tokens that a key signed are found, and no others`() async throws {
        let (temporary, ring) = try await used()
        let store = temporary.store
        #expect(try await replaces(store, ring.activating(kid(1), at: time(1002)), expecting: ring.version, at: 1002))
        let job = try await temporary.registered()
        for (name, kid) in [("j2", try kid(1)), ("j3", try kid(0)), ("j4", try kid(1))] {
            let permit = TemporaryStore.permit(of: job, kid: kid, jti: ByteString(name))
            _ = try await store.commit([permit], of: job, at: time(1003))
        }
        #expect(try await names(store, kid(0)) == ["j1"])
        #expect(try await names(store, kid(1)) == ["j2", "j4"])
        #expect(try await names(store, kid(2)).isEmpty)
        #expect(try await names(store, "' OR 1 = 1 --").isEmpty)
        // A page begins after the sequence that is named.
        let last = try #require(try await store.tokens(signedBy: kid(1), after: 0).records.last)
        #expect(try await store.tokens(signedBy: kid(1), after: last.sequence).records.isEmpty)
    }

    private func names(_ store: any TestedStore, _ kid: ByteString) async throws -> [String] {
        try await store.tokens(signedBy: kid, after: 0).records.compactMap { record in
            try JSONReader.read(record.document).objectValue?["jti"]?.stringValue?.string
        }
    }

    @Test(.tags(.sqliteFile)) func `many tokens come in pages, each once`() async throws {
        let (temporary, _) = try await used()
        let kid = try kid(0).string
        // Every hundredth of 12,000 more records is a token of the key.
        try RawDatabase.run(
            """
            WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
            INSERT INTO audit SELECT (SELECT MAX(sequence) FROM audit) + i, CAST(CASE WHEN i % 100 = 0
                THEN '{"jti":"n' || i || '","kid":"\(kid)"}' ELSE '{"kid":"\(kid)"}' END AS BLOB), X'00' FROM n;
            """,
            in: temporary.files.database
        )
        var found: [StoredAuditRecord] = []
        var pages = 0
        var after: Int64? = 0
        while let sequence = after {
            let page = try await temporary.store.tokens(signedBy: self.kid(0), after: sequence)
            found += page.records
            pages += 1
            after = page.through
            try #require(pages < 10)
        }
        #expect(found.count == 121)
        #expect(Set(found.map(\.sequence)).count == 121)
        #expect(found.map(\.sequence) == found.map(\.sequence).sorted())
        #expect(pages == 3)
    }

    // MARK: What the store refuses

    @Test func `no ring is stored that withdraws a key while its tokens live`() async throws {
        let (temporary, ring) = try await used()
        let store = temporary.store
        let retiring = try ring.activating(kid(1), at: time(1002))
        #expect(try await replaces(store, retiring, expecting: ring.version, at: 1002))
        let retired = try retiring.retiring(kid(0), at: time(1309))
        let forgotten = try KeyRing().preparing(TestKeys.key(1)).activating(kid(1), at: time(2))
            .preparing(TestKeys.key(2)).preparing(TestKeys.key(3)).preparing(TestKeys.key(4))
        #expect(forgotten.version > retiring.version)
        for withdrawn in [retired, forgotten] {
            await #expect(throws: (any Error).self) {
                try await replaces(store, withdrawn, expecting: retiring.version, at: 1309)
            }
            #expect(try await store.keyRing() == retiring)
        }
        #expect(try await replaces(store, retired, expecting: retiring.version, at: 1310))
        #expect(try await temporary.reopened().keyRing() == retired)
    }

    @Test func `a revoked key may go while its tokens live`() async throws {
        let (temporary, ring) = try await used()
        let revoked = try ring.revoking(kid(0), at: time(1002)).activating(kid(1), at: time(1002))
        #expect(try await replaces(temporary.store, revoked, expecting: ring.version, at: 1002))
    }

    @Test func `no ring is stored whose version does not rise`() async throws {
        let (temporary, ring) = try await used()
        let older = try KeyRing().preparing(TestKeys.key(0))
        for other in [ring, older] {
            await #expect(throws: (any Error).self) {
                try await replaces(temporary.store, other, expecting: ring.version, at: 1002)
            }
        }
        #expect(try await temporary.store.keyRing() == ring)
    }

    @Test(.tags(.sqliteFile)) func `another program is refused, too`() async throws {
        let (temporary, ring) = try await used()
        let path = temporary.files.database
        #expect(throws: RawDatabase.Failure.self) {
            try RawDatabase.run("UPDATE key_ring SET version = version - 1", in: path)
        }
        let gone = RawDatabase.blob(KeyRingDocument.write(try ring.retiring(kid(1), at: time(3))))
        #expect(throws: Never.self) {
            try RawDatabase.run("UPDATE key_ring SET version = version + 1, document = \(gone)", in: path)
        }
        let empty = RawDatabase.blob(Array(#"{"version":9,"keys":[]}"#.utf8))
        #expect(throws: RawDatabase.Failure.self) {
            try RawDatabase.run("UPDATE key_ring SET version = 9, document = \(empty), replaced_at = 1309", in: path)
        }
    }

    @Test(.tags(.sqliteFile)) func `a ring that was changed behind our back is no ring`() async throws {
        let (temporary, ring) = try await used()
        // Sound by itself, but not what was stored.
        let other = RawDatabase.blob(KeyRingDocument.write(try ring.preparing(TestKeys.key(2))))
        try RawDatabase.run(
            "UPDATE key_ring SET version = version + 1, document = \(other)",
            in: temporary.files.database
        )
        await #expect(throws: KeyRingError.malformedDocument) { try await temporary.store.keyRing() }
        await #expect(throws: KeyRingError.malformedDocument) { try await temporary.store.rotationState() }
        // Nor for the next process.
        let reopened = try temporary.reopened()
        defer { reopened.close() }
        await #expect(throws: KeyRingError.malformedDocument) { try await reopened.keyRing() }
        await #expect(throws: (any Error).self) {
            try await replaces(reopened, ring.preparing(TestKeys.key(3)), expecting: ring.version, at: 1002)
        }
    }

    @Test(.tags(.sqliteFile)) func `what a private half was sealed into is in no file once it is erased`() async throws
    {
        let (temporary, ring) = try await used()
        let sealed = try #require(ring.keys.first?.sealedPrivateKey)
        let text = Data(Base64URL.encode(sealed.bytes))
        func isAnywhere() throws -> Bool {
            try temporary.folder.contents.contains { name in
                let path = temporary.folder.path + "/" + name
                return try Data(contentsOf: URL(fileURLWithPath: path)).range(of: text) != nil
            }
        }
        #expect(try isAnywhere())
        #expect(
            try await replaces(
                temporary.store,
                ring.activating(kid(1), at: time(1002)),
                expecting: ring.version,
                at: 1002
            )
        )
        // The log is emptied before whatever is asked next.
        _ = try await temporary.store.keyRing()
        #expect(try !isAnywhere())
    }

    // MARK: Rules, sightings, clock, metadata

    @Test func `rules are stored and survive a restart`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await temporary.store.rotationState().rules == nil)
        let schedule = try RotationSchedule(maximumTokenLifetime: .seconds(3600))
        for rules in [RotationRules(schedule: schedule), RotationRules(schedule: schedule, places: ["a", "b"])] {
            try await temporary.store.setRotationRules(rules)
            #expect(try await temporary.store.rotationState().rules == rules)
        }
        #expect(try await temporary.reopened().rotationState().rules?.places == ["a", "b"])
    }

    @Test func `a place is remembered by when each key was first seen there`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        try await store.noteSighting(of: ["k1", "k2"], at: "web", at: time(100))
        try await store.noteSighting(of: ["k1", "k3"], at: "web", at: time(200))
        try await store.noteSighting(of: ["k1"], at: "bucket", at: time(300))
        #expect(
            try await store.rotationState().sightings
                == ["web": ["k1": time(100), "k3": time(200)], "bucket": ["k1": time(300)]]
        )
        // What was gone for a while is new again.
        try await store.noteSighting(of: ["k2", "k2"], at: "web", at: time(400))
        try await store.noteSighting(of: [], at: "bucket", at: time(400))
        #expect(try await temporary.reopened().rotationState().sightings == ["web": ["k2": time(400)]])
    }

    @Test func `a trusted reading of the clocks survives a restart`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await temporary.store.trustedClock() == nil)
        let reading = ClockReading(wall: time(1_795_255_200), sinceBoot: .seconds(86_401), boot: "b\"oot\u{E9}")
        try await temporary.store.setTrustedClock(ClockReading(wall: time(1), sinceBoot: .zero, boot: "a"))
        try await temporary.store.setTrustedClock(reading)
        #expect(try await temporary.reopened().trustedClock() == reading)
    }

    @Test func `the discovery document is stored as it is`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await temporary.store.providerMetadata() == nil)
        try await temporary.store.setProviderMetadata(Array("{}".utf8))
        try await temporary.store.setProviderMetadata(Array(#"{"issuer":"x"}"#.utf8))
        #expect(try await temporary.reopened().providerMetadata() == Array(#"{"issuer":"x"}"#.utf8))
    }

    // MARK: Sealing anew

    @Test func `ring and secrets are sealed anew together or not at all`() async throws {
        let (temporary, ring) = try await used()
        let store = temporary.store
        let (old, new) = (SealedSecret(bytes: [1]), SealedSecret(bytes: [2]))
        _ = try await store.secret(named: "a", orStore: old)
        let sealer = try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 7, count: 32))
        let next = try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 9, count: 32))
        let resealed = try ring.resealed(from: sealer, to: next)
        // Another ring, or another secret, than the one that was sealed anew.
        for (version, known) in [(ring.version - 1, old), (ring.version, new)] {
            #expect(try await !replaces(store, resealed, secret: new, insteadOf: known, expecting: version))
            #expect(try await store.keyRing() == ring)
            #expect(try await store.sealedSecrets() == ["a": old])
        }
        #expect(try await replaces(store, resealed, secret: new, insteadOf: old, expecting: ring.version))
        #expect(try await temporary.lastRecords(1) == ["key_reseal permit ok"])
        let reopened = try temporary.reopened()
        #expect(try await reopened.keyRing() == resealed)
        #expect(try await reopened.sealedSecrets() == ["a": new])
        #expect(throws: Never.self) { try SigningKeys(opening: resealed, with: next) }
        #expect(throws: KeyRingError.self) { try SigningKeys(opening: resealed, with: sealer) }
    }

    private func replaces(
        _ store: any TestedStore,
        _ ring: KeyRing,
        secret: SealedSecret,
        insteadOf known: SealedSecret,
        expecting version: Int64
    ) async throws -> Bool {
        try await store.replaceSealed(
            ring: ring,
            secrets: ["a": secret],
            insteadOf: ["a": known],
            expecting: version,
            at: time(2000)
        )
    }
}
