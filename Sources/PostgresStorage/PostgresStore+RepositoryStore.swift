package import Issuer
package import JOSE
package import Keys
import Policy

extension PostgresStore: RepositoryStore {
    package func pinnedRepositories() async throws(StoreError) -> [PinnedRepository] {
        try await readers.read { connection in
            try connection.run(PostgresStatement("SELECT name, id, owner_id, pinned_at FROM repository ORDER BY name"))
                .rows.map { row in
                    PinnedRepository(
                        name: try row.name(orThrow: "name"),
                        id: try row.name(orThrow: "id"),
                        ownerID: row.bytes("owner_id").map { ByteString($0) },
                        pinnedAt: try row.instant(orThrow: "pinned_at")
                    )
                }
        }
    }

    package func forgetRepository(_ name: ByteString, at now: NumericDate) async throws(StoreError) -> Bool {
        try await committer.write(.alone) { transaction in
            let deletion = PostgresStatement("DELETE FROM repository WHERE name = $1", .name(name))
            guard try transaction.connection.run(deletion).changes > 0 else { return false }
            transaction.append(Self.record(.repositoryForget, of: name, at: now))
            return true
        }
    }

    package func renameRepository(
        _ name: ByteString,
        to next: ByteString,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        try await committer.write(.exclusive) { transaction in
            let connection = transaction.connection
            let select = PostgresStatement("SELECT 1 FROM repository WHERE name = $1", .name(next))
            if try connection.run(select).count > 0 { return .alreadyExists }
            let update = PostgresStatement(
                "UPDATE repository SET name = $2 WHERE name = $1",
                .name(name),
                .name(next)
            )
            guard try connection.run(update).changes > 0 else { return .notFound }
            transaction.append(Self.record(.repositoryRename, of: next, at: now))
            return nil
        }
    }

    /// Pins the repository's name to its ids, or answers that it is pinned otherwise.
    ///
    /// A name that was pinned to an id is never again accepted without it: leaving it out would be the way round.
    static func pin(_ facts: JobFacts, at now: NumericDate, _ connection: PostgresConnection) throws -> RefusalReason? {
        let name = facts.repository.name
        let id = facts[.repositoryID]
        let ownerID = facts[.repositoryOwnerID]
        if let pinned = try pinned(name, connection) {
            guard pinned.id == id else { return .repositoryPinned }
            guard let pinnedOwner = pinned.ownerID else {
                guard let ownerID else { return nil }
                // Another replica may have stated an owner since.
                let update = PostgresStatement(
                    "UPDATE repository SET owner_id = $2 WHERE name = $1 AND owner_id IS NULL",
                    .name(name),
                    .name(ownerID)
                )
                guard try connection.run(update).changes == 1 else { throw PostgresFailure.conflict }
                return nil
            }
            return pinnedOwner == ownerID ? nil : .repositoryPinned
        }
        guard let id else { return nil }
        let insertion = PostgresStatement(
            """
            INSERT INTO repository (name, id, owner_id, pinned_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
            """,
            .name(name),
            .name(id),
            .name(ownerID),
            .instant(now)
        )
        if try connection.run(insertion).changes == 1 { return nil }
        // Under another name, or under this one by another replica since it was looked for.
        guard try pinned(name, connection) == nil else { throw PostgresFailure.conflict }
        return .repositoryPinned
    }

    private static func pinned(
        _ name: ByteString,
        _ connection: PostgresConnection
    ) throws -> (id: ByteString, ownerID: ByteString?)? {
        let select = PostgresStatement("SELECT id, owner_id FROM repository WHERE name = $1", .name(name))
        guard let row = try connection.run(select).first else { return nil }
        return (try row.name(orThrow: "id"), row.bytes("owner_id").map { ByteString($0) })
    }

    private static func record(
        _ operation: AuditRecord.Operation,
        of name: ByteString,
        at now: NumericDate
    ) -> AuditRecord {
        AuditRecord(at: now, operation: operation, decision: .permit, reason: "ok", repository: name)
    }
}
