package import JOSE
package import Keys

/// One durable entry: who asked for what, and what we decided.
///
/// For a token it is committed before the token leaves.
package struct AuditRecord: Hashable, Sendable {
    package enum Decision: String, Hashable, Sendable {
        case permit
        case deny
    }

    /// What was asked for.
    package enum Operation: String, Hashable, Sendable, CaseIterable {
        case token
        case svid
        case registration
        case setFacts = "set_facts"
        case heartbeat
        case jobEnd = "job_end"
        case jobApprove = "job_approve"
        case runnerAdd = "runner_add"
        case runnerRotate = "runner_rotate"
        case runnerRevoke = "runner_revoke"
        /// A runner's credential was presented where, or when, it is not good.
        case authentication
        case repositoryForget = "repository_forget"
        case repositoryRename = "repository_rename"
        case keyPrepare = "key_prepare"
        case keyPublish = "key_publish"
        case keyActivate = "key_activate"
        case keyRetire = "key_retire"
        case keyRevoke = "key_revoke"
        case keyReseal = "key_reseal"
        case keyDrill = "key_drill"
        /// A head of this log was signed.
        case auditHead = "audit_head"
        case clockAccept = "clock_accept"
        case backup
        case restore
    }

    package let at: NumericDate
    package let operation: Operation
    package let decision: Decision
    /// A ``RefusalReason``, or `ok`, or why a job ended.
    package let reason: ByteString
    package let runner: ByteString?
    package let job: JobID?
    package let repository: ByteString?
    package let subject: ByteString?
    package let audiences: [ByteString]
    package let jti: ByteString?
    package let kid: ByteString?
    package let expiresAt: NumericDate?
    /// The address that a refused credential was presented from.
    package let source: ByteString?
    /// In whose name an operator approved a job.
    package let approver: ByteString?
    /// The user who ran the operator's command, or asked for the SVID, as the kernel says.
    package let peerUID: UInt32?
    /// Of an SVID, asked for or issued.
    package let svid: AuditedSVID?
    /// The policy's rules that decided.
    package let rules: [ByteString]
    /// What the transaction of this record counts; no part of the record itself.
    package let uses: [GrantUse]

    package init(
        at: NumericDate,
        operation: Operation,
        decision: Decision,
        reason: ByteString,
        runner: ByteString? = nil,
        job: JobID? = nil,
        repository: ByteString? = nil,
        subject: ByteString? = nil,
        audiences: [ByteString] = [],
        jti: ByteString? = nil,
        kid: ByteString? = nil,
        expiresAt: NumericDate? = nil,
        source: ByteString? = nil,
        approver: ByteString? = nil,
        peerUID: UInt32? = nil,
        svid: AuditedSVID? = nil,
        rules: [ByteString] = [],
        uses: [GrantUse] = []
    ) {
        self.at = at
        self.operation = operation
        self.decision = decision
        self.reason = reason
        self.runner = runner
        self.job = job
        self.repository = repository
        self.subject = subject
        self.audiences = audiences
        self.jti = jti
        self.kid = kid
        self.expiresAt = expiresAt
        self.source = source
        self.approver = approver
        self.peerUID = peerUID
        self.svid = svid
        self.rules = rules
        self.uses = uses
    }

    /// The record as one JSON object of ASCII bytes: no value can break a line or pose as another member.
    package var document: JSONObject {
        var object = JSONObject([
            ("at", .string(at.internetDate)),
            ("operation", .string(ByteString(operation.rawValue))),
            ("decision", .string(ByteString(decision.rawValue))),
            ("reason", .string(reason)),
        ])
        object["runner"] = runner.map { .string($0) }
        object["job"] = job.map { .string($0.text) }
        object["repository"] = repository.map { .string($0) }
        object["subject"] = subject.map { .string($0) }
        object["audience"] = audiences.isEmpty ? nil : .array(audiences.map { .string($0) })
        object["jti"] = jti.map { .string($0) }
        object["kid"] = kid.map { .string($0) }
        object["exp"] = expiresAt.map { .integer($0.secondsSinceEpoch) }
        object["source"] = source.map { .string($0) }
        object["approver"] = approver.map { .string($0) }
        object["peer_uid"] = peerUID.map { .integer(Int64($0)) }
        svid?.write(to: &object)
        object["rule"] = rules.isEmpty ? nil : .array(rules.map { .string($0) })
        if decision == .deny, RefusalReason(rawValue: reason.string)?.isAlarm == true { object["alarm"] = .bool(true) }
        return object
    }

    /// The same request, refused: what is committed when the job ended while its token was being made, or the
    /// key was withdrawn.
    package func denied(_ reason: RefusalReason) -> AuditRecord {
        AuditRecord(
            at: at,
            operation: operation,
            decision: .deny,
            reason: ByteString(reason.rawValue),
            runner: runner,
            job: job,
            repository: repository,
            subject: subject,
            audiences: audiences,
            peerUID: peerUID,
            svid: svid?.withheld,
            rules: rules
        )
    }
}
