import Crypto
import Issuer
import JOSE

/// What `audit verify` found, chain by chain.
struct AuditSummary {
    private struct Line {
        let end: StoredAuditRecord?
        let name: ByteString

        var records: Int64 { end?.sequence ?? 0 }
        var digest: String { ByteString(Base64URL.encode(end?.digest ?? AuditChain.beginning)).string }
        var text: String { "\(records) \(digest) \(name)" }
    }

    private var check: AuditHeadCheck?
    private var lines: [Line] = []
    /// The last record of a log that is one chain, shown without a name.
    var sole: StoredAuditRecord?

    /// `check` compares the log with a head of before.
    init(check: AuditHeadCheck?) {
        self.check = check
    }

    mutating func look(at page: [StoredAuditRecord], of chain: ByteString) {
        check?.look(at: page, of: chain)
    }

    /// One of several chains was seen whole.
    mutating func add(_ chain: ByteString, endingAt end: StoredAuditRecord?) {
        lines.append(Line(end: end, name: chain))
    }

    /// - Throws: A failure where the log is not what the head says.
    func finish() throws {
        do throws(AuditHeadFault) {
            try check?.finish()
        } catch {
            throw error.failure
        }
    }

    private var count: Int64 {
        sole?.sequence ?? lines.reduce(0) { $0 + $1.records }
    }

    /// Of one chain its last digest, of several one over their ends.
    private var digest: String {
        guard !lines.isEmpty else { return sole.map { ByteString(Base64URL.encode($0.digest)).string } ?? "" }
        var heads = SHA256()
        for line in lines { heads.update(data: Array((line.text + "\n").utf8)) }
        return ByteString(Base64URL.encode(Array(heads.finalize()))).string
    }

    var text: String {
        let kept = check.map { check in
            "extends the head of \(check.head.head.at) with \(check.head.head.count) records, signed by \(check.head.kid)"
        }
        return (["\(count) \(digest)"] + lines.map(\.text) + [kept].compactMap(\.self)).joined(separator: "\n")
    }

    var document: JSONObject {
        var object = JSONObject([("records", .integer(count)), ("digest", .string(ByteString(digest)))])
        if !lines.isEmpty {
            object["chains"] = .array(
                lines.map { line in
                    .object(
                        JSONObject([
                            ("name", .string(line.name)), ("records", .integer(line.records)),
                            ("digest", .string(ByteString(line.digest))),
                        ])
                    )
                }
            )
        }
        if let head = check?.head {
            object["head"] = .object(
                JSONObject([
                    ("at", .string(head.head.at)), ("count", .integer(head.head.count)), ("kid", .string(head.kid)),
                ])
            )
        }
        return object
    }
}
