import Foundation
import GRDB
package import Issuer
import JOSE
package import Keys

/// Puts a backup in the place of a store that nobody has open.
///
/// Everything is made ready in a copy beside the store, and copied over by SQLite in one transaction: a crash leaves
/// the old store or the restored one.
package struct StoreRestoration: Sendable {
    private let backup: StoreBackup
    private let files: StoreFiles

    package init(_ backup: StoreBackup, to files: StoreFiles) {
        self.backup = backup
        self.files = files
    }

    /// What the store holds now; nil where there is none.
    package func present() throws -> StoreSummary? {
        guard FileManager.default.fileExists(atPath: files.database) else { return nil }
        do {
            let store = try DatabaseQueue(path: files.database)
            defer { try? store.close() }
            try Schema.migrator.migrate(store)
            return try store.read(StoreSummary.init)
        } catch {
            throw StoreFileError.unreadable(
                files.database,
                "it is damaged; move it away with its -wal and -shm files, then restore"
            )
        }
    }

    /// What a rotation left behind in the store as it is now, and lapsed while no issuer ran that would enter it in the
    /// ledger.
    package func lapsedCredentials(at now: NumericDate) throws -> [CredentialDigest] {
        guard FileManager.default.fileExists(atPath: files.database) else { return [] }
        return try StoreFileError.naming(files.database) {
            let store = try DatabaseQueue(path: files.database)
            defer { try? store.close() }
            return try store.read { database in
                try Data.fetchAll(
                    database,
                    sql: "SELECT former_digest FROM runner WHERE former_valid_until <= ? AND revoked_at IS NULL",
                    arguments: [now.secondsSinceEpoch]
                )
            }.map { CredentialDigest(bytes: [UInt8]($0)) }
        }
    }

    /// Restores; answers how many keys and runners the ledger kept from coming back.
    package func perform(
        refusing revocations: Set<Revocation>,
        above version: Int64,
        at now: NumericDate
    ) throws -> (keys: Int, runners: Int) {
        let draft = files.database + ".restoring"
        Self.remove(draft)
        defer { Self.remove(draft) }
        return try StoreFileError.naming(files.database) {
            try StoreBackup.copy(backup.path, to: draft)
            let refused = try prepare(draft, revocations, above: version, at: now)
            try StoreBackup.copy(draft, to: files.database)
            chmod(files.database, 0o600)
            FileOwner.adopt(files.database, files.database + "-wal", files.database + "-shm")
            return refused
        }
    }

    private func prepare(
        _ draft: String,
        _ revocations: Set<Revocation>,
        above version: Int64,
        at now: NumericDate
    ) throws -> (keys: Int, runners: Int) {
        let copy = try DatabaseQueue(path: draft)
        defer { try? copy.close() }
        // A backup may be of the release before.
        try Schema.migrator.migrate(copy)
        return try copy.write { database in
            let transaction = try Transaction(database, TokenStatements(database))
            let keys = try restoreRing(refusing: revocations, above: version, at: now, in: transaction)
            let runners = try Self.revokeRunners(revocations, at: now, in: database)
            _ = try SQLiteStore.endAllJobs(because: .restored, at: now, in: transaction)
            try database.execute(sql: "DELETE FROM sighting")
            try database.execute(sql: "DROP TABLE \(StoreDigest.table)")
            let record = AuditRecord(at: now, operation: .restore, decision: .permit, reason: "ok")
            try transaction.append(record)
            return (keys, runners)
        }
    }

    /// Standbys wait for their lead again: nobody knows which set verifiers hold.
    private func restoreRing(
        refusing revocations: Set<Revocation>,
        above version: Int64,
        at now: NumericDate,
        in transaction: Transaction
    ) throws -> Int {
        let returned = backup.summary.ring.keys.filter { key in
            key.state != .revoked && revocations.contains(.key(key.kid))
        }
        var ring = backup.summary.ring.restarted(above: version)
        for key in returned { ring = try ring.revoking(key.kid, at: now) }
        guard ring.version > 0 else { return 0 }
        try SQLiteStore.store(KeyRingDocument.write(ring), of: ring, at: now, in: transaction)
        for key in returned {
            let transition = KeyTransition(.revoke, key.kid, key.purpose, because: .ledger)
            try transaction.append(transition.record(at: now))
        }
        return returned.count
    }

    private static func revokeRunners(
        _ revocations: Set<Revocation>,
        at now: NumericDate,
        in database: Database
    ) throws -> Int {
        var count = 0
        for case .credential(let digest) in revocations {
            guard let bytes = try? Base64URL.decode(digest.bytes) else { continue }
            try database.execute(
                sql: "UPDATE runner SET revoked_at = ? WHERE credential_digest = ? AND revoked_at IS NULL",
                arguments: [now.secondsSinceEpoch, Data(bytes)]
            )
            count += database.changesCount
            // One that was followed by another does not end its runner.
            try database.execute(
                sql: "UPDATE runner SET former_digest = NULL, former_valid_until = NULL WHERE former_digest = ?",
                arguments: [Data(bytes)]
            )
        }
        return count
    }

    /// Removes what a restoration that was killed left behind; for the owner of the store.
    package static func removeLeftovers(of files: StoreFiles) {
        remove(files.database + ".restoring")
    }

    private static func remove(_ draft: String) {
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(draft + suffix) }
    }
}
