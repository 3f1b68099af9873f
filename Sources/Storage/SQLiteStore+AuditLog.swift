import Foundation
import GRDB
package import Issuer
import JOSE
package import Keys
import Synchronization

extension SQLiteStore: AuditLog {
    package func commit(
        _ permits: [AuditRecord],
        of job: Job,
        at now: NumericDate,
        then: @escaping @Sendable (Result<CommitObstacle?, StoreError>) -> Void
    ) {
        let id = job.id
        let revision = job.revision
        writer.write { [self] database in
            var reason = try refusal(of: permits, job: id, revision: revision, at: now, in: database)
            if reason == nil {
                switch try Self.countUses(permits, of: id, at: now, in: database) {
                case .repeats(let index, let claims): return .repeats(index: index, claims: claims)
                case .refused(let used): reason = used
                case nil: break
                }
            }
            for permit in permits {
                let sequence = try Self.append(reason.map(permit.denied) ?? permit, in: database)
                if reason == nil { try Self.noteUse(permit, sequence, in: database) }
            }
            if reason == nil {
                try database.cachedStatement(sql: "UPDATE job SET has_token = 1 WHERE id = ? AND has_token = 0")
                    .execute(arguments: [Data(id.text.bytes)])
            }
            return reason.map { .refused($0) }
        } then: {
            then($0)
        }
    }

    package func commit(svids permits: [AuditRecord]) async throws(StoreError) -> RefusalReason? {
        try await writer.write { [self] database in
            let reason = try withdrawnKey(permits, in: database)
            for permit in permits {
                let sequence = try Self.append(reason.map(permit.denied) ?? permit, in: database)
                if reason == nil { try Self.noteUse(permit, sequence, in: database) }
            }
            return reason
        }
    }

    package func append(_ record: AuditRecord) async throws(StoreError) {
        _ = try await writer.write { try Self.append(record, in: $0) }
    }

    package func records(after sequence: Int64, limit: Int) async throws(StoreError) -> [StoredAuditRecord] {
        try await writer.write { database in
            try Row.fetchAll(
                database,
                sql: "SELECT sequence, document, digest FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?",
                arguments: [sequence, limit]
            ).map(StoredAuditRecord.init(row:))
        }
    }

    /// Notes by when the key's tokens will have expired: until then no ring may withdraw it.
    ///
    /// Ten seconds more than the token lives spare the next tokens a write.
    static func noteUse(_ permit: AuditRecord, _ sequence: Int64, in database: Database) throws {
        guard let kid = permit.kid, let expiresAt = permit.expiresAt else { return }
        let known = try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT tokens_expire_by FROM key_use WHERE kid = ?"),
            arguments: [Data(kid.bytes)]
        )
        if let known, known >= expiresAt.secondsSinceEpoch { return }
        try database.cachedStatement(
            sql: """
                INSERT INTO key_use (kid, first_sequence, tokens_expire_by) VALUES (?, ?, ?)
                ON CONFLICT (kid) DO UPDATE SET tokens_expire_by = excluded.tokens_expire_by
                """
        ).execute(arguments: [Data(kid.bytes), sequence, expiresAt.advanced(bySeconds: 10).secondsSinceEpoch])
    }

    @discardableResult
    static func append(_ record: AuditRecord, in database: Database) throws -> Int64 {
        let last = try Row.fetchOne(
            database.cachedStatement(sql: "SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1")
        )
        let previous = last.map { [UInt8]($0["digest"] as Data) } ?? AuditChain.beginning
        let sequence = (last?["sequence"] as Int64? ?? 0) + 1
        let document = record.document.serialized
        let digest = AuditChain.digest(after: previous, sequence: sequence, document: document)
        try database.cachedStatement(sql: "INSERT INTO audit (sequence, document, digest) VALUES (?, ?, ?)")
            .execute(arguments: [sequence, Data(document), Data(digest)])
        return sequence
    }

    /// Why the tokens may not leave after all, read in the transaction that would record them.
    private func refusal(
        of permits: [AuditRecord],
        job: JobID,
        revision: Int64,
        at now: NumericDate,
        in database: Database
    ) throws -> RefusalReason? {
        let row = try Row.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT job.revision, job.expires_at, job.lease_expires_at, job.ended_at, \(Approval.columns),
                        runner.revoked_at
                    FROM job JOIN runner ON runner.id = job.runner WHERE job.id = ?
                    """
            ),
            arguments: [Data(job.text.bytes)]
        )
        guard let row, row["ended_at"] as Int64? == nil, (row["expires_at"] as Int64) > now.secondsSinceEpoch else {
            return .jobEnded
        }
        if let lease = row["lease_expires_at"] as Int64?, lease <= now.secondsSinceEpoch { return .jobEnded }
        if row["revoked_at"] as Int64? != nil { return .runnerRevoked }
        if row["revision"] as Int64 != revision { return .factsChanged }
        if Approval(row: row)?.isWaiting(at: now) == true { return .waitingApproval }
        return try withdrawnKey(permits, in: database)
    }

    func withdrawnKey(_ permits: [AuditRecord], in database: Database) throws -> RefusalReason? {
        let active = try activeKids(in: database)
        return permits.compactMap(\.kid).allSatisfy(active.contains) ? nil : .keyWithdrawn
    }

    /// The keys that sign by the stored ring, decoded once for each ring.
    private func activeKids(in database: Database) throws -> Set<ByteString> {
        let row = try Row.fetchOne(database.cachedStatement(sql: "SELECT version, digest FROM key_ring"))
        let (version, digest) = (row?["version"] as Int64?, row?["digest"] as Data?)
        let known = activeKeys.withLock { $0 }
        if digest != nil, known.version == version, known.digest == digest { return known.kids }
        let ring = try Self.ring(in: database)
        let kids = Set(ring.keys.filter { $0.state == .active }.map(\.kid))
        activeKeys.withLock { $0 = ActiveKeys(version: version, digest: digest, kids: kids) }
        return kids
    }
}
