import Foundation
import GRDB
package import Issuer
package import JOSE
package import Keys
import Policy
import Synchronization

extension SQLiteStore: JobStore {
    package func job(_ id: JobID) async throws(StoreError) -> Job? {
        if let live = heldJob(id) { return live }
        return try await writer.read {
            try Job.fetch(id, in: $0)
        } then: { [self] job in
            // On the writer's thread, so that nothing which ended it later comes before.
            if let job, job.end == nil { liveJobs.withLock { $0[id] = job } }
        }
    }

    package func heldJob(_ id: JobID) -> Job? {
        liveJobs.withLock { $0[id] }
    }

    package func job(runner: Int64, reference: ByteString) async throws(StoreError) -> Job? {
        try await writer.read { try Job.fetch(runner: runner, reference: reference, in: $0) }
    }

    package func register(
        _ job: Job,
        permits: [AuditRecord],
        liveJobs maximum: Int
    ) async throws(StoreError) -> RegistrationOutcome {
        try await writer.write { [self] transaction in
            let database = transaction.database
            if let refusal = try refusal(of: job, permits, liveJobs: maximum, in: transaction) {
                if refusal == .refused(.runnerRevoked) {
                    for permit in permits { try transaction.append(permit.denied(.runnerRevoked)) }
                }
                return refusal
            }
            try job.insert(hasToken: permits.contains { $0.jti != nil }, in: database)
            // A job that is new has used nothing yet; whether its named tokens are too many was seen before.
            _ = try Self.countUses(permits, of: job.id, at: job.registeredAt, in: database)
            for permit in permits { try transaction.noteUse(permit, transaction.append(permit)) }
            transaction.addedJobs[job.runner, default: 0] += 1
            return .registered
        } committed: { [self] outcome in
            guard outcome == .registered else { return }
            liveJobs.withLock { $0[job.id] = job }
            liveCounts.withLock { $0[job.runner, default: 0] += 1 }
        }
    }

    package func setFacts(
        _ facts: JobFacts,
        approval: Approval?,
        of job: Job,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        let revision = job.revision + 1
        return try await writer.write { transaction in
            let database = transaction.database
            guard let stored = try Job.fetch(job.id, in: database), stored.end(at: now) == nil else { return .jobEnded }
            guard stored.revision == job.revision else { return .factsChanged }
            let hasToken = try Bool.fetchOne(
                database,
                sql: "SELECT has_token FROM job WHERE id = ?",
                arguments: [Data(job.id.text.bytes)]
            )
            guard hasToken == false else { return .tokenAlreadyIssued }
            if let reason = try Self.pin(facts, at: now, in: database) { return reason }
            try database.execute(
                sql: "UPDATE job SET facts = ?, revision = ? WHERE id = ?",
                arguments: [Data(facts.document.serialized), revision, Data(job.id.text.bytes)]
            )
            try Self.set(approval, of: job.id, in: database)
            try transaction.append(Self.record(.setFacts, of: job, reason: "ok", at: now))
            return nil
        } committed: { [self] reason in
            guard reason == nil else { return }
            // Of `job` only the facts are known to be current: its lease may have moved.
            liveJobs.withLock {
                $0[job.id] = $0[job.id]?.changing(facts: facts, revision: revision, approval: approval)
            }
        }
    }

    package func approve(
        _ job: Job,
        as approval: Approval,
        recording record: AuditRecord,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        let revision = job.revision + 1
        return try await writer.write { transaction in
            let database = transaction.database
            guard let stored = try Job.fetch(job.id, in: database), stored.end(at: now) == nil else { return .jobEnded }
            guard stored.revision == job.revision else { return .factsChanged }
            try database.execute(
                sql: "UPDATE job SET revision = ? WHERE id = ?",
                arguments: [revision, Data(job.id.text.bytes)]
            )
            try Self.set(approval, of: job.id, in: database)
            try transaction.append(record)
            return nil
        } committed: { [self] reason in
            guard reason == nil else { return }
            liveJobs.withLock { $0[job.id] = $0[job.id]?.changing(revision: revision, approval: approval) }
        }
    }

    package func jobsWithEnvironment() async throws(StoreError) -> [Job] {
        var jobs: [Job] = []
        var last: (expiresAt: Int64, id: Data)? = (.min, Data())
        // Page by page, so that tokens are issued between.
        while let page = last {
            let (found, next) = try await writer.read { try Job.withEnvironment(after: page, in: $0) }
            jobs += found
            last = next
        }
        return jobs
    }

    private static func set(_ approval: Approval?, of job: JobID, in database: Database) throws {
        try database.execute(
            sql: "UPDATE job SET (\(Approval.columns)) = (?, ?, ?, ?, ?) WHERE id = ?",
            arguments: Approval.arguments(of: approval) + [Data(job.text.bytes)]
        )
    }

    package func extendLease(
        of id: JobID,
        to leaseExpiresAt: NumericDate,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        try await writer.write { [self] transaction in
            let database = transaction.database
            guard let stored = try stored(id, in: database), stored.end(at: now) == nil else { return .jobEnded }
            try database.cachedStatement(sql: "UPDATE job SET lease_expires_at = ? WHERE id = ?")
                .run(.integer(leaseExpiresAt.secondsSinceEpoch), .bytes(id.text.bytes))
            return nil
        } committed: { [self] reason in
            guard reason == nil else { return }
            liveJobs.withLock { $0[id] = $0[id]?.changing(leaseExpiresAt: leaseExpiresAt) }
        }
    }

