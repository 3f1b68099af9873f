import Foundation
import GRDB
package import Issuer
package import JOSE
package import Keys

/// What a store, or a backup of one, holds and up to when.
package struct StoreSummary: Hashable, Sendable {
    package let ring: KeyRing
    package let records: Int64
    /// When the last audit record was made, as it says.
    package let lastRecordAt: ByteString?
    package let secrets: [ByteString: SealedSecret]

    init(_ database: Database) throws {
        ring = try SQLiteStore.ring(in: database)
        records = try Int64.fetchOne(database, sql: "SELECT MAX(sequence) FROM audit") ?? 0
        secrets = try SQLiteStore.sealedSecrets(in: database)
        let last = try Data.fetchOne(database, sql: "SELECT document FROM audit ORDER BY sequence DESC LIMIT 1")
        guard let last, case .object(let object)? = try? JSONReader.read([UInt8](last)),
            case .string(let at)? = object["at"]
        else {
            lastRecordAt = nil
            return
        }
        lastRecordAt = at
    }
}

extension SQLiteStore: BackupSource {
    /// Copies the store, as it is at this moment, by SQLite's backup API, while tokens go on being issued.
    ///
    /// Sealed secrets stay sealed; the sealing key is not in it.
    package func backUp(to path: ByteString) async throws -> BackupReport {
        do {
            let summary = try StoreBackup.write(from: writer.path, to: path.string)
            return BackupReport(
                ringVersion: summary.ring.version,
                records: summary.records,
                lastRecordAt: summary.lastRecordAt
            )
        } catch StoreFileError.fileExists {
            throw Refusal(.alreadyExists, path)
        } catch let error as StoreFileError {
            throw Refusal(.fileNotWritten, ByteString("\(error)"))
        }
    }
}

/// A file that ``SQLiteStore/backUp(to:)`` made.
package struct StoreBackup: Sendable {
    package let path: String
    package let summary: StoreSummary

    /// Opens and checks the whole file without changing it.
    package init(path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw StoreFileError.notABackup(path, "there is no such file")
        }
        self.path = path
        do {
            let source = try DatabaseQueue(path: path, configuration: Self.readOnly)
            defer { try? source.close() }
            summary = try source.read { database in
                guard try String.fetchOne(database, sql: "PRAGMA integrity_check") == "ok" else {
                    throw StoreFileError.notABackup(path, "it is damaged")
                }
                guard try !Schema.migrator.hasBeenSuperseded(database) else { throw StoreFileError.newerSchema }
                guard try Schema.migrator.completedMigrations(database).contains(Schema.firstWithBackups) else {
                    throw StoreFileError.notABackup(path, "it is no store of this version of jobsworth")
                }
                try Self.verifyDigest(in: database, path)
                try Self.verifyAuditChain(in: database, path)
                return try StoreSummary(database)
            }
        } catch let error as StoreFileError {
            throw error
        } catch {
            throw StoreFileError.notABackup(path, "it is no store, or it is damaged")
        }
    }

    private static func verifyDigest(in database: Database, _ path: String) throws {
        guard try database.tableExists(StoreDigest.table) else {
            throw StoreFileError.notABackup(path, "jobsworth backup did not make it")
        }
        let stored = try Data.fetchOne(database, sql: "SELECT digest FROM \(StoreDigest.table)")
        guard try stored == StoreDigest.compute(database) else {
            throw StoreFileError.notABackup(path, "it is damaged")
        }
    }

    private static func verifyAuditChain(in database: Database, _ path: String) throws {
        var last: StoredAuditRecord?
        let rows = try Row.fetchCursor(database, sql: "SELECT sequence, document, digest FROM audit ORDER BY sequence")
        while let row = try rows.next() {
            let record = StoredAuditRecord(row: row)
            guard AuditChain.firstBreak(in: [record], after: last) == nil else {
                throw StoreFileError.notABackup(path, "its audit log breaks at record \(record.sequence)")
            }
            last = record
        }
    }

    /// A connection of its own that only reads: the writer goes on meanwhile.
    static func write(from source: String, to path: String) throws -> StoreSummary {
        guard !FileManager.default.fileExists(atPath: path) else { throw StoreFileError.fileExists(path) }
        let draft = path + ".draft"
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(draft + suffix) }
        let summary = try StoreFileError.naming(path) {
            try copy(source, to: draft)
            let copy = try DatabaseQueue(path: draft)
            defer { try? copy.close() }
            // One file, whole by itself, that a reader need not write beside.
            try copy.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
            try copy.write { database in
                let digest = try StoreDigest.compute(database)
                try database.execute(sql: "CREATE TABLE \(StoreDigest.table) (digest BLOB NOT NULL)")
                try database.execute(sql: "INSERT INTO \(StoreDigest.table) VALUES (?)", arguments: [digest])
            }
            return try copy.read(StoreSummary.init)
        }
        chmod(draft, 0o600)
        try DurableFile.move(draft, to: path)
        return summary
    }

    static func copy(_ source: String, to target: String) throws {
        let from = try DatabaseQueue(path: source, configuration: readOnly)
        defer { try? from.close() }
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        let to = try DatabaseQueue(path: target, configuration: configuration)
        defer { try? to.close() }
        try from.backup(to: to)
    }

    private static var readOnly: Configuration {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        return configuration
    }
}

extension StoreFileError {
    /// SQLite's errors as ours, with the file's name.
    static func naming<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw StoreFileError.system(path, error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
    }
}
