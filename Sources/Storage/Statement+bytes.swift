import GRDB
import GRDBSQLite

/// What is bound to a parameter of a statement that runs for each token.
enum BoundValue {
    case bytes([UInt8])
    case integer(Int64)
}

/// SQLite's own interface for the few statements that run for each token: GRDB's would make a `Data` of every value,
/// and a dictionary of every row.
///
/// The statements are still GRDB's, prepared once a connection and gone with it.
extension Statement {
    /// Runs a statement that answers no row.
    func run(_ values: BoundValue...) throws {
        try bind(values)
        defer { release() }
        guard sqlite3_step(sqliteStatement) == SQLITE_DONE else { throw failure() }
    }

    /// What `read` makes of the first row; nil where there is none.
    func first<Value>(_ values: BoundValue..., read: (BoundRow) throws -> Value) throws -> Value? {
        try bind(values)
        defer { release() }
        switch sqlite3_step(sqliteStatement) {
        case SQLITE_ROW: return try read(BoundRow(statement: sqliteStatement))
        case SQLITE_DONE: return nil
        default: throw failure()
        }
    }

    /// Has `read` look at each row of a statement without parameters.
    func each(_ read: (BoundRow) throws -> Void) throws {
        defer { release() }
        while true {
            switch sqlite3_step(sqliteStatement) {
            case SQLITE_ROW: try read(BoundRow(statement: sqliteStatement))
            case SQLITE_DONE: return
            default: throw failure()
            }
        }
    }

    private func bind(_ values: [BoundValue]) throws {
        for (index, value) in zip(CInt(1)..., values) {
            let code =
                switch value {
                case .integer(let integer): sqlite3_bind_int64(sqliteStatement, index, integer)
                case .bytes(let bytes): bind(bytes, at: index)
                }
            guard code == SQLITE_OK else {
                release()
                throw failure()
            }
        }
    }

    /// SQLite copies the bytes: they are short, and need not outlive this call.
    private func bind(_ bytes: [UInt8], at index: CInt) -> CInt {
        // SQLITE_TRANSIENT, a macro that Swift cannot import.
        let copying = unsafeBitCast(-1 as Int, to: sqlite3_destructor_type.self)
        return bytes.withUnsafeBytes { buffer in
            // An empty array may have no address, and without one SQLite binds NULL.
            guard let start = buffer.baseAddress, !buffer.isEmpty else {
                return sqlite3_bind_zeroblob(sqliteStatement, index, 0)
            }
            return sqlite3_bind_blob64(sqliteStatement, index, start, UInt64(buffer.count), copying)
        }
    }

    private func release() {
        sqlite3_reset(sqliteStatement)
        sqlite3_clear_bindings(sqliteStatement)
    }

    /// The error that the connection tells of.
    private func failure() -> DatabaseError {
        let connection = sqlite3_db_handle(sqliteStatement)
        let code = sqlite3_extended_errcode(connection)
        return DatabaseError(
            resultCode: ResultCode(rawValue: code),
            message: sqlite3_errmsg(connection).map { String(cString: $0) }
        )
    }
}
