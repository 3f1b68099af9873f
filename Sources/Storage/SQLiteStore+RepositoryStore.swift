import Foundation
import GRDB
package import Issuer
package import JOSE
package import Keys
import Policy

extension SQLiteStore: RepositoryStore {
    package func pinnedRepositories() async throws(StoreError) -> [PinnedRepository] {
        try await writer.read { database in
            try Row.fetchAll(database, sql: "SELECT name, id, owner_id, pinned_at FROM repository ORDER BY name").map {
                PinnedRepository(
                    name: ByteString($0["name"] as Data),
                    id: ByteString($0["id"] as Data),
                    ownerID: ($0["owner_id"] as Data?).map { ByteString($0) },
                    pinnedAt: NumericDate(secondsSinceEpoch: $0["pinned_at"])
                )
            }
        }
    }

    package func forgetRepository(_ name: ByteString, at now: NumericDate) async throws(StoreError) -> Bool {
        try await writer.write { transaction in
            let database = transaction.database
            try database.execute(sql: "DELETE FROM repository WHERE name = ?", arguments: [Data(name.bytes)])
            guard database.changesCount > 0 else { return false }
            try transaction.append(Self.record(.repositoryForget, of: name, at: now))
            return true
        }
    }

    package func renameRepository(
        _ name: ByteString,
        to next: ByteString,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        try await writer.write { transaction in
            let database = transaction.database
            let select = "SELECT 1 FROM repository WHERE name = ?"
            if try Bool.fetchOne(database, sql: select, arguments: [Data(next.bytes)]) != nil { return .alreadyExists }
            try database.execute(
                sql: "UPDATE repository SET name = ? WHERE name = ?",
                arguments: [Data(next.bytes), Data(name.bytes)]
            )
            guard database.changesCount > 0 else { return .notFound }
            try transaction.append(Self.record(.repositoryRename, of: next, at: now))
            return nil
        }
    }

    /// Pins the repository's name to its ids, or answers that it is pinned otherwise.
    ///
    /// A name that was pinned to an id is never again accepted without it: leaving it out would be the way round.
    static func pin(_ facts: JobFacts, at now: NumericDate, in database: Database) throws -> RefusalReason? {
        let name = Data(facts.repository.name.bytes)
        let id = facts[.repositoryID].map { Data($0.bytes) }
        let ownerID = facts[.repositoryOwnerID].map { Data($0.bytes) }
        let pinned = try Row.fetchOne(
            database.cachedStatement(sql: "SELECT id, owner_id FROM repository WHERE name = ?"),
            arguments: [name]
        )
        if let pinned {
            guard pinned["id"] as Data == id else { return .repositoryPinned }
            guard let pinnedOwner = pinned["owner_id"] as Data? else {
                try database.execute(
                    sql: "UPDATE repository SET owner_id = ? WHERE name = ?",
                    arguments: [ownerID, name]
                )
                return nil
            }
            return pinnedOwner == ownerID ? nil : .repositoryPinned
        }
        guard let id else { return nil }
        let other = try Bool.fetchOne(database, sql: "SELECT 1 FROM repository WHERE id = ?", arguments: [id])
        guard other == nil else { return .repositoryPinned }
        try database.execute(
            sql: "INSERT INTO repository (name, id, owner_id, pinned_at) VALUES (?, ?, ?, ?)",
            arguments: [name, id, ownerID, now.secondsSinceEpoch]
        )
        return nil
    }

    private static func record(
        _ operation: AuditRecord.Operation,
        of name: ByteString,
        at now: NumericDate
    ) -> AuditRecord {
        AuditRecord(at: now, operation: operation, decision: .permit, reason: "ok", repository: name)
    }
}
