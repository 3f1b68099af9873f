package import JOSE
package import Keys
import Policy

/// Finds out who presents a credential.
package struct CallerAuthentication: Sendable {
    private let runners: any RunnerStore
    private let jobs: any JobStore
    private let auditLog: any AuditLog
    private let requestTokens: RequestTokenKey
    private let deadTokenAttempts = AttemptSample<JobID>()
    private let deadCredentialAttempts = AttemptSample<Int64>()

    package init(
        runners: any RunnerStore,
        jobs: any JobStore,
        auditLog: any AuditLog,
        requestTokens: RequestTokenKey
    ) {
        self.runners = runners
        self.jobs = jobs
        self.auditLog = auditLog
        self.requestTokens = requestTokens
    }

    /// The live runner whose credential this is, if it is good now and in the hands of `peer`.
    ///
    /// Who presents it otherwise is answered as if nobody knew it; the audit log says more, of the first attempts each
    /// and then of a sample.
    package func runner(
        presenting secret: ByteString,
        from peer: NetworkAddress?,
        at now: NumericDate
    ) async throws(IssuanceError) -> Runner {
        guard let credential = RunnerCredential(secret), let runner = try await runner(of: credential) else {
            throw .unauthenticated
        }
        guard let reason = runner.refusal(of: credential.digest, from: peer, at: now) else { return runner }
        if deadCredentialAttempts.isRecorded(runner.id) {
            let record = AuditRecord(
                at: now,
                operation: .authentication,
                decision: .deny,
                reason: ByteString(reason.rawValue),
                runner: runner.name,
                source: peer?.text
            )
            try? await auditLog.append(record)
        }
        throw .unauthenticated
    }

    private func runner(of credential: RunnerCredential) async throws(IssuanceError) -> Runner? {
        do throws(StoreError) {
            return try await runners.runner(credential.digest)
        } catch {
            throw .store(error)
        }
    }

    /// The job whose request token this is, alive or over.
    package func job(presenting token: ByteString) async throws(IssuanceError) -> Job {
        guard let id = requestTokens.job(of: token) else { throw .unauthenticated }
        do throws(StoreError) {
            if let job = try await jobs.job(id) { return job }
        } catch {
            throw .store(error)
        }
        throw .unauthenticated
    }

    /// The live job whose request token this is, as far as memory knows; nil where ``liveJob(presenting:at:)`` has to
    /// say more.
    package func heldJob(presenting token: ByteString, at now: NumericDate) -> Job? {
        guard let id = requestTokens.job(of: token), let job = jobs.heldJob(id), job.end(at: now) == nil else {
            return nil
        }
        return job
    }

    /// The job whose request token this is, if it still lives; attempts with a dead one are recorded, the first ones
    /// each, then a sample.
    package func liveJob(presenting token: ByteString, at now: NumericDate) async throws(IssuanceError) -> Job {
        let job = try await job(presenting: token)
        guard job.end(at: now) != nil else { return job }
        guard deadTokenAttempts.isRecorded(job.id) else { throw .unauthenticated }
        let record = AuditRecord(
            at: now,
            operation: .token,
            decision: .deny,
            reason: ByteString(RefusalReason.jobEnded.rawValue),
            runner: job.runnerName,
            job: job.id,
            repository: job.facts.repository.name
        )
        try? await auditLog.append(record)
        throw .unauthenticated
    }
}
