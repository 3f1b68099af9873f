import Foundation
import GRDB
import Issuer
import JOSE
import Keys
package import Logging
import Synchronization

/// Key ring, jobs, runners, pins and audit records in one SQLite file, owned by this process.
///
/// What the hot path reads (recent jobs, live runners) is also held in memory; the transaction that commits a token's
/// record reads the file again. One connection reads, writes and checkpoints: with several, SQLite 3.40.1 can lose
/// what a reset log held.
package final class SQLiteStore: Sendable {
    let writer: TransactionWriter
    let liveJobs = Mutex(RecentJobs())
    /// How many live jobs each runner has.
    let liveCounts = Mutex<[Int64: Int]>([:])
    let liveRunners = Mutex<[CredentialDigest: Runner]>([:])
    let activeKeys = Mutex(ActiveKeys())
    let lastRing = Mutex<(stored: StoredRing, ring: KeyRing)?>(nil)
    /// The job after which retention goes on.
    let removedThrough = Mutex(Data())
    private let file: FileIdentity?
    private let logger: Logger

    /// Opens the file, creating it where there is none.
    ///
    /// - Throws: ``StoreFileError`` where the file cannot be used, with a message that says how to mend it.
    package init(path: String, logger: Logger) throws {
        let connection = try Self.open(path)
        try Self.assertDurability(connection)
        try Self.migrate(connection)
        FileOwner.adopt(path, path + "-wal", path + "-shm")
        writer = TransactionWriter(connection: connection, logger: logger)
        file = FileIdentity(path: path)
        self.logger = logger
        try connection.read { database in
            let runners = try Runner.live(in: database)
            liveRunners.withLock { $0 = runners }
            let counts = try Job.liveCounts(in: database)
            liveCounts.withLock { $0 = counts }
        }
    }

    /// Whether a token's record could be committed now.
    package var isWritable: Bool {
        writer.isWorking
    }

    /// Stops writing where the file was moved or removed under us: what we would write, nobody would find.
    package func stopIfMoved() {
        guard writer.isWorking, FileIdentity(path: writer.path) != file else { return }
        writer.stop()
        logger.critical("the store's file was moved or removed: no token is issued until a restart")
    }

    /// How many jobs live, for the metrics.
    package var liveJobCount: Int {
        liveCounts.withLock { $0.values.reduce(0, +) }
    }

    /// Commits what waits and closes the file.
    package func close() {
        writer.close()
    }

    /// A plain queue with the pragmas set by hand: GRDB's own WAL mode would turn `synchronous` back to NORMAL.
    private static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "store"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.execute(sql: "PRAGMA secure_delete = ON")
            try database.execute(sql: "PRAGMA cell_size_check = ON")
            // The rows of some thousand jobs; what is not used is not allocated.
            try database.execute(sql: "PRAGMA cache_size = -16384")
        }
        configuration.busyMode = .timeout(5)
        do {
            return try DatabaseQueue(path: path, configuration: configuration)
        } catch let error as DatabaseError {
            throw StoreFileError.unreadable(path, error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
    }

    private static func assertDurability(_ connection: DatabaseQueue) throws {
        let (mode, level) = try connection.read { database in
            (
                try String.fetchOne(database, sql: "PRAGMA journal_mode"),
                try Int.fetchOne(database, sql: "PRAGMA synchronous")
            )
        }
        guard mode == "wal", level == 2 else { throw StoreFileError.notDurable }
    }

    private static func migrate(_ connection: DatabaseQueue) throws {
        let migrator = Schema.migrator
        if try connection.read(migrator.hasBeenSuperseded) { throw StoreFileError.newerSchema }
        try migrator.migrate(connection)
    }
}
