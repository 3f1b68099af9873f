// The store's file, past everything that guards it: as another program, or a fault, would reach it.

import Foundation

/// SQLite's C functions, found in the library that the store is linked with.
enum RawDatabase {
    private typealias Open = @convention(c) (UnsafePointer<CChar>, UnsafeMutablePointer<OpaquePointer?>) -> CInt
    private typealias Row =
        @convention(c) (
            UnsafeMutableRawPointer?, CInt, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
            UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        ) -> CInt
    private typealias Execute =
        @convention(c) (
            OpaquePointer?, UnsafePointer<CChar>, Row?, UnsafeMutableRawPointer?,
            UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        ) -> CInt
    private typealias Close = @convention(c) (OpaquePointer?) -> CInt

    struct Failure: Error {
        let message: String
    }

    /// Runs `sql`, one or several statements; answers the first column of each row as text.
    @discardableResult
    static func run(_ sql: String, in path: String) throws -> [String] {
        try whileOpen(path) { try run(sql, $0) }
    }

    /// Runs `body` while another program holds the file with `sql`.
    static func holding<Value>(_ path: String, _ sql: String, _ body: () throws -> Value) throws -> Value {
        try whileOpen(path) { connection in
            try run(sql, connection)
            return try body()
        }
    }

    private static func whileOpen<Value>(_ path: String, _ body: (OpaquePointer?) throws -> Value) throws -> Value {
        var connection: OpaquePointer?
        let code = try function("sqlite3_open", as: Open.self)(path, &connection)
        defer { _ = try? function("sqlite3_close", as: Close.self)(connection) }
        guard code == 0 else { throw Failure(message: "sqlite3_open: \(code)") }
        return try body(connection)
    }

    @discardableResult
    private static func run(_ sql: String, _ connection: OpaquePointer?) throws -> [String] {
        final class Rows {
            var texts: [String] = []
        }
        let rows = Rows()
        let note: Row = { context, count, values, _ in
            guard let context, let values, count > 0 else { return 0 }
            let rows = Unmanaged<Rows>.fromOpaque(context).takeUnretainedValue()
            rows.texts.append(values[0].map { String(cString: $0) } ?? "")
            return 0
        }
        var message: UnsafeMutablePointer<CChar>?
        let code = try function("sqlite3_exec", as: Execute.self)(
            connection,
            sql,
            note,
            Unmanaged.passUnretained(rows).toOpaque(),
            &message
        )
        guard code == 0 else { throw Failure(message: message.map { String(cString: $0) } ?? "\(code)") }
        return rows.texts
    }

    private static func function<Function>(_ name: String, as type: Function.Type) throws -> Function {
        guard let symbol = dlsym(dlopen(nil, RTLD_NOW), name) else { throw Failure(message: "no \(name)") }
        return unsafeBitCast(symbol, to: type)
    }

    /// A blob as it is written in SQL.
    static func blob(_ bytes: [UInt8]) -> String {
        "X'" + bytes.map { String(format: "%02x", $0) }.joined() + "'"
    }
}
