import JOSE
import Keys
import Policy

extension OperatorDesk {
    /// Approves a waiting job in the name of one whom the policy in force names; the first approval stands.
    func approve(
        _ text: ByteString,
        as name: ByteString?,
        by uid: UInt32?,
        at now: NumericDate
    ) async throws -> JSONObject {
        guard let issuer else { throw Refusal(.issuerNotRunning) }
        guard let id = JobID(text.bytes) else { throw Refusal(.notFound, text) }
        for _ in 0..<Self.maximumAttempts {
            guard let job = try await jobs.job(id) else { throw Refusal(.notFound, text) }
            guard job.end(at: now) == nil else { throw Refusal(.jobEnded, text) }
            if let given = job.approval?.given { return Self.document(of: job, given) }
            let approved = try await recordingRefusal(of: job, name, uid, at: now) { () throws(Refusal) in
                try issuer.approval(of: job, by: name, at: now)
            }
            switch try await jobs.approve(
                job,
                as: approved.approval,
                recording: record(of: job, approved.given.by, uid, at: now),
                at: now
            ) {
            case nil: return Self.document(of: job, approved.given)
            // A fact was set, or somebody else approved: what there is now is looked at again.
            case .factsChanged: await Task.yield()
            case let reason?: throw Refusal(reason, text)
            }
        }
        throw Refusal(.factsChanged)
    }

    /// The jobs that wait, those first that wait the longest.
    func listWaitingJobs(at now: NumericDate) async throws -> JSONObject {
        guard let issuer else { throw Refusal(.issuerNotRunning) }
        let rows = try await jobs.jobsWithEnvironment()
            .filter { $0.end(at: now) == nil }
            .compactMap { job -> (job: Job, approval: Approval)? in
                // One whose environment the policy no longer declares waits for nothing: it gets no token at all.
                guard let approval = try? issuer.approval(of: job), approval.isWaiting(at: now) else { return nil }
                return (job, approval)
            }
            .sorted { $0.approval.since < $1.approval.since }
            .prefix(1000)
            .map { job, approval in
                let rule = try? issuer.environment(of: job)
                return JSONValue.object(Self.row(of: job, approval, rule?.approvers ?? []))
            }
        return JSONObject([("jobs", .array(rows))])
    }

    private static let maximumAttempts = 5

    private static func row(of job: Job, _ approval: Approval, _ approvers: [ByteString]) -> JSONObject {
        var row = JSONObject([("id", .string(job.id.text))])
        for fact in [.repository, .ref, .sha, .workflow, .runID, .actor, .environment] as [FactName] {
            row[fact.claimName] = job.facts[fact].map { .string($0) }
        }
        row["approvers"] = .array(approvers.map { .string($0) })
        row["approval"] = .string(approval.isMissing ? "missing" : approval.isRequired ? "given" : "not needed")
        row["since"] = .string(approval.since.internetDate)
        row["waits_until"] = .string(approval.waitsUntil.internetDate)
        row["expires_at"] = .string(job.expiresAt.internetDate)
        return row
    }

    private static func document(of job: Job, _ given: Approval.Given) -> JSONObject {
        var object = JSONObject([("id", .string(job.id.text))])
        object["environment"] = job.facts[.environment].map { .string($0) }
        object["environment_approved_by"] = .string(given.by)
        object["environment_approved_at"] = .string(given.at.internetDate)
        return object
    }

    private func record(
        of job: Job,
        _ approver: ByteString?,
        _ uid: UInt32?,
        refused reason: RefusalReason? = nil,
        at now: NumericDate
    ) -> AuditRecord {
        AuditRecord(
            at: now,
            operation: .jobApprove,
            decision: reason == nil ? .permit : .deny,
            reason: ByteString(reason?.rawValue ?? "ok"),
            runner: job.runnerName,
            job: job.id,
            repository: job.facts.repository.name,
            approver: approver,
            peerUID: uid
        )
    }

    private func recordingRefusal<Value>(
        of job: Job,
        _ name: ByteString?,
        _ uid: UInt32?,
        at now: NumericDate,
        _ work: () throws(Refusal) -> Value
    ) async throws -> Value {
        do throws(Refusal) {
            return try work()
        } catch {
            try await auditLog.append(record(of: job, name, uid, refused: error.reason, at: now))
            throw error
        }
    }
}
