import ArgumentParser
import Issuer
import JOSE

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "The issuance log.",
        subcommands: [Show.self, Verify.self]
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
                Prints the number of records and the last digest. Keep them elsewhere: a log that was cut at its end is
                whole by itself, but no longer holds that digest.

                On PostgreSQL each replica has a chain of its own: first all records and one digest over the ends of all \
                chains, then a line for each chain, its records, last digest and name.
                """
        )
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let connection = try OperatorConnection(store)
            if let database = connection.database { return try await SharedAudit.verify(database) }
            var last: StoredAuditRecord?
            try await AuditReader(connection: connection).forEach { page in
                if let broken = AuditChain.firstBreak(in: page, after: last) {
                    throw CommandFailure.failed(
                        "the chain breaks at record \(broken); restore the log from a backup and compare"
                    )
                }
                last = page.last
            }
            let head = last.map { ByteString(Base64URL.encode($0.digest)).string } ?? ""
            StandardStreams.print("\(last?.sequence ?? 0) \(head)")
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
