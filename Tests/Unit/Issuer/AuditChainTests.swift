// The issuance log cannot be changed unnoticed.

import Crypto
import Issuer
import JOSE
import Keys
import Testing

@Suite struct AuditChainTests {
    private func chain(_ count: Int) -> [StoredAuditRecord] {
        var digest = AuditChain.beginning
        return (1...Int64(count)).map { sequence in
            let document = Array("{\"n\":\(sequence % 3)}".utf8)
            digest = AuditChain.digest(after: digest, sequence: sequence, document: document)
            return StoredAuditRecord(sequence: sequence, document: document, digest: digest)
        }
    }

    @Test func `an untouched chain has no break`() {
        #expect(AuditChain.firstBreak(in: chain(20), after: nil) == nil)
        #expect(AuditChain.firstBreak(in: [], after: nil) == nil)
        // In pages, as it is read.
        let all = chain(20)
        #expect(AuditChain.firstBreak(in: Array(all[7...]), after: all[6]) == nil)
    }

    @Test func `the digest is SHA-256 over the digest before, the sequence and the document`() {
        let document = Array("{}".utf8)
        let input = [UInt8](repeating: 0, count: 32) + [0, 0, 0, 0, 0, 0, 1, 2] + document
        #expect(
            AuditChain.digest(after: AuditChain.beginning, sequence: 258, document: document)
                == Array(SHA256.hash(data: input))
        )
    }

    @Test(arguments: 0..<20)
    func `a changed record is found`(index: Int) {
        var all = chain(20)
        let old = all[index]
        all[index] = StoredAuditRecord(sequence: old.sequence, document: Array("{\"n\":9}".utf8), digest: old.digest)
        #expect(AuditChain.firstBreak(in: all, after: nil) == Int64(index + 1))
        // With a digest that fits, the next record no longer does.
        let before = index == 0 ? AuditChain.beginning : all[index - 1].digest
        let digest = AuditChain.digest(after: before, sequence: old.sequence, document: all[index].document)
        all[index] = StoredAuditRecord(sequence: old.sequence, document: all[index].document, digest: digest)
        #expect(AuditChain.firstBreak(in: all, after: nil) == (index == 19 ? nil : Int64(index + 2)))
    }

    @Test(arguments: 0..<19)
    func `a dropped record is found, renumbered or not`(index: Int) {
        var all = chain(20)
        all.remove(at: index)
        #expect(AuditChain.firstBreak(in: all, after: nil) == Int64(index + 2))
        let renumbered = all.enumerated().map { place, record in
            StoredAuditRecord(sequence: Int64(place + 1), document: record.document, digest: record.digest)
        }
        #expect(AuditChain.firstBreak(in: renumbered, after: nil) == Int64(index + 1))
    }

    @Test(arguments: 0..<19)
    func `swapped records are found`(index: Int) {
        var all = chain(20)
        all.swapAt(index, index + 1)
        #expect(AuditChain.firstBreak(in: all, after: nil) == Int64(index + 2))
        // Documents swapped under their sequences. Neighbours always differ here.
        all = chain(20)
        let (one, other) = (all[index], all[index + 1])
        all[index] = StoredAuditRecord(sequence: one.sequence, document: other.document, digest: one.digest)
        all[index + 1] = StoredAuditRecord(sequence: other.sequence, document: one.document, digest: other.digest)
        #expect(AuditChain.firstBreak(in: all, after: nil) == Int64(index + 1))
    }

    @Test func `a truncated beginning, a doubled record and an inserted one are found`() {
        let all = chain(20)
        #expect(AuditChain.firstBreak(in: Array(all.dropFirst()), after: nil) == 2)
        #expect(AuditChain.firstBreak(in: Array(all[5...]), after: all[3]) == 6)
        #expect(AuditChain.firstBreak(in: all[...4] + [all[4]] + all[5...], after: nil) == 5)
        let forged = StoredAuditRecord(sequence: 6, document: Array("{}".utf8), digest: all[5].digest)
        #expect(AuditChain.firstBreak(in: all[...4] + [forged] + all[5...], after: nil) == 6)
    }

    @Test func `a truncated end is told by its last digest alone`() {
        // Nothing in the records that remain says that more followed: who notes the last digest elsewhere notices.
        let all = chain(20)
        #expect(AuditChain.firstBreak(in: Array(all.dropLast()), after: nil) == nil)
        #expect(all.dropLast().last?.digest != all.last?.digest)
    }

    // MARK: Documents

    @Test func `a record is this document`() throws {
        let job = try #require(JobID(Array("0123456789abcdef0123456789abcdef".utf8)))
        let record = AuditRecord(
            at: time(1_795_255_200),
            operation: .token,
            decision: .permit,
            reason: "ok",
            runner: "builder",
            job: job,
            repository: "acme/w\n\"\u{E9}",
            subject: "s",
            audiences: ["a", "b"],
            jti: "j",
            kid: "k",
            expiresAt: time(7)
        )
        #expect(
            ByteString(record.document.serialized).string
                == #"{"at":"2026-11-21T10:00:00Z","operation":"token","decision":"permit","reason":"ok","#
                + #""runner":"builder","job":"0123456789abcdef0123456789abcdef","repository":"acme/w\u000a\"\u00e9","#
                + #""subject":"s","audience":["a","b"],"jti":"j","kid":"k","exp":7}"#
        )
        let denied = record.denied(.jobEnded)
        #expect(
            ByteString(denied.document.serialized).string
                == #"{"at":"2026-11-21T10:00:00Z","operation":"token","decision":"deny","reason":"job_ended","#
                + #""runner":"builder","job":"0123456789abcdef0123456789abcdef","repository":"acme/w\u000a\"\u00e9","#
                + #""subject":"s","audience":["a","b"]}"#
        )
    }

    @Test func `what is absent is no member`() {
        let record = AuditRecord(at: time(0), operation: .keyPrepare, decision: .deny, reason: "x")
        #expect(record.document.members.map(\.name) == ["at", "operation", "decision", "reason"])
    }
}
