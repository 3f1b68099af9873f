import Crypto
import Foundation
import GRDB

/// SHA-256 over every row of every table: SQLite itself notices damage to its structure, not to what is in it.
enum StoreDigest {
    /// The one table that is not part of the digest, for it holds it.
    static let table = "backup_digest"

    static func compute(_ database: Database) throws -> Data {
        var hash = SHA256()
        let tables = try String.fetchAll(
            database,
            sql:
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ? ORDER BY 1",
            arguments: [table]
        )
        for table in tables {
            add(Data(table.utf8), to: &hash)
            let columns = try database.columns(in: table).map { $0.name.quotedDatabaseIdentifier }.joined(
                separator: ", "
            )
            let name = table.quotedDatabaseIdentifier
            let rows = try Row.fetchCursor(database, sql: "SELECT \(columns) FROM \(name) ORDER BY \(columns)")
            while let row = try rows.next() {
                for value in row.databaseValues { add(value, to: &hash) }
            }
        }
        return Data(hash.finalize())
    }

    private static func add(_ value: DatabaseValue, to hash: inout SHA256) {
        switch value.storage {
        case .null: add(Data("null".utf8), to: &hash)
        case .int64(let number): add(Data("integer \(number)".utf8), to: &hash)
        case .double(let number): add(Data("real \(number)".utf8), to: &hash)
        case .string(let text): add(Data("text ".utf8) + Data(text.utf8), to: &hash)
        case .blob(let bytes): add(Data("blob ".utf8) + bytes, to: &hash)
        }
    }

    private static func add(_ bytes: Data, to hash: inout SHA256) {
        withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { hash.update(bufferPointer: $0) }
        hash.update(data: bytes)
    }
}
