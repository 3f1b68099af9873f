import Issuer
import JOSE
import Logging

/// The log of a database that several processes share: a chain of each.
enum SharedAudit {
    private static let pageSize = 1000

    /// Prints the records, chain after chain, each chain's oldest first.
    static func show(_ database: SharedDatabase) async throws {
        try await withLog(of: database) { log in
            for chain in try await log.auditChains() {
                try await forEach(of: chain.name, log) { page in
                    for record in page { StandardStreams.write(record.document + [0x0A]) }
                }
            }
        }
    }

    /// Checks every chain, and that it ends where the store says it ends.
    static func verify(_ database: SharedDatabase, _ summary: inout AuditSummary) async throws {
        summary = try await withLog(of: database) { [summary] log in
            var summary = summary
            for chain in try await log.auditChains() {
                let end = try await verified(chain, log, &summary)
                summary.add(chain.name, endingAt: end)
            }
            return summary
        }
    }

    /// The last record of a chain that holds.
    private static func verified(
        _ chain: AuditChainHead,
        _ log: any IssuerStore,
        _ summary: inout AuditSummary
    ) async throws -> StoredAuditRecord? {
        var last: StoredAuditRecord?
        try await forEach(of: chain.name, log) { page in
            if let broken = AuditChain.firstBreak(in: page, after: last) {
                throw CommandFailure.failed(
                    "the chain of \(chain.name) breaks at record \(broken); restore the log from a backup and compare"
                )
            }
            last = page.last
            summary.look(at: page, of: chain.name)
        }
        // It may have grown since its end was read.
        guard last?.sequence ?? 0 >= chain.sequence else {
            throw CommandFailure.failed(
                "the chain of \(chain.name) was cut behind record \(last?.sequence ?? 0), it had \(chain.sequence); "
                    + "restore the log from a backup and compare"
            )
        }
        return last
    }

    private static func forEach(
        of chain: ByteString,
        _ log: any IssuerStore,
        _ body: ([StoredAuditRecord]) throws -> Void
    ) async throws {
        var sequence: Int64 = 0
        while true {
            let page = try await log.records(of: chain, after: sequence, limit: pageSize)
            guard let last = page.last else { return }
            try body(page)
            sequence = last.sequence
        }
    }

    private static func withLog<Value>(
        of database: SharedDatabase,
        _ body: (any IssuerStore) async throws -> Value
    ) async throws -> Value {
        // The one line that says what failed is the command's own.
        let logger = Logger(label: "jobsworth") { _ in SwiftLogNoOpLogHandler() }
        let log = try database.open(replica: SharedDatabase.operatorName, logger: logger)
        defer { log.close() }
        do {
            return try await body(log)
        } catch is StoreError {
            throw CommandFailure.failed("the log cannot be read; is the database there?")
        }
    }
}
