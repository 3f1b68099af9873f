package import Issuer
package import JOSE
package import Keys
import Synchronization

extension PostgresStore: AuditLog {
    package func commit(
        _ permits: [AuditRecord],
        of job: Job,
        at now: NumericDate,
        then: @escaping @Sendable (Result<CommitObstacle?, StoreError>) -> Void
    ) {
        let id = job.id
        // The first token is written down at the job; uses are counted by one replica at a time.
        let isCounted = permits.contains { !$0.uses.isEmpty }
        let locks = PostgresLocks(jobs: [id], isForUpdate: isCounted || heldJob(id) == nil, needsRing: true)
        committer.write(locks) { transaction -> CommitObstacle? in
            guard let standing = transaction.standing(of: id) else {
                return Self.refuse(permits, .jobEnded, in: transaction)
            }
            let reason = try standing.refusal(revision: job.revision, at: now) ?? transaction.withdrawnKey(permits)
            if let reason { return Self.refuse(permits, reason, in: transaction) }
            switch try Self.countUses(permits, of: id, at: now, transaction.connection) {
            case .repeats(let index, let claims): return .repeats(index: index, claims: claims)
            case .refused(let reason): return Self.refuse(permits, reason, in: transaction)
            case nil: break
            }
            for permit in permits {
                transaction.append(permit)
                transaction.noteUse(permit)
            }
            transaction.noteToken(of: id)
            return nil
        } committed: { [self] obstacle in
            if obstacle == nil { hold(job) } else { release(id) }
        } then: {
            then($0)
        }
    }

    package func commit(svids permits: [AuditRecord]) async throws(StoreError) -> RefusalReason? {
        try await committer.write(PostgresLocks(needsRing: true)) { transaction in
            let reason = try transaction.withdrawnKey(permits)
            for permit in permits {
                transaction.append(reason.map(permit.denied) ?? permit)
                if reason == nil { transaction.noteUse(permit) }
            }
            return reason
        }
    }

    package func append(_ record: AuditRecord) async throws(StoreError) {
        _ = try await committer.write(.record) { $0.append(record) }
    }

    /// The records of this replica.
    package func records(after sequence: Int64, limit: Int) async throws(StoreError) -> [StoredAuditRecord] {
        try await records(of: replica, after: sequence, limit: limit)
    }

    /// Records `permits` as refused.
    private static func refuse(
        _ permits: [AuditRecord],
        _ reason: RefusalReason,
        in transaction: PostgresTransaction
    ) -> CommitObstacle? {
        for permit in permits { transaction.append(permit.denied(reason)) }
        return .refused(reason)
    }
}

// MARK: - Every replica's

extension PostgresStore: AuditChains {
    package func auditChains() async throws(StoreError) -> [AuditChainHead] {
        try await readers.read { connection in
            try connection.run(PostgresStatement("SELECT name, sequence, digest FROM audit_chain ORDER BY name")).rows
                .map { row in
                    AuditChainHead(
                        name: try row.name(orThrow: "name"),
                        sequence: try row.integer(orThrow: "sequence"),
                        digest: row.bytes("digest") ?? []
                    )
                }
        }
    }

    package func records(
        of chain: ByteString,
        after sequence: Int64,
        limit: Int
    ) async throws(StoreError) -> [StoredAuditRecord] {
        try await readers.read { connection in
            try connection.run(
                PostgresStatement(
                    """
                    SELECT sequence, document, digest FROM audit
                    WHERE chain = (SELECT id FROM audit_chain WHERE name = $1) AND sequence > $2
                    ORDER BY sequence LIMIT $3
                    """,
                    .name(chain),
                    .integer(sequence),
                    .integer(Int64(limit))
                )
            ).rows.map(StoredAuditRecord.init(row:))
        }
    }
}

extension PostgresStore: KeyUseLog {
    /// How many records one page has.
    private static let page = 1000

    package func tokens(signedBy kid: ByteString, after sequence: Int64) async throws(StoreError) -> KeyUsePage {
        try await readers.read { connection in
            let rows = try connection.run(
                PostgresStatement(
                    """
                    SELECT position AS sequence, document, digest FROM audit WHERE kid = $1 AND position > $2
                    ORDER BY position LIMIT $3
                    """,
                    .name(kid),
                    .integer(sequence),
                    .integer(Int64(Self.page))
                )
            ).rows
            let records = try rows.map(StoredAuditRecord.init(row:))
            return KeyUsePage(
                records: records,
                through: records.count < Self.page ? nil : records.last?.sequence
            )
        }
    }
}
