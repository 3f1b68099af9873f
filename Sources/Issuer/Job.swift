package import JOSE
package import Keys
package import Policy

/// One registered execution of CI work, as the store knows it.
package struct Job: Hashable, Sendable {
    package let id: JobID
    package let runner: Int64
    package let runnerName: ByteString
    package let registration: JobRegistration
    /// The registered facts and those that were set once since.
    package let facts: JobFacts
    /// Rises when a fact is set or the job is approved, so that a token made of what was before never leaves.
    package let revision: Int64
    package let registeredAt: NumericDate
    /// The job ends by itself then.
    package let expiresAt: NumericDate
    /// Without a heartbeat the job ends by itself then; nil for a job without a lease.
    package let leaseExpiresAt: NumericDate?
    package let end: JobEnd?
    /// What its environment asked for when the job stated it; nil where nothing was asked.
    package let approval: Approval?

    package init(
        id: JobID,
        runner: Int64,
        runnerName: ByteString,
        registration: JobRegistration,
        facts: JobFacts,
        revision: Int64,
        registeredAt: NumericDate,
        expiresAt: NumericDate,
        leaseExpiresAt: NumericDate?,
        end: JobEnd?,
        approval: Approval? = nil
    ) {
        self.id = id
        self.runner = runner
        self.runnerName = runnerName
        self.registration = registration
        self.facts = facts
        self.revision = revision
        self.registeredAt = registeredAt
        self.expiresAt = expiresAt
        self.leaseExpiresAt = leaseExpiresAt
        self.end = end
        self.approval = approval
    }

    /// A job that is registered now, with the facts and for the time that its runner's bounds allow.
    package init(id: JobID, runner: Runner, registration: JobRegistration, at now: NumericDate) throws(Refusal) {
        let lifetime = try runner.bounds.lifetime(requested: registration.requestedLifetime)
        self.init(
            id: id,
            runner: runner.id,
            runnerName: runner.name,
            registration: registration,
            facts: try runner.bounds.facts(registration.facts),
            revision: 0,
            registeredAt: now,
            expiresAt: now.advanced(bySeconds: lifetime),
            leaseExpiresAt: registration.lease.map { now.advanced(bySeconds: $0) },
            end: nil
        )
    }

    /// Why the job is over at `now`; nil while it lives.
    ///
    /// Does not wait for anybody to have noticed.
    package func end(at now: NumericDate) -> JobEnd? {
        if let end { return end }
        if let leaseExpiresAt, leaseExpiresAt <= now, leaseExpiresAt < expiresAt {
            return JobEnd(reason: .leaseLost, at: leaseExpiresAt)
        }
        return expiresAt <= now ? JobEnd(reason: .expired, at: expiresAt) : nil
    }

    /// The job as a policy sees it.
    package func description(serviceConnection: ByteString? = nil) -> JobDescription {
        facts.description(runner: runnerName, serviceConnection: serviceConnection)
    }

    package func changing(
        facts: JobFacts? = nil,
        revision: Int64? = nil,
        leaseExpiresAt: NumericDate? = nil,
        end: JobEnd? = nil,
        approval: Approval? = nil
    ) -> Job {
        Job(
            id: id,
            runner: runner,
            runnerName: runnerName,
            registration: registration,
            facts: facts ?? self.facts,
            revision: revision ?? self.revision,
            registeredAt: registeredAt,
            expiresAt: expiresAt,
            leaseExpiresAt: leaseExpiresAt ?? self.leaseExpiresAt,
            end: end ?? self.end,
            approval: approval ?? self.approval
        )
    }
}
