import Crypto
package import Issuer
package import JOSE

/// Fills a database that holds no store yet, all or nothing.
package final class PostgresImport {
    /// What the copied log is called among the chains of replicas.
    package static let chainName = AuditChain.soleName

    private let connection: PostgresConnection
    private let chain: Int64
    private var counts: [String: Int64] = [:]
    /// The last record that was taken.
    private var last: StoredAuditRecord?

    /// Connects, makes the tables, and begins.
    ///
    /// - Throws: ``PostgresStoreError``; ``PostgresImportError/notEmpty`` where something lies there already.
    package init(_ address: PostgresAddress) throws {
        connection = try PostgresConnection(address, patience: .seconds(120))
        do {
            try PostgresSchema.migrate(connection)
            try connection.run(PostgresStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"))
            // Nobody else begins meanwhile, not even a replica that is just starting.
            for table in StoreTable.all.map(\.name) + ["audit_chain"] {
                try connection.run(PostgresStatement("LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE"))
                guard try connection.run(PostgresStatement("SELECT 1 FROM \(table) LIMIT 1")).count == 0 else {
                    throw PostgresImportError.notEmpty
                }
            }
            chain = try Self.beginChain(connection)
        } catch {
            connection.close()
            throw Self.explained(error)
        }
    }

    /// Nothing of an import that was not finished stays.
    package func close() {
        connection.close()
    }

    /// Takes some rows of a table.
    package func take(_ rows: [[StoreValue]], of table: StoreTable) throws {
        let rows = table == .audit ? try rows.map(record) : try rows.map { try Self.completed($0, of: table) }
        let columns = table == .audit ? ["sequence", "document", "digest", "kid"] : table.columns
        let types = try Self.types(of: table, connection)
        do {
            try connection.run(Self.insertion(of: rows, columns, types, table, chain))
        } catch {
            throw Self.explained(error)
        }
        counts[table.name, default: 0] += Int64(rows.count)
    }

    /// Reads back what was stored, checks the log record by record, and commits.
    ///
    /// - Returns: How many rows each table has.
    package func finish() throws -> [String: Int64] {
        do {
            try connection.run(
                PostgresStatement(
                    "SELECT setval(pg_get_serial_sequence('runner', 'id'), greatest((SELECT max(id) FROM runner), 1))"
                )
            )
            try connection.run(
                PostgresStatement(
                    "UPDATE audit_chain SET sequence = $2, digest = $3 WHERE id = $1",
                    .integer(chain),
                    .integer(last?.sequence ?? 0),
                    .bytes(last?.digest ?? AuditChain.beginning)
                )
            )
            try verifyCounts()
            try verifyLog()
            let result = try connection.run(PostgresStatement("COMMIT"))
            guard result.command == "COMMIT", !connection.takeWarning() else { throw PostgresFailure.unexpected }
        } catch {
            throw Self.explained(error)
        }
        connection.close()
        return counts
    }

    // MARK: - Verification

    private func verifyCounts() throws {
        for table in StoreTable.all {
            let row = try connection.run(PostgresStatement("SELECT count(*) FROM \(table.name)")).first
            guard row?.integer(0) == counts[table.name] ?? 0 else { throw PostgresImportError.different(table.name) }
        }
    }

    /// From its first record to the last one that was read at the source.
    private func verifyLog() throws {
        var verified: StoredAuditRecord?
        while true {
            let page = try connection.run(
                PostgresStatement(
                    "SELECT sequence, document, digest FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT 1000",
                    .integer(verified?.sequence ?? 0)
                )
            ).rows.map(StoredAuditRecord.init(row:))
            guard let final = page.last else { break }
            if let broken = AuditChain.firstBreak(in: page, after: verified) {
                throw PostgresImportError.brokenLog(broken)
            }
            verified = final
        }
        guard verified == last else { throw PostgresImportError.different(StoreTable.audit.name) }
    }

    // MARK: - Rows

    private static func beginChain(_ connection: PostgresConnection) throws -> Int64 {
        let row = try connection.run(
            PostgresStatement(
                "INSERT INTO audit_chain (name, sequence, digest) VALUES ($1, 0, $2) RETURNING id",
                .name(chainName),
                .bytes(AuditChain.beginning)
            )
        ).first
        guard let id = row?.integer(0) else { throw PostgresFailure.unexpected }
        return id
    }

    /// The row of a record, with the key that signed what it tells of.
    private func record(_ row: [StoreValue]) throws -> [StoreValue] {
        guard row.count == 3, case .integer(let sequence) = row[0], case .bytes(let document) = row[1],
            case .bytes(let digest) = row[2]
        else { throw PostgresImportError.different(StoreTable.audit.name) }
        last = StoredAuditRecord(sequence: sequence, document: document, digest: digest)
        guard case .object(let object)? = try? JSONReader.read(document), let kid = object["kid"]?.stringValue,
            object["jti"] != nil || object["serial"] != nil
        else { return row + [.null] }
        return row + [.bytes(kid.bytes)]
    }

    /// A ring that was stored by the first release has no digest.
    private static func completed(_ row: [StoreValue], of table: StoreTable) throws -> [StoreValue] {
        guard table.name == "key_ring", row.count == 4, row[2] == .null, case .bytes(let document) = row[1] else {
            return row
        }
        return [row[0], row[1], .bytes(Array(SHA256.hash(data: document))), row[3]]
    }

    private static func types(of table: StoreTable, _ connection: PostgresConnection) throws -> [String: String] {
        let rows = try connection.run(
            PostgresStatement(
                "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0",
                .text(table.name)
            )
        ).rows
        return Dictionary(
            rows.compactMap { row in row.text(0).flatMap { name in row.text(1).map { (name, $0) } } },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// One statement for all rows: an array of each column.
    ///
    /// Tables and columns are named by us, values are bound.
    private static func insertion(
        of rows: [[StoreValue]],
        _ columns: [String],
        _ types: [String: String],
        _ table: StoreTable,
        _ chain: Int64
    ) throws -> PostgresStatement {
        var (values, selected, arrays) = ([PostgresValue](), [String](), [String]())
        for (index, column) in columns.enumerated() {
            let cells = rows.map { $0[index] }
            switch types[column] {
            case "bytea":
                values.append(.byteArrays(cells.map(\.bytes)))
                arrays.append("$\(index + 1)::bytea[]")
                selected.append("v.\(column)")
            case "bigint":
                values.append(.integers(cells.map(\.integer)))
                arrays.append("$\(index + 1)::bigint[]")
                selected.append("v.\(column)")
            case "boolean":
                values.append(.integers(cells.map(\.integer)))
                arrays.append("$\(index + 1)::bigint[]")
                selected.append("v.\(column) <> 0")
            case "text":
                values.append(.byteArrays(cells.map(\.bytes)))
                arrays.append("$\(index + 1)::bytea[]")
                selected.append("convert_from(v.\(column), 'UTF8')")
            default: throw PostgresImportError.different(table.name)
            }
        }
        var (names, expressions) = (columns, selected)
        if table == .audit {
            values.append(.integer(chain))
            names.append("chain")
            expressions.append("$\(values.count)::bigint")
        }
        if table.name == "key_ring" {
            names.append("one")
            expressions.append("1")
        }
        let list = columns.joined(separator: ", ")
        return PostgresStatement(
            sql: """
                INSERT INTO \(table.name) (\(names.joined(separator: ", ")))
                SELECT \(expressions.joined(separator: ", "))
                FROM unnest(\(arrays.joined(separator: ", "))) WITH ORDINALITY AS v (\(list), place) ORDER BY v.place
                """,
            values: values
        )
    }

    private static func explained(_ error: any Error) -> any Error {
        (error as? PostgresFailure).map { PostgresStoreError($0) } ?? error
    }
}

/// Why a store was not copied; nothing of it stays.
package enum PostgresImportError: Error, Hashable, Sendable, CustomStringConvertible {
    case notEmpty
    /// What is there is not what was sent, of this table.
    case different(String)
    /// The first record that does not follow from the one before.
    case brokenLog(Int64)

    package var description: String {
        switch self {
        case .notEmpty: "the database holds a store already; name an empty one, as made by: createdb NAME"
        case .different(let table):
            "what arrived in the table \(table) is not what was sent; nothing was kept, try again"
        case .brokenLog(let sequence):
            "the audit log breaks at record \(sequence); restore the newest backup, nothing was copied"
        }
    }
}

extension StoreValue {
    fileprivate var bytes: [UInt8]? {
        switch self {
        case .bytes(let bytes): bytes
        case .text(let text): Array(text.utf8)
        case .null, .integer: nil
        }
    }

    fileprivate var integer: Int64? {
        if case .integer(let integer) = self { integer } else { nil }
    }
}
