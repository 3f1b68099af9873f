package import Issuer
package import JOSE
package import Keys
import Policy
import Synchronization

extension PostgresStore: JobStore {
    package func job(_ id: JobID) async throws(StoreError) -> Job? {
        if let job = try await readers.read({ try Self.fetch(id, $0) }) { return job }
        // A server that is the primary no longer does not know what was registered since; but it cannot commit, either.
        return try await committer.write(.record) { try Self.fetch(id, $0.connection) }
    }

    /// A job whose facts are for good and that waits for nothing: what could have changed, a token's record finds out.
    package func heldJob(_ id: JobID) -> Job? {
        heldJobs.withLock { $0[id] }
    }

    package func job(runner: Int64, reference: ByteString) async throws(StoreError) -> Job? {
        try await readers.read { try Self.fetch(runner: runner, reference: reference, $0) }
    }

    package func register(
        _ job: Job,
        permits: [AuditRecord],
        liveJobs maximum: Int
    ) async throws(StoreError) -> RegistrationOutcome {
        let locks = PostgresLocks(runners: [job.runner], needsRing: permits.contains { $0.kid != nil })
        return try await committer.write(locks) { [self] transaction in
            if let refusal = try refusal(of: job, permits, liveJobs: maximum, in: transaction) {
                if refusal == .refused(.runnerRevoked) {
                    for permit in permits { transaction.append(permit.denied(.runnerRevoked)) }
                }
                return refusal
            }
            try insert(job, hasToken: permits.contains { $0.jti != nil }, transaction.connection)
            // A job that is new has used nothing yet; whether its named tokens are too many was seen before.
            _ = try Self.countUses(permits, of: job.id, at: job.registeredAt, transaction.connection)
            for permit in permits {
                transaction.append(permit)
                transaction.noteUse(permit)
            }
            transaction.addedJobs[job.runner, default: 0] += 1
            return .registered
        } committed: { [self] outcome in
            guard outcome == .registered else { return }
            liveCounts.withLock { $0[job.runner]?.added += 1 }
            liveTotal.withLock { $0 += 1 }
            if permits.contains(where: { $0.jti != nil }) { hold(job) }
        }
    }

    package func setFacts(
        _ facts: JobFacts,
        approval: Approval?,
        of job: Job,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        try await committer.write(Self.changing(job.id)) { transaction in
            let connection = transaction.connection
            guard let standing = transaction.standing(of: job.id), standing.end(at: now) == nil else {
                return .jobEnded
            }
            guard standing.revision == job.revision else { return .factsChanged }
            guard !standing.hasToken else { return .tokenAlreadyIssued }
            if let reason = try Self.pin(facts, at: now, connection) { return reason }
            try connection.run(
                PostgresStatement(
                    "UPDATE job SET facts = $2, revision = $3 WHERE id = $1",
                    .name(job.id.text),
                    .bytes(facts.document.serialized),
                    .integer(job.revision + 1)
                )
            )
            try Self.set(approval, of: job.id, connection)
            transaction.append(Self.record(.setFacts, of: job, reason: "ok", at: now))
            return nil
        } committed: { [self] _ in
            release(job.id)
        }
    }

    package func approve(
        _ job: Job,
        as approval: Approval,
        recording record: AuditRecord,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        try await committer.write(Self.changing(job.id)) { transaction in
            let connection = transaction.connection
            guard let standing = transaction.standing(of: job.id), standing.end(at: now) == nil else {
                return .jobEnded
            }
            guard standing.revision == job.revision else { return .factsChanged }
            try connection.run(
                PostgresStatement(
                    "UPDATE job SET revision = $2 WHERE id = $1",
                    .name(job.id.text),
                    .integer(job.revision + 1)
                )
            )
            try Self.set(approval, of: job.id, connection)
            transaction.append(record)
            return nil
        } committed: { [self] _ in
            release(job.id)
        }
    }

    package func jobsWithEnvironment() async throws(StoreError) -> [Job] {
        var jobs: [Job] = []
        var last: (expiresAt: Int64, id: [UInt8])? = (.min, [])
        while let page = last {
            let (found, next) = try await readers.read { try Self.withEnvironment(after: page, $0) }
            jobs += found
            last = next
        }
        return jobs
    }

    package func extendLease(
        of id: JobID,
        to leaseExpiresAt: NumericDate,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        let locks = PostgresLocks(jobs: [id], isForUpdate: true)
        return try await committer.write(locks) { transaction in
            guard let standing = transaction.standing(of: id), standing.end(at: now) == nil else { return .jobEnded }
            try transaction.connection.run(
                PostgresStatement(
                    "UPDATE job SET lease_expires_at = $2 WHERE id = $1",
                    .name(id.text),
                    .instant(leaseExpiresAt)
                )
            )
            return nil
        } committed: { [self] _ in
            release(id)
        }
    }

