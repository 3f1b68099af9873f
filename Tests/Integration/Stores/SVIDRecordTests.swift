// SVIDs in the log: recorded with the key that signed, or not released.

import Issuer
import JOSE
import Keys
import Storage
import TestSupport
import Testing

@Suite(.eachStore) struct SVIDRecordTests {
    private let temporary: TemporaryStore
    private let ring: KeyRing

    init() async throws {
        temporary = try await TemporaryStore()
        // Certificates' keys in name only; the store never looks into one.
        let keys = try (0..<2).map { index in
            let key = try TestKeys.key(index)
            return SigningKey(
                publicKey: key.publicKey,
                purpose: .certificates,
                sealed: try #require(key.sealedPrivateKey),
                certificate: KeyCertificate(der: [1], expiresAt: time(9000)),
                preparedAt: time(1)
            )
        }
        ring = try KeyRing().preparing(keys[0]).activating(keys[0].kid, at: time(2)).preparing(keys[1])
        #expect(try await temporary.store.replaceKeyRing(with: ring, expecting: 0))
    }

    private func record(_ svid: AuditedSVID, kid: ByteString, jti: ByteString? = nil) -> AuditRecord {
        AuditRecord(
            at: time(1000),
            operation: .svid,
            decision: .permit,
            reason: "ok",
            subject: "spiffe://example.org/a",
            audiences: jti == nil ? [] : ["b"],
            jti: jti,
            kid: kid,
            expiresAt: time(1300),
            peerUID: 1000,
            svid: svid
        )
    }

    private func x509(_ index: Int = 0) throws -> AuditRecord {
        let svid = AuditedSVID(
            .x509,
            serial: "0A1B",
            evidenceIssuer: "https://ci.example",
            evidenceSubject: "repo:a",
            evidenceID: "e1",
            peerPID: 77
        )
        return record(svid, kid: try TestKeys.key(index).kid)
    }

    @Test func `an SVID is recorded with its evidence, its peer and the key that signed`() async throws {
        #expect(try await temporary.store.commit(svids: [x509()]) == nil)
        let written = try #require(try await temporary.records().last)
        #expect(
            try ByteString(written.serialized).string
                == #"{"at":"1970-01-01T00:16:40Z","operation":"svid","decision":"permit","reason":"ok","#
                + #""subject":"spiffe://example.org/a","kid":"\#(TestKeys.key(0).kid.string)","exp":1300,"peer_uid":1000,"#
                + #""svid":"x509","serial":"0A1B","evidence":{"iss":"https://ci.example","sub":"repo:a","jti":"e1"},"#
                + #""peer_pid":77}"#
        )
    }

    @Test func `what a key signs that signs no more is refused, all of it, and recorded as such`() async throws {
        let reason = try await temporary.store.commit(svids: [x509(), x509(1)])
        #expect(reason == .keyWithdrawn)
        #expect(try await temporary.lastRecords(2) == Array(repeating: "svid deny key_withdrawn", count: 2))
        let written = try #require(try await temporary.records().last)
        #expect(written["kid"] == nil && written["serial"] == nil && written["svid"] == "x509")
        #expect(try await temporary.store.rotationState().tokensExpireBy.isEmpty)
    }

    @Test func `an authority is not withdrawn while its SVIDs live`() async throws {
        let store = temporary.store
        #expect(try await store.commit(svids: [x509()]) == nil)
        #expect(try await store.rotationState().tokensExpireBy == [TestKeys.key(0).kid: time(1310)])
        let retiring = try ring.activating(TestKeys.key(1).kid, at: time(1002))
        #expect(
            try await store.replaceKeyRing(with: retiring, expecting: ring.version, recording: [], at: time(1002))
        )
        let retired = try retiring.retiring(TestKeys.key(0).kid, at: time(1309))
        await #expect(throws: (any Error).self) {
            try await store.replaceKeyRing(with: retired, expecting: retiring.version, recording: [], at: time(1309))
        }
        #expect(
            try await store.replaceKeyRing(with: retired, expecting: retiring.version, recording: [], at: time(1310))
        )
        #expect(try await temporary.reopened().keyRing() == retired)
    }

    @Test func `the SVIDs that a key signed are found, certificates and tokens`() async throws {
        let store = temporary.store
        let kid = try TestKeys.key(0).kid
        #expect(try await store.commit(svids: [x509(), record(AuditedSVID(.jwt), kid: kid, jti: "j1")]) == nil)
        let found = try await store.tokens(signedBy: kid, after: 0).records.map { record in
            try JSONReader.read(record.document).objectValue?["svid"]
        }
        #expect(found == ["x509", "jwt"])
    }
}