    package func end(_ id: JobID, at now: NumericDate) async throws(StoreError) {
        _ = try await writer.write { [self] transaction -> Int64? in
            guard let job = try stored(id, in: transaction.database), job.end == nil else { return nil }
            try Self.markEnded(job, job.end(at: now) ?? JobEnd(reason: .ended, at: now), at: now, in: transaction)
            return job.runner
        } committed: { [self] runner in
            if let runner { forget([(id, runner)]) }
        }
    }

    package func endLapsedJobs(at now: NumericDate) async throws(StoreError) -> Int {
        try await writer.write { transaction in
            let jobs = try Job.fetchAll(
                "ended_at IS NULL AND (expires_at <= ?1 OR lease_expires_at <= ?1) LIMIT 1000",
                arguments: [now.secondsSinceEpoch],
                in: transaction.database
            )
            for job in jobs { if let end = job.end(at: now) { try Self.markEnded(job, end, at: now, in: transaction) } }
            return jobs.map { ($0.id, $0.runner) }
        } committed: { [self] ended in
            forget(ended)
        }.count
    }

    package func endAllJobs(because reason: JobEnd.Reason, at now: NumericDate) async throws(StoreError) -> Int {
        try await writer.write {
            try Self.endAllJobs(because: reason, at: now, in: $0)
        } committed: { [self] _ in
            liveJobs.withLock { $0.removeAll() }
            liveCounts.withLock { $0 = [:] }
        }
    }

    static func endAllJobs(
        because reason: JobEnd.Reason,
        at now: NumericDate,
        in transaction: Transaction
    ) throws -> Int {
        let database = transaction.database
        try database.execute(
            sql: "UPDATE job SET ended_at = ?, end_reason = ? WHERE ended_at IS NULL",
            arguments: [now.secondsSinceEpoch, reason.rawValue]
        )
        let count = database.changesCount
        let why = ByteString(reason.rawValue)
        try transaction.append(AuditRecord(at: now, operation: .jobEnd, decision: .permit, reason: why))
        return count
    }

    /// The job as the file has it now.
    ///
    /// Registration and facts of one revision never change: those come from memory, where they are.
    private func stored(_ id: JobID, in database: Database) throws -> Job? {
        guard let job = heldJob(id) else { return try Job.fetch(id, in: database) }
        let statement = try database.cachedStatement(
            sql: "SELECT revision, lease_expires_at FROM job WHERE id = ? AND ended_at IS NULL"
        )
        let row = try statement.first(.bytes(id.text.bytes)) { ($0.integer(0), $0.integer(1)) }
        guard let (revision, lease) = row, revision == job.revision else { return try Job.fetch(id, in: database) }
        return job.changing(leaseExpiresAt: lease.map(NumericDate.init(secondsSinceEpoch:)))
    }

    private func refusal(
        of job: Job,
        _ permits: [AuditRecord],
        liveJobs maximum: Int,
        in transaction: Transaction
    ) throws -> RegistrationOutcome? {
        let database = transaction.database
        let isLive = try Bool.fetchOne(
            database.cachedStatement(sql: "SELECT 1 FROM runner WHERE id = ? AND revoked_at IS NULL"),
            arguments: [job.runner]
        )
        guard isLive != nil else { return .refused(.runnerRevoked) }
        if let reference = job.registration.reference,
            let known = try Job.fetch(runner: job.runner, reference: reference, in: database)
        {
            return .referenceTaken(known)
        }
        let live = liveCounts.withLock { $0[job.runner] ?? 0 } + (transaction.addedJobs[job.runner] ?? 0)
        guard live < maximum else { return .refused(.tooManyLiveJobs) }
        if let reason = try withdrawnKey(permits, in: transaction) { return .refused(reason) }
        return try Self.pin(job.facts, at: job.registeredAt, in: database).map { .refused($0) }
    }

    private static func markEnded(_ job: Job, _ end: JobEnd, at now: NumericDate, in transaction: Transaction) throws {
        try transaction.database.cachedStatement(sql: "UPDATE job SET ended_at = ?, end_reason = ? WHERE id = ?")
            .execute(arguments: [end.at.secondsSinceEpoch, end.reason.rawValue, Data(job.id.text.bytes)])
        try transaction.append(record(.jobEnd, of: job, reason: ByteString(end.reason.rawValue), at: now))
    }

    /// Jobs that ended, and the runners they were of, are no longer among the live ones.
    private func forget(_ ended: [(id: JobID, runner: Int64)]) {
        liveJobs.withLock { jobs in for job in ended { jobs[job.id] = nil } }
        liveCounts.withLock { counts in for job in ended { counts[job.runner, default: 0] -= 1 } }
    }

    private static func record(
        _ operation: AuditRecord.Operation,
        of job: Job,
        reason: ByteString,
        at now: NumericDate
    ) -> AuditRecord {
        AuditRecord(
            at: now,
            operation: operation,
            decision: .permit,
            reason: reason,
            runner: job.runnerName,
            job: job.id,
            repository: job.facts.repository.name
        )
    }
}