    package func end(_ id: JobID, at now: NumericDate) async throws(StoreError) {
        let locks = PostgresLocks(jobs: [id], isForUpdate: true)
        _ = try await committer.write(locks) { transaction -> Bool in
            guard let standing = transaction.standing(of: id), !standing.isEnded else { return false }
            let end = standing.end(at: now) ?? JobEnd(reason: .ended, at: now)
            transaction.markEnded(id, end, Self.record(of: id, standing, end, at: now))
            return true
        } committed: { [self] isDone in
            release(id)
            if isDone { liveTotal.withLock { $0 -= 1 } }
        }
    }

    /// Those that another replica is about to end are passed over: it does.
    package func endLapsedJobs(at now: NumericDate) async throws(StoreError) -> Int {
        try await committer.write(.alone) { transaction in
            let rows = try transaction.connection.run(
                PostgresStatement(
                    Job.select + """
                         WHERE ended_at IS NULL AND (expires_at <= $1 OR lease_expires_at <= $1)
                        ORDER BY job.id LIMIT 1000 FOR NO KEY UPDATE OF job SKIP LOCKED
                        """,
                    .instant(now)
                )
            ).rows
            let jobs = rows.compactMap { try? Job(row: $0) }
            for job in jobs {
                guard let end = job.end(at: now) else { continue }
                let reason = ByteString(end.reason.rawValue)
                transaction.markEnded(job.id, end, Self.record(.jobEnd, of: job, reason: reason, at: now))
            }
            return jobs.map(\.id)
        } committed: { [self] ended in
            ended.forEach(release)
            liveTotal.withLock { $0 -= ended.count }
        }.count
    }

    package func endAllJobs(because reason: JobEnd.Reason, at now: NumericDate) async throws(StoreError) -> Int {
        try await committer.write(.exclusive) { transaction in
            let count = try transaction.connection.run(
                PostgresStatement(
                    "UPDATE job SET ended_at = $1, end_reason = $2 WHERE ended_at IS NULL",
                    .instant(now),
                    .text(reason.rawValue)
                )
            ).changes
            let why = ByteString(reason.rawValue)
            transaction.append(AuditRecord(at: now, operation: .jobEnd, decision: .permit, reason: why))
            return count
        } committed: { [self] _ in
            heldJobs.withLock { $0 = [:] }
            liveTotal.withLock { $0 = 0 }
        }
    }

    /// Removes some of the jobs that ended before `end`; answers whether the whole table has been looked through since
    /// this was first asked, or since it last was.
    package func removeSomeJobs(
        endedBefore end: NumericDate,
        lookingAt count: Int = 500
    ) async throws(StoreError) -> Bool {
        let last = removedThrough.withLock { $0 }
        let next = try await committer.write(.alone) { transaction in
            let ids = try transaction.connection.run(
                PostgresStatement(
                    "SELECT id FROM job WHERE id > $1 ORDER BY id LIMIT $2",
                    .bytes(last),
                    .integer(Int64(count))
                )
            ).rows.compactMap { $0.bytes(0) }
            guard let first = ids.first, let final = ids.last else { return [UInt8]?.none }
            try transaction.connection.run(
                PostgresStatement(
                    "DELETE FROM job WHERE id BETWEEN $1 AND $2 AND ended_at < $3",
                    .bytes(first),
                    .bytes(final),
                    .instant(end)
                )
            )
            return ids.count < count ? nil : final
        }
        removedThrough.withLock { $0 = next ?? [] }
        return next == nil
    }

    // MARK: - Memory

    private static let maximumHeld = 4096

    /// Remembers a job of which only its end, its lease and an approval can change from now on; not one with a lease, for
    /// a heartbeat may come to another replica.
    func hold(_ job: Job) {
        guard job.leaseExpiresAt == nil, job.end == nil, job.approval == nil else { return }
        heldJobs.withLock { jobs in
            if jobs.count >= Self.maximumHeld { jobs = [:] }
            jobs[job.id] = job
        }
    }

    func release(_ id: JobID) {
        heldJobs.withLock { $0[id] = nil }
    }
}

// MARK: - Registration

