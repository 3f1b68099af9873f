package import Issuer
package import JOSE
package import Keys
import Synchronization

extension PostgresStore: RunnerStore {
    package func runner(_ digest: CredentialDigest) async throws(StoreError) -> Runner? {
        try await readers.read { connection in
            try connection.run(
                PostgresStatement(
                    """
                    SELECT * FROM runner WHERE (credential_digest = $1 OR former_digest = $1) AND revoked_at IS NULL
                    """,
                    .bytes(digest.bytes)
                )
            ).first.map(Runner.init(row:))
        }
    }

    package func runners() async throws(StoreError) -> [Runner] {
        try await readers.read { connection in
            try connection.run(PostgresStatement("SELECT * FROM runner ORDER BY id")).rows.map(Runner.init(row:))
        }
    }

    package func lapsedCredentials(at now: NumericDate) async throws(StoreError) -> Set<CredentialDigest> {
        try await readers.read { connection in
            let rows = try connection.run(
                PostgresStatement("SELECT * FROM runner WHERE former_digest IS NOT NULL AND revoked_at IS NULL")
            ).rows
            return Set(try rows.map(Runner.init(row:)).flatMap { $0.lapsedCredentials(at: now) })
        }
    }

    package func runner(named name: ByteString) async throws(StoreError) -> Runner? {
        try await readers.read { connection in
            try connection.run(
                PostgresStatement("SELECT * FROM runner WHERE name = $1 AND revoked_at IS NULL", .name(name))
            ).first.map(Runner.init(row:))
        }
    }

    package func addRunner(
        named name: ByteString,
        patterns: [RepositoryPattern],
        bounds: RunnerBounds,
        digest: CredentialDigest,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        let credential = KnownCredential(digest: digest, validity: bounds.validity, at: now)
        let insertion = PostgresStatement(
            """
            INSERT INTO runner (name, credential_digest, valid_until, patterns, bounds, added_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING
            """,
            .name(name),
            .bytes(digest.bytes),
            .instant(credential.validUntil),
            .bytes(Runner.write(patterns)),
            .bytes(bounds.document.serialized),
            .instant(now)
        )
        return try await committer.write(.alone) { transaction in
            guard try transaction.connection.run(insertion).changes == 1 else { return false }
            transaction.append(
                AuditRecord(at: now, operation: .runnerAdd, decision: .permit, reason: "ok", runner: name)
            )
            return true
        }
    }

    package func rotateCredential(
        of runner: Runner,
        to next: Runner,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        guard let known = runner.credentials.first, let credential = next.credentials.first else { return false }
        let former = next.credentials.dropFirst().first
        let update = PostgresStatement(
            """
            UPDATE runner SET credential_digest = $3, valid_until = $4, former_digest = $5, former_valid_until = $6
            WHERE id = $1 AND credential_digest = $2 AND revoked_at IS NULL
            """,
            .integer(runner.id),
            .bytes(known.digest.bytes),
            .bytes(credential.digest.bytes),
            .instant(credential.validUntil),
            .bytes(former?.digest.bytes),
            .instant(former?.validUntil)
        )
        return try await committer.write(.exclusive) { transaction in
            guard try transaction.connection.run(update).changes == 1 else { return false }
            let name = runner.name
            transaction.append(
                AuditRecord(at: now, operation: .runnerRotate, decision: .permit, reason: "ok", runner: name)
            )
            return true
        }
    }

    package func revokeRunner(named name: ByteString, at now: NumericDate) async throws(StoreError) -> Int? {
        try await committer.write(.exclusive) { transaction -> Int? in
            let connection = transaction.connection
            let revocation = PostgresStatement(
                "UPDATE runner SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL RETURNING id",
                .name(name),
                .instant(now)
            )
            guard let id = try connection.run(revocation).first?.integer(0) else { return nil }
            let ended = try connection.run(
                PostgresStatement(
                    "UPDATE job SET ended_at = $2, end_reason = $3 WHERE runner = $1 AND ended_at IS NULL",
                    .integer(id),
                    .instant(now),
                    .text(JobEnd.Reason.runnerRevoked.rawValue)
                )
            ).changes
            transaction.append(
                AuditRecord(at: now, operation: .runnerRevoke, decision: .permit, reason: "ok", runner: name)
            )
            return ended
        } committed: { [self] ended in
            heldJobs.withLock { $0 = [:] }
            liveTotal.withLock { $0 -= ended ?? 0 }
        }
    }
}
