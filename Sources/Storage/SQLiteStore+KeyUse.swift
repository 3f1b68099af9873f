import Foundation
import GRDB
package import Issuer
package import JOSE
import Keys

extension SQLiteStore: KeyUseLog {
    /// How many records one page looks through.
    private static let window: Int64 = 5_000

    package func tokens(signedBy kid: ByteString, after sequence: Int64) async throws(StoreError) -> KeyUsePage {
        try await writer.read { database in
            let first = try Int64.fetchOne(
                database,
                sql: "SELECT first_sequence FROM key_use WHERE kid = ?",
                arguments: [Data(kid.bytes)]
            )
            let last = try Int64.fetchOne(database, sql: "SELECT MAX(sequence) FROM audit") ?? 0
            guard let first else { return KeyUsePage(records: [], through: nil) }
            let begin = max(sequence, first - 1)
            let records = try Self.records(signedBy: kid, after: begin, through: begin + Self.window, in: database)
            return KeyUsePage(records: records, through: begin + Self.window < last ? begin + Self.window : nil)
        }
    }

    private static func records(
        signedBy kid: ByteString,
        after begin: Int64,
        through end: Int64,
        in database: Database
    ) throws -> [StoredAuditRecord] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT sequence, document, digest FROM audit WHERE sequence > ? AND sequence <= ?
                    AND json_extract(CAST(document AS TEXT), '$.kid') = ?
                    AND (json_extract(CAST(document AS TEXT), '$.jti') IS NOT NULL
                        OR json_extract(CAST(document AS TEXT), '$.serial') IS NOT NULL)
                ORDER BY sequence
                """,
            arguments: [begin, end, kid.string]
        ).map(StoredAuditRecord.init(row:))
    }
}

extension StoredAuditRecord {
    init(row: Row) {
        self.init(
            sequence: row["sequence"],
            document: [UInt8](row["document"] as Data),
            digest: [UInt8](row["digest"] as Data)
        )
    }
}
