import Foundation
import GRDB
package import Issuer
package import JOSE
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
        writer.write { [self] transaction in
            let standing = try JobStanding(of: id, in: transaction)
            guard let standing else { return try refuse(permits, .jobEnded, in: transaction) }
            let reason = try standing.refusal(revision: revision, at: now) ?? withdrawnKey(permits, in: transaction)
            if let reason { return try refuse(permits, reason, in: transaction) }
            switch try Self.countUses(permits, of: id, at: now, in: transaction.database) {
            case .repeats(let index, let claims): return .repeats(index: index, claims: claims)
            case .refused(let reason): return try refuse(permits, reason, in: transaction)
            case nil: break
            }
            for permit in permits { try transaction.noteUse(permit, transaction.append(permit)) }
            if !standing.hasToken { try transaction.statements.noteFirstToken.run(.bytes(id.text.bytes)) }
            return nil
        } then: {
            then($0)
        }
    }

    package func commit(svids permits: [AuditRecord]) async throws(StoreError) -> RefusalReason? {
        try await writer.write { [self] transaction in
            let reason = try withdrawnKey(permits, in: transaction)
            for permit in permits {
                let sequence = try transaction.append(reason.map(permit.denied) ?? permit)
                if reason == nil { try transaction.noteUse(permit, sequence) }
            }
            return reason
        }
    }

    package func append(_ record: AuditRecord) async throws(StoreError) {
        _ = try await writer.write { try $0.append(record) }
    }

    package func records(after sequence: Int64, limit: Int) async throws(StoreError) -> [StoredAuditRecord] {
        try await writer.read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT sequence, document, digest FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?",
                arguments: [sequence, limit]
            ).map(StoredAuditRecord.init(row:))
        }
    }

    /// Records `permits` as refused.
    private func refuse(
        _ permits: [AuditRecord],
        _ reason: RefusalReason,
        in transaction: Transaction
    ) throws -> CommitObstacle? {
        for permit in permits { try transaction.append(permit.denied(reason)) }
        return .refused(reason)
    }

    func withdrawnKey(_ permits: [AuditRecord], in transaction: Transaction) throws -> RefusalReason? {
        let active = try transaction.activeKids(activeKids(in:))
        let isWithdrawn = permits.contains { permit in permit.kid.map { !active.contains($0) } ?? false }
        return isWithdrawn ? .keyWithdrawn : nil
    }

    /// The keys that sign by the stored ring, decoded once for each ring.
    private func activeKids(in transaction: Transaction) throws -> [ByteString] {
        let row = try transaction.statements.activeRing.first { ($0.integer(0), $0.bytes(1)) }
        let (version, digest) = row ?? (nil, nil)
        let known = activeKeys.withLock { $0 }
        if digest != nil, known.version == version, known.digest == digest { return known.kids }
        let ring = try ring(of: StoredRing(in: transaction.database))
        let kids = ring.keys.filter { $0.state == .active }.map(\.kid)
        activeKeys.withLock { $0 = ActiveKeys(version: version, digest: digest, kids: kids) }
        return kids
    }
}

extension SQLiteStore: AuditChains {
    /// The one chain of a store that one process owns.
    package func auditChains() async throws(StoreError) -> [AuditChainHead] {
        try await writer.read { database in
            let row = try Row.fetchOne(
                database,
                sql: "SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1"
            )
            return [
                AuditChainHead(
                    name: AuditChain.soleName,
                    sequence: row?["sequence"] ?? 0,
                    digest: (row?["digest"] as Data?).map { Array($0) } ?? AuditChain.beginning
                )
            ]
        }
    }

    package func records(
        of chain: ByteString,
        after sequence: Int64,
        limit: Int
    ) async throws(StoreError) -> [StoredAuditRecord] {
        chain == AuditChain.soleName ? try await records(after: sequence, limit: limit) : []
    }
}
