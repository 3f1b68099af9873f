// A head that was kept elsewhere tells what became of the log (threat K01), and is no token.

import JOSE
import Keys
import TestSupport
import Testing

@testable import Issuer

@Suite struct AuditHeadTests {
    private typealias Log = [ByteString: [StoredAuditRecord]]

    private let keys: SigningKeys
    private let kid: ByteString

    init() throws {
        keys = try Samples.keys.get()
        kid = try PreparedAuditHead.Signer(keys).kid
    }

    /// One chain of records, the second of which says that our key signs.
    private func chain(_ count: Int, _ salt: String, activating kid: ByteString? = nil) -> [StoredAuditRecord] {
        var documents = (0..<count).map { number in
            Array(#"{"at":"2026-11-21T10:00:00Z","operation":"token","n":"\#(salt)\#(number)"}"#.utf8)
        }
        if let kid, count > 1 {
            documents[1] =
                AuditRecord(at: time(0), operation: .keyActivate, decision: .permit, reason: "due", kid: kid)
                .document.serialized
        }
        return chained(documents)
    }

    private func chained(_ documents: [[UInt8]]) -> [StoredAuditRecord] {
        var digest = AuditChain.beginning
        return documents.enumerated().map { index, document in
            digest = AuditChain.digest(after: digest, sequence: Int64(index + 1), document: document)
            return StoredAuditRecord(sequence: Int64(index + 1), document: document, digest: digest)
        }
    }

    private var log: Log {
        ["operator": chain(12, "o", activating: kid), "r1": chain(9, "a"), "r2": chain(5, "b")]
    }

    private func compact(_ log: Log) throws -> [UInt8] {
        let ends = log.map { name, records in
            AuditChainHead(
                name: name,
                sequence: records.last?.sequence ?? 0,
                digest: records.last?.digest ?? AuditChain.beginning
            )
        }
        let head = AuditHead(ends, at: "2026-11-22T04:00:00Z")
        return try PreparedAuditHead(head: head).signed(by: PreparedAuditHead.Signer(keys)).compact.bytes
    }

    /// What is wrong with the log: within its chains, or compared with the head; nil where nothing is.
    private func fault(of log: Log, by head: [UInt8], believing believed: JWKSet? = nil, page: Int = 3) -> String? {
        do throws(AuditHeadFault) {
            var check = AuditHeadCheck(try VerifiedAuditHead(parsing: head, believing: believed))
            for (name, records) in log {
                var last: StoredAuditRecord?
                for begin in stride(from: 0, to: records.count, by: page) {
                    let rows = Array(records[begin..<min(begin + page, records.count)])
                    if let broken = AuditChain.firstBreak(in: rows, after: last) { return "break at \(broken)" }
                    check.look(at: rows, of: name)
                    last = rows.last
                }
            }
            try check.finish()
            return nil
        } catch {
            return error.reason
        }
    }

    // MARK: What becomes of a log

    @Test(arguments: 1...13)
    func `a log that only grew extends every head of before`(page: Int) throws {
        let head = try compact(log)
        #expect(fault(of: log, by: head, page: page) == nil)
        var later = log
        for name in later.keys {
            later[name] = chained((later[name] ?? []).map(\.document) + [Array("{}".utf8), Array("{\"n\":1}".utf8)])
        }
        later["r3"] = chain(4, "c")
        #expect(fault(of: later, by: head, page: page) == nil)
        #expect(fault(of: later, by: try compact(later), page: page) == nil)
    }

    @Test func `a chain that has no record yet is no part of a head`() throws {
        var empty = log
        empty["r3"] = []
        #expect(try VerifiedAuditHead(parsing: compact(empty)).head.chains.map(\.name) == ["operator", "r1", "r2"])
        #expect(fault(of: log, by: try compact(empty)) == nil)
    }

    /// Everything that somebody may do who can write the store, computing all digests anew.
    @Test(arguments: 0..<300)
    func `no record below the head can be changed, cut, dropped, inserted or moved unnoticed`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let before = log
        let head = try compact(before)
        var after = before
        let name = try #require(before.keys.sorted().randomElement(using: &generator))
        let other = try #require(before.keys.sorted().filter { $0 != name }.randomElement(using: &generator))
        var documents = try #require(before[name]).map(\.document)
        let place = Int.random(in: documents.indices, using: &generator)
        switch seed % 8 {
        case 0: documents[place] = generator.mutated(documents[place])
        case 1: documents.removeSubrange(place...)
        case 2: documents.remove(at: place)
        case 3: documents.insert(Array("{}".utf8), at: place)
        case 4: documents.swapAt(place, Int.random(in: documents.indices, using: &generator))
        case 5: documents[place] = try #require(before[other]?.randomElement(using: &generator)).document
        // Cut, and filled up to the length of before.
        case 6: documents[place...] = ArraySlice((place..<documents.count).map { Array("{\"n\":\($0)}".utf8) })
        default:
            after[name] = before[other]
            after[other] = before[name]
        }
        if seed % 8 < 7 { after[name] = chained(documents) }
        let isChanged = after.contains { name, records in before[name] != records }
        #expect((fault(of: after, by: head) != nil) == isChanged)
    }

    @Test func `what is wrong is told apart`() throws {
        let head = try compact(log)
        var other = log
        other["r1"] = nil
        #expect(fault(of: other, by: head) == "log_chain_missing")
        other["r1"] = Array(chain(9, "a").prefix(8))
        #expect(fault(of: other, by: head) == "log_cut")
        other["r1"] = chain(9, "x")
        #expect(fault(of: other, by: head) == "log_rewritten")
        // The digests left as they were.
        other["r1"] = zip(chain(9, "x"), chain(9, "a")).map { changed, kept in
            StoredAuditRecord(sequence: kept.sequence, document: changed.document, digest: kept.digest)
        }
        #expect(fault(of: other, by: head) == "break at 1")
    }

