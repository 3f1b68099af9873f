// The record that leaves with a token is written without a tree, and is the same bytes.

import Issuer
import JOSE
import Keys
import Testing

@Suite struct AuditRecordBytesTests {
    private static let texts: [ByteString] = [
        "", "ok", "acme/widgets", #"a"b\c"#, "é \u{1F600}", "\u{0}\u{1F}\u{7F}", ByteString([0xFF, 0x41, 0xC3]), "/",
    ]

    private func record(_ operation: AuditRecord.Operation, _ text: ByteString, isFull: Bool) throws -> AuditRecord {
        var random = SystemRandomNumberGenerator()
        return AuditRecord(
            at: time(1_700_000_000),
            operation: operation,
            decision: .permit,
            reason: text,
            runner: isFull ? text : nil,
            job: isFull ? .random(using: &random) : nil,
            repository: isFull ? text : nil,
            subject: text,
            audiences: isFull ? [text, "b", text] : [],
            jti: isFull ? text : nil,
            kid: isFull ? nil : text,
            expiresAt: isFull ? time(1_700_000_300) : nil,
            source: isFull ? nil : text,
            approver: isFull ? text : nil,
            peerUID: isFull ? .max : nil,
            svid: isFull && operation == .svid ? AuditedSVID(.x509, serial: text, peerPID: 7) : nil,
            rules: isFull ? [text] : []
        )
    }

    @Test(arguments: AuditRecord.Operation.allCases)
    func `the bytes of a record are those of its document`(operation: AuditRecord.Operation) throws {
        for text in Self.texts {
            for isFull in [true, false] {
                let record = try record(operation, text, isFull: isFull)
                #expect(record.serialized == record.document.serialized)
                let denied = record.denied(.grantUsed)
                #expect(denied.serialized == denied.document.serialized)
            }
        }
    }

    @Test func `the digest of a record is what it always was`() {
        // Python: hashlib.sha256(bytes(32) + struct.pack(">q", 258) + b'{"a":1}')
        let digest = AuditChain.digest(after: AuditChain.beginning, sequence: 258, document: Array(#"{"a":1}"#.utf8))
        #expect(
            digest == [
                192, 187, 15, 39, 180, 161, 144, 191, 117, 32, 141, 154, 155, 120, 44, 86,
                241, 217, 81, 140, 58, 225, 96, 148, 79, 79, 247, 49, 157, 80, 145, 185,
            ]
        )
    }
}
