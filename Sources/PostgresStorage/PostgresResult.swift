import CPostgres

/// The rows that a statement answered, in binary format.
final class PostgresResult {
    private let handle: OpaquePointer

    /// Takes over what libpq made.
    init(_ handle: OpaquePointer) {
        self.handle = handle
    }

    deinit {
        PQclear(handle)
    }

    var count: Int {
        Int(PQntuples(handle))
    }

    /// How many rows the statement changed.
    var changes: Int {
        PQcmdTuples(handle).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// The command as the server names what it did: `COMMIT`, `ROLLBACK`.
    var command: String {
        PQcmdStatus(handle).map { String(cString: $0) } ?? ""
    }

    var rows: [PostgresRow] {
        (0..<count).map { PostgresRow(result: self, row: CInt(clamping: $0)) }
    }

    var first: PostgresRow? {
        count > 0 ? PostgresRow(result: self, row: 0) : nil
    }

    /// The column's number of each name that is looked up.
    func column(_ name: String) -> CInt {
        PQfnumber(handle, name)
    }

    func bytes(_ row: CInt, _ column: CInt) -> [UInt8]? {
        guard column >= 0, PQgetisnull(handle, row, column) == 0, let start = PQgetvalue(handle, row, column) else {
            return nil
        }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(handle, row, column))))
    }
}

/// One row of a result.
struct PostgresRow {
    let result: PostgresResult
    let row: CInt

    /// The bytes of a column, counted from 0; nil for NULL.
    func bytes(_ column: CInt) -> [UInt8]? {
        result.bytes(row, column)
    }

    /// The integer in a column of type `bigint`; nil for NULL.
    func integer(_ column: CInt) -> Int64? {
        bytes(column).map { $0.reduce(0) { $0 << 8 | Int64($1) } }
    }

    func bool(_ column: CInt) -> Bool {
        bytes(column)?.first == 1
    }

    func text(_ column: CInt) -> String? {
        bytes(column).map { String(decoding: $0, as: UTF8.self) }
    }

    func bytes(_ name: String) -> [UInt8]? { bytes(result.column(name)) }
    func integer(_ name: String) -> Int64? { integer(result.column(name)) }
    func bool(_ name: String) -> Bool { bool(result.column(name)) }
    func text(_ name: String) -> String? { text(result.column(name)) }
}
