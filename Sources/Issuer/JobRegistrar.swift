package import JOSE
package import Keys
import Policy

/// Registers jobs, sets their late facts, keeps their leases and ends them, all for a runner that is known.
package struct JobRegistrar: Sendable {
    private let jobs: any JobStore
    private let auditLog: any AuditLog
    private let issuer: TokenIssuer
    private let fullAttempts = AttemptSample<Int64>()

    package init(jobs: any JobStore, auditLog: any AuditLog, issuer: TokenIssuer) {
        self.jobs = jobs
        self.auditLog = auditLog
        self.issuer = issuer
    }

    /// A job, and the named tokens that were made with it.
    package struct Registered: Sendable {
        package let job: Job
        /// False where the same registration came before under its reference.
        package let isNew: Bool
        /// Whether there are no tokens before its environment is approved or waited for.
        ///
        /// Named ones come with the same registration again, after that.
        package let isWaiting: Bool
        package let namedTokens: [(name: ByteString, token: ReleasedToken)]
    }

    package func register(
        _ body: [UInt8],
        by runner: Runner,
        at now: NumericDate
    ) async throws(IssuanceError) -> Registered {
        try await recordingRefusals(of: .registration, by: runner, at: now) { () throws(IssuanceError) in
            let registration = try Self.registration(body)
            return try await registerNew(try Self.job(registration, of: runner, at: now), of: runner, at: now)
        }
    }

    /// Sets facts that were absent: only before the first token, and each only once.
    package func setFacts(
        _ body: [UInt8],
        of id: JobID,
        by runner: Runner,
        at now: NumericDate
    ) async throws(IssuanceError) -> Job {
        try await recordingRefusals(of: .setFacts, by: runner, at: now) { () throws(IssuanceError) in
            let job = try await liveJob(id, of: runner, at: now)
            let facts = try Self.lateFacts(body, of: job, runner.bounds)
            let approval = try Self.refusing { () throws(Refusal) -> Approval? in
                try self.approval(of: job, setting: facts, at: now)
            }
            let changed = job.changing(facts: facts, revision: job.revision + 1, approval: approval)
            try Self.refusing { () throws(Refusal) in try issuer.checkClaims(of: changed) }
            try await refused { () throws(StoreError) in
                try await jobs.setFacts(facts, approval: approval, of: job, at: now)
            }
            return changed
        }
    }

    /// Moves the end of the lease; harmless for a job without one.
    package func heartbeat(_ id: JobID, by runner: Runner, at now: NumericDate) async throws(IssuanceError) -> Job {
        try await recordingRefusals(of: .heartbeat, by: runner, at: now) { () throws(IssuanceError) in
            let job = try await liveJob(id, of: runner, at: now)
            guard let lease = job.registration.lease else { return job }
            let until = now.advanced(bySeconds: lease)
            try await refused { () throws(StoreError) in try await jobs.extendLease(of: id, to: until, at: now) }
            return job.changing(leaseExpiresAt: until)
        }
    }

    /// The runner's own job; nobody learns whether another runner has one of that id.
    package func job(_ id: JobID, of runner: Runner) async throws(IssuanceError) -> Job {
        let job = try await stored { () throws(StoreError) in try await jobs.job(id) }
        guard let job, job.runner == runner.id else { throw .refused(Refusal(.notFound)) }
        return job
    }

    package func job(reference: ByteString, of runner: Runner) async throws(IssuanceError) -> Job {
        let job = try await stored { () throws(StoreError) in
            try await jobs.job(runner: runner.id, reference: reference)
        }
        guard let job else { throw .refused(Refusal(.notFound)) }
        return job
    }

    /// Ends the job.
    ///
    /// Ending it again changes nothing.
    package func end(_ job: Job, at now: NumericDate) async throws(IssuanceError) {
        try await stored { () throws(StoreError) in try await jobs.end(job.id, at: now) }
    }

    // MARK: - Registration

    private static func registration(_ body: [UInt8]) throws(IssuanceError) -> JobRegistration {
        try refusing { () throws(Refusal) in try JobRegistration(parsing: JSONBody.object(body)) }
    }

    private func repeated(
        _ job: Job,
        _ registration: JobRegistration,
        at now: NumericDate
    ) async throws(IssuanceError) -> Registered {
        guard job.registration.digest == registration.digest else {
            throw .refused(Refusal(.referenceConflict, "reference"))
        }
        guard job.end(at: now) == nil else { throw .refused(Refusal(.jobEnded, "reference")) }
        if try Self.refusing({ () throws(Refusal) in try issuer.isWaiting(job, at: now) }) {
            return Registered(job: job, isNew: false, isWaiting: true, namedTokens: [])
        }
        let tokens = try Self.refusing { () throws(Refusal) in try issuer.namedTokens(of: job, at: now) }
        let released = tokens.isEmpty ? [] : try await issuer.release(tokens, of: job, at: now)
        return Registered(job: job, isNew: false, isWaiting: false, namedTokens: Self.named(released))
    }

    /// The job of which the runner says `registration`, within what the runner may say.
    private static func job(
        _ registration: JobRegistration,
        of runner: Runner,
        at now: NumericDate
    ) throws(IssuanceError) -> Job {
        try refusing { () throws(Refusal) in
            var generator = SystemRandomNumberGenerator()
            let job = try Job(id: .random(using: &generator), runner: runner, registration: registration, at: now)
            guard runner.maySpeakFor(job.facts.repository) else {
                throw Refusal(.repositoryNotAllowed, job.facts.repository.name)
            }
            return job
        }
    }

    /// The job with what its environment asks now: that stays, whatever becomes of the policy.
    private func settled(_ job: Job, at now: NumericDate) throws(Refusal) -> Job {
        job.changing(approval: try issuer.environment(of: job).flatMap { Approval($0, since: now) })
    }

    private func registerNew(
        _ job: Job,
        of runner: Runner,
        at now: NumericDate
    ) async throws(IssuanceError) -> Registered {
        let (job, isWaiting, prepared) = try Self.refusing { () throws(Refusal) in
            let job = try settled(job, at: now)
            try issuer.checkClaims(of: job)
            let tokens = try issuer.namedTokens(of: job, at: now)
            guard !GrantUse.areExceeded(tokens.flatMap(\.uses)) else { throw Refusal(.grantUsed, "id_tokens") }
            let isWaiting = try issuer.isWaiting(job, at: now)
            return (job, isWaiting, isWaiting ? [] : tokens)
        }
        for _ in 0..<TokenIssuer.maximumAttempts {
            let (tokens, version) = try issuer.sign(prepared)
            let permits = [registrationRecord(of: job, at: now)] + issuer.permits(tokens, of: job, at: now)
            let outcome = try await stored { () throws(StoreError) in
                try await jobs.register(
                    job,
                    permits: permits,
                    liveJobs: runner.bounds.maximumLiveJobs ?? RunnerBounds.standardLiveJobs
                )
            }
            switch outcome {
            case .registered:
                let released = tokens.map(ReleasedToken.init(recorded:))
                return Registered(job: job, isNew: true, isWaiting: isWaiting, namedTokens: Self.named(released))
            case .referenceTaken(let known): return try await repeated(known, job.registration, at: now)
            case .refused(.runnerRevoked): throw .unauthenticated
            // The next key signs the next attempt.
            case .refused(.keyWithdrawn): await issuer.renewKeys(of: version)
            case .refused(.tooManyLiveJobs): throw .refused(Refusal(.tooManyLiveJobs))
            case .refused(let reason): throw .refused(Refusal(reason, "job.repository"))
            }
        }
        throw .store(.unavailable)
    }

    private static func named(_ tokens: [ReleasedToken]) -> [(name: ByteString, token: ReleasedToken)] {
        tokens.compactMap { token in token.prepared.variable.map { ($0, token) } }
    }

    private func registrationRecord(of job: Job, at now: NumericDate) -> AuditRecord {
        AuditRecord(
            at: now,
            operation: .registration,
            decision: .permit,
            reason: "ok",
            runner: job.runnerName,
            job: job.id,
            repository: job.facts.repository.name
        )
    }

    // MARK: - Late facts

    private static func lateFacts(
        _ body: [UInt8],
        of job: Job,
        _ bounds: RunnerBounds
    ) throws(IssuanceError) -> JobFacts {
        try refusing { () throws(Refusal) in
            let object = try JSONBody.object(body)
            try object.refuseMembers(beyond: ["job"])
            guard let facts = try object.object("job") else { throw Refusal(.memberMissing, "job") }
            return try bounds.facts(job.facts.adding(facts, besides: bounds.set.keys))
        }
    }

    /// What the job waits for with other facts: a late environment is waited for from now on, and an approval is of the
    /// facts that the approver could see.
    private func approval(of job: Job, setting facts: JobFacts, at now: NumericDate) throws(Refusal) -> Approval? {
        guard facts != job.facts else { return job.approval }
        guard job.facts[.environment] == nil else { return job.approval?.given(nil) }
        return try issuer.environment(of: job.changing(facts: facts)).flatMap { Approval($0, since: now) }
    }

    private func liveJob(_ id: JobID, of runner: Runner, at now: NumericDate) async throws(IssuanceError) -> Job {
        let job = try await job(id, of: runner)
        guard job.end(at: now) == nil else { throw .refused(Refusal(.jobEnded)) }
        return job
    }

    // MARK: - Errors

    private static func refusing<Value>(_ work: () throws(Refusal) -> Value) throws(IssuanceError) -> Value {
        do throws(Refusal) { return try work() } catch { throw .refused(error) }
    }

    private func stored<Value>(_ work: () async throws(StoreError) -> Value) async throws(IssuanceError) -> Value {
        do throws(StoreError) { return try await work() } catch { throw .store(error) }
    }

    private func refused(_ work: () async throws(StoreError) -> RefusalReason?) async throws(IssuanceError) {
        if let reason = try await stored(work) { throw .refused(Refusal(reason)) }
    }

    /// A refusal of a runner that is known is recorded; it stands even where that fails, for it releases nothing.
    private func recordingRefusals<Value>(
        of operation: AuditRecord.Operation,
        by runner: Runner,
        at now: NumericDate,
        _ work: () async throws(IssuanceError) -> Value
    ) async throws(IssuanceError) -> Value {
        do throws(IssuanceError) {
            return try await work()
        } catch {
            // Who may have no more jobs asks again and again.
            if case .refused(let refusal) = error,
                refusal.reason != .tooManyLiveJobs || fullAttempts.isRecorded(runner.id)
            {
                let record = AuditRecord(
                    at: now,
                    operation: operation,
                    decision: .deny,
                    reason: ByteString(refusal.reason.rawValue),
                    runner: runner.name
                )
                try? await auditLog.append(record)
            }
            throw error
        }
    }
}