    // MARK: Whose head it is

    @Test func `a head is believed by the keys of which the log says that they signed for us`() throws {
        let head = try compact(log)
        var foreign = log
        foreign["operator"] = chain(12, "o", activating: "another")
        #expect(fault(of: foreign, by: try compact(foreign)) == "head_key_unknown")
        // Only what the head covers counts: who appends a record does not make a head ours.
        let appended = chained(
            chain(12, "o").map(\.document)
                + [
                    AuditRecord(at: time(0), operation: .keyActivate, decision: .permit, reason: "due", kid: kid)
                        .document.serialized
                ]
        )
        foreign["operator"] = chain(12, "o")
        let early = try compact(foreign)
        foreign["operator"] = appended
        #expect(fault(of: foreign, by: early) == "head_key_unknown")
        // Keys that were kept with it are believed whatever the log says.
        let published = keys.ring.published
        #expect(fault(of: foreign, by: early, believing: published) == nil)
        #expect(fault(of: log, by: head, believing: JWKSet([])) == "head_key_unknown")
    }

    @Test func `a head of a key that was revoked is believed only by keys that were kept`() throws {
        let head = try compact(log)
        var later = log
        let revocation = AuditRecord(at: time(9), operation: .keyRevoke, decision: .permit, reason: "asked", kid: kid)
        later["r2"] = chained((later["r2"] ?? []).map(\.document) + [revocation.document.serialized])
        #expect(fault(of: later, by: head) == "head_key_revoked")
        #expect(fault(of: later, by: head, believing: keys.ring.published) == nil)
        // What is wrong with the log is told first.
        later["r1"] = chain(9, "x")
        #expect(fault(of: later, by: head) == "log_rewritten")
    }

    @Test(arguments: 0..<200)
    func `no edited head is believed`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let head = try compact(log)
        let edited = generator.mutated(head)
        #expect(
            edited == head || fault(of: log, by: edited, believing: seed % 2 == 0 ? keys.ring.published : nil) != nil
        )
    }

    @Test func `a head that another key has signed anew is not the carried key's`() throws {
        let parts = try compact(log).split(separator: UInt8(ascii: "."))
        let other = try PrivateSigningKey.generate(.ES256)
        let input = Array(parts[0]) + [UInt8(ascii: ".")] + Array(parts[1])
        let signature = try other.signature(over: input)
        let forged = input + [UInt8(ascii: ".")] + Base64URL.encode(signature)
        #expect(fault(of: log, by: forged) == "head_signature_invalid")
    }

    // MARK: Domains

    @Test func `no verifier of tokens takes a head, whatever it is asked for`() throws {
        let head = try compact(log)
        #expect(throws: VerificationError.typNotAllowed) { try UnverifiedToken(parsing: head) }
        // Were its type not looked at, it has nothing that a token must have.
        let token = try UnverifiedToken(parsing: head, types: [PreparedAuditHead.type])
        #expect(throws: VerificationError.issuerMismatch) {
            try TokenVerifier(keys: keys.ring.published).verify(
                token,
                issuer: "https://ci.example.org",
                audience: "sts.amazonaws.com",
                at: 0
            )
        }
        let payload = try #require(JSONReader.read(token.payload).objectValue)
        let claims: Set<ByteString> = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "azp", "scope", "client_id"]
        #expect(payload.members.allSatisfy { !claims.contains($0.name) })
    }

    @Test func `no token is taken for a head`() throws {
        let (kid, key) = try keys.signer(.ES256)
        for type in [nil, "JWT", "application/jwt"] as [ByteString?] {
            var header = JSONObject([("alg", "ES256"), ("kid", .string(kid))])
            header["typ"] = type.map { .string($0) }
            let parts = try compact(log).split(separator: UInt8(ascii: "."))
            let input = Base64URL.encode(header.serialized) + [UInt8(ascii: ".")] + Array(parts[1])
            let signature = try key.signature(over: input)
            let token = input + [UInt8(ascii: ".")] + Base64URL.encode(signature)
            #expect(throws: AuditHeadFault.notAHead) { try VerifiedAuditHead(parsing: token) }
        }
    }

    @Test(arguments: ["version", "at", "count", "chains", "key"] as [ByteString])
    func `a payload that lacks a member, or has one more, is none of a head`(member: ByteString) throws {
        let (_, key) = try keys.signer(.ES256)
        var object = AuditHead([], at: "2026-11-22T04:00:00Z").document(signedBy: key.publicKey)
        #expect(throws: Never.self) { try AuditHead(parsing: object) }
        object[member] = nil
        #expect(throws: AuditHeadFault.malformed) { try AuditHead(parsing: object) }
        object["other"] = "x"
        #expect(throws: AuditHeadFault.malformed) { try AuditHead(parsing: object) }
    }

    @Test(arguments: ["", "\u{1B}[31m", "a\nb", "ä"] as [ByteString])
    func `a chain has a name that a replica may have`(name: ByteString) throws {
        let (_, key) = try keys.signer(.ES256)
        let end = AuditChainHead(name: name, sequence: 1, digest: AuditChain.beginning)
        let object = AuditHead([end], at: "2026-11-22T04:00:00Z").document(signedBy: key.publicKey)
        #expect(throws: AuditHeadFault.malformed) { try AuditHead(parsing: object) }
    }
}
