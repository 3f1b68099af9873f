import Foundation
import GRDB
package import Issuer

/// A store that nobody owns, read table by table; its file is not changed.
package struct StoreReader {
    private static let pageSize = 500
    private let queue: DatabaseQueue

    /// - Throws: ``StoreFileError`` where the file is no store of this version.
    package init(path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw StoreFileError.unreadable(path, "there is no such file")
        }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        queue = try StoreFileError.naming(path) { try DatabaseQueue(path: path, configuration: configuration) }
        let isCurrent = try StoreFileError.naming(path) { try queue.read(Schema.migrator.hasCompletedMigrations) }
        guard isCurrent else {
            throw StoreFileError.unreadable(
                path,
                "it was last used by another version; start jobsworth serve on it once"
            )
        }
    }

    /// Has `body` take the rows of a table, some hundred at a time.
    package func forEachPage(of table: StoreTable, _ body: ([[StoreValue]]) throws -> Void) throws {
        try queue.read { database in
            let columns = table.columns.joined(separator: ", ")
            let sql = "SELECT \(columns) FROM \(table.name) ORDER BY \(table.order)"
            let rows = try Row.fetchCursor(database, sql: sql)
            var page: [[StoreValue]] = []
            while let row = try rows.next() {
                page.append(row.databaseValues.map(StoreValue.init))
                if page.count == Self.pageSize {
                    try body(page)
                    page = []
                }
            }
            if !page.isEmpty { try body(page) }
        }
    }

    package func close() {
        try? queue.close()
    }
}

extension StoreValue {
    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let integer): self = .integer(integer)
        // No column of ours holds one.
        case .double(let number): self = .text("\(number)")
        case .string(let text): self = .text(text)
        case .blob(let bytes): self = .bytes([UInt8](bytes))
        }
    }
}
