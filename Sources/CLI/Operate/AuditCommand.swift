import ArgumentParser
import Issuer
import JOSE

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "The issuance log.",
        subcommands: [Show.self, Verify.self, Head.self]
    )

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the records, oldest first, one JSON object a line."
        )
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let connection = try OperatorConnection(store)
            if let database = connection.database { return try await SharedAudit.show(database) }
            try await AuditReader(connection: connection).forEach { page in
                for record in page { StandardStreams.write(record.document + [0x0A]) }
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that no record was changed, swapped or taken out of the middle.",
            discussion: """
                Prints the number of records and the last digest. On PostgreSQL each replica has a chain of its own: \
                first all records and one digest over the ends of all chains, then a line for each chain, its records, \
                last digest and name.

                A log that was cut at its end, or written anew as a whole, is whole by itself. With --head it is \
                compared with what jobsworth audit head printed before and you kept elsewhere: exit 0 if every record \
                of then is still there, unchanged; else 1 and one stable reason code first on standard error.
                """
        )
        @Option(help: ArgumentHelp("A signed head of this log, as it was kept.", valueName: "file"))
        var head: String?

        @Option(
            help: ArgumentHelp(
                "The keys to believe the head by, as they were kept (default: those that the log names).",
                valueName: "file|url"
            )
        )
        var jwks: String?

        @OptionGroup var store: StorageOptions

        func validate() throws {
            if jwks != nil && head == nil { throw ValidationError("--jwks is for --head") }
        }

        func run() async throws {
            let check = try await KeptAuditHead(path: head, jwkSet: jwks).check()
            var summary = AuditSummary(check: check)
            let connection = try OperatorConnection(store)
            if let database = connection.database {
                try await SharedAudit.verify(database, &summary)
            } else {
                try await verify(AuditReader(connection: connection), &summary)
            }
            try summary.finish()
            StandardStreams.print(store.json ? summary.document.line : summary.text)
        }

        private func verify(_ log: AuditReader, _ summary: inout AuditSummary) async throws {
            var last: StoredAuditRecord?
            try await log.forEach { page in
                if let broken = AuditChain.firstBreak(in: page, after: last) {
                    throw CommandFailure.failed(
                        "the chain breaks at record \(broken); restore the log from a backup and compare"
                    )
                }
                last = page.last
                summary.look(at: page, of: AuditChain.soleName)
            }
            summary.sole = last
        }
    }

    struct Head: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a signed statement of what the log holds now, to be kept elsewhere.",
            discussion: """
                One line, a compact JWS of the signing key: the number of records and the last digest of each chain. \
                Whoever keeps it can tell by jobsworth audit verify --head FILE that no record of before was changed, \
                cut off or written anew. It is no token, and no verifier of tokens takes it for one.
                """
        )
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let answer = try await OperatorConnection(store).perform(.keys(.auditHead))
            StandardStreams.print(store.json ? answer.line : answer.shown("head"))
        }
    }
}

/// Reads the log page by page.
private struct AuditReader {
    let connection: OperatorConnection

    func forEach(_ body: ([StoredAuditRecord]) throws -> Void) async throws {
        var sequence: Int64 = 0
        while true {
            let rows = try await connection.perform(.showAudit(after: sequence)).rows("records")
            let page = rows.compactMap(StoredAuditRecord.init(row:))
            guard page.count == rows.count else { throw CommandFailure.failed("the log cannot be read") }
            guard let last = page.last else { return }
            try body(page)
            sequence = last.sequence
        }
    }
}

extension StoredAuditRecord {
    fileprivate init?(row: JSONObject) {
        guard case .integer(let sequence)? = row["sequence"], case .string(let document)? = row["record"],
            case .string(let digest)? = row["digest"], let bytes = try? Base64URL.decode(digest.bytes)
        else { return nil }
        self.init(sequence: sequence, document: document.bytes, digest: bytes)
    }
}