extension PostgresStore {
    private func refusal(
        of job: Job,
        _ permits: [AuditRecord],
        liveJobs maximum: Int,
        in transaction: PostgresTransaction
    ) throws -> RegistrationOutcome? {
        let connection = transaction.connection
        guard transaction.isLive(runner: job.runner) else { return .refused(.runnerRevoked) }
        if let reference = job.registration.reference,
            let known = try Self.fetch(runner: job.runner, reference: reference, connection)
        {
            return .referenceTaken(known)
        }
        guard try liveCount(of: job.runner, below: maximum, in: transaction) < maximum else {
            return .refused(.tooManyLiveJobs)
        }
        if let reason = try transaction.withdrawnKey(permits) { return .refused(reason) }
        return try Self.pin(job.facts, at: job.registeredAt, connection).map { .refused($0) }
    }

    /// What was counted a moment ago, where that leaves room; what others registered in that moment is not seen.
    private func liveCount(of runner: Int64, below maximum: Int, in transaction: PostgresTransaction) throws -> Int {
        let added = transaction.addedJobs[runner] ?? 0
        let known = liveCounts.withLock { $0[runner] }
        if let known, known.countedAt + .seconds(2) > .now, known.counted + known.added + added < maximum {
            return known.counted + known.added + added
        }
        // In this transaction: what it has added already is among them.
        let count = try transaction.connection.run(
            PostgresStatement("SELECT count(*) FROM job WHERE runner = $1 AND ended_at IS NULL", .integer(runner))
        ).first?.integer(0)
        let counted = Int(clamping: count ?? 0)
        liveCounts.withLock { $0[runner] = LiveCount(counted: counted - added, countedAt: .now) }
        return counted
    }

    private func insert(_ job: Job, hasToken: Bool, _ connection: PostgresConnection) throws {
        let values: [PostgresValue] = [
            .name(job.id.text), .integer(job.runner), .name(job.registration.reference),
            .bytes(job.registration.document), .bytes(job.facts.document.serialized), .integer(job.revision),
            .instant(job.registeredAt), .instant(job.expiresAt), .instant(job.leaseExpiresAt), .bool(hasToken),
        ]
        let statement = PostgresStatement(
            sql: """
                INSERT INTO job (id, runner, reference, registration, facts, revision, registered_at, expires_at,
                    lease_expires_at, has_token, \(Approval.columns))
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                ON CONFLICT (runner, reference) WHERE reference IS NOT NULL DO NOTHING
                """,
            values: values + Approval.values(of: job.approval)
        )
        // Another replica took the reference since it was looked for: the next attempt finds whose it is.
        guard try connection.run(statement).changes == 1 else { throw PostgresFailure.conflict }
    }

    static func fetch(_ id: JobID, _ connection: PostgresConnection) throws -> Job? {
        try connection.run(PostgresStatement(Job.select + " WHERE job.id = $1", .name(id.text))).first
            .map(Job.init(row:))
    }

    static func fetch(runner: Int64, reference: ByteString, _ connection: PostgresConnection) throws -> Job? {
        try connection.run(
            PostgresStatement(
                Job.select + " WHERE job.runner = $1 AND job.reference = $2",
                .integer(runner),
                .name(reference)
            )
        ).first.map(Job.init(row:))
    }

    private static func withEnvironment(
        after last: (expiresAt: Int64, id: [UInt8]),
        _ connection: PostgresConnection
    ) throws -> (jobs: [Job], last: (expiresAt: Int64, id: [UInt8])?) {
        let rows = try connection.run(
            PostgresStatement(
                Job.select + """
                     WHERE ended_at IS NULL AND (expires_at, job.id) > ($1, $2) ORDER BY expires_at, job.id LIMIT 500
                    """,
                .integer(last.expiresAt),
                .bytes(last.id)
            )
        ).rows
        let jobs = rows.compactMap { try? Job(row: $0) }.filter { $0.facts[.environment] != nil }
        guard rows.count == 500, let final = rows.last, let expiresAt = final.integer("expires_at"),
            let id = final.bytes("id")
        else { return (jobs, nil) }
        return (jobs, (expiresAt, id))
    }

    private static func changing(_ job: JobID) -> PostgresLocks {
        PostgresLocks(isAlone: true, jobs: [job], isForUpdate: true)
    }

    private static func set(_ approval: Approval?, of job: JobID, _ connection: PostgresConnection) throws {
        try connection.run(
            PostgresStatement(
                sql: "UPDATE job SET (\(Approval.columns)) = ($2, $3, $4, $5, $6) WHERE id = $1",
                values: [.name(job.text)] + Approval.values(of: approval)
            )
        )
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

    private static func record(
        of id: JobID,
        _ standing: PostgresJobStanding,
        _ end: JobEnd,
        at now: NumericDate
    ) -> AuditRecord {
        AuditRecord(
            at: now,
            operation: .jobEnd,
            decision: .permit,
            reason: ByteString(end.reason.rawValue),
            runner: standing.runnerName,
            job: id,
            repository: standing.repository
        )
    }
}
