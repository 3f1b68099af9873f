/// Every reason for which the issuer refuses, with the stable name that callers and the audit log see.
package enum RefusalReason: String, Hashable, Sendable, CaseIterable {
    // The request cannot be read.
    case malformedJSON = "malformed_json"
    case duplicateMember = "duplicate_member"
    case unknownMember = "unknown_member"
    case memberMissing = "member_missing"
    case wrongType = "wrong_type"
    case outOfRange = "out_of_range"
    case tooMany = "too_many"
    case bodyNotEmpty = "body_not_empty"
    case malformedForm = "malformed_form"
    case unknownParameter = "unknown_parameter"
    case repeatedParameter = "repeated_parameter"
    case unsupportedParameter = "unsupported_parameter"
    case unsupportedGrantType = "unsupported_grant_type"
    case unsupportedTokenType = "unsupported_token_type"

    // The facts do not hold together.
    case factMissing = "fact_missing"
    case factInvalid = "fact_invalid"
    case factTooLong = "fact_too_long"
    case repositoryOwnerMismatch = "repository_owner_mismatch"
    case workflowRefMismatch = "workflow_ref_mismatch"
    case headRepositoryIDMissing = "head_repository_id_missing"
    case headRepositoryMismatch = "head_repository_mismatch"
    case immutableIDMissing = "immutable_id_missing"
    case subjectTooLong = "subject_too_long"
    case tokenTooLarge = "token_too_large"
    case tokenNameInvalid = "token_name_invalid"
    case patternInvalid = "pattern_invalid"
    case nameInvalid = "name_invalid"
    case sourceInvalid = "source_invalid"

    // The audience.
    case audienceMissing = "audience_missing"
    case audienceInvalid = "audience_invalid"
    case audienceNotAllowed = "audience_not_allowed"
    case audienceIsIssuer = "audience_is_issuer"
    case audienceProfilesDisagree = "audience_profiles_disagree"

    // The policy.
    case noRuleMatches = "no_rule_matches"
    case deniedByRule = "denied_by_rule"
    case environmentNotDeclared = "environment_not_declared"
    case environmentRefNotAllowed = "environment_ref_not_allowed"
    case factNeeded = "fact_needed"
    case subjectUnavailable = "subject_unavailable"
    case claimDemanded = "claim_demanded"
    case grantUsed = "grant_used"
    case waitingApproval = "waiting_approval"
    case approvalNotNeeded = "approval_not_needed"
    case approverMissing = "approver_missing"
    case notAnApprover = "not_an_approver"
    case selfApproval = "self_approval"
    case issuerNotRunning = "issuer_not_running"

    // The claims.
    case claimNotAvailable = "claim_not_available"
    case sessionTagInvalid = "session_tag_invalid"
    case subjectClaimNotAllowed = "subject_claim_not_allowed"

    // The caller.
    case credentialInvalid = "credential_invalid"
    case repositoryNotAllowed = "repository_not_allowed"
    case factNotAllowed = "fact_not_allowed"
    case durationNotAllowed = "duration_not_allowed"
    case tooManyLiveJobs = "too_many_live_jobs"
    case sourceNotAllowed = "source_not_allowed"
    case credentialExpired = "credential_expired"
    case repositoryPinned = "repository_pinned"
    case notOptedIn = "not_opted_in"
    case fork
    case runnerRevoked = "runner_revoked"
    case rateLimited = "rate_limited"

    // The state of things.
    case notFound = "not_found"
    case alreadyExists = "already_exists"
    case jobEnded = "job_ended"
    case referenceConflict = "reference_conflict"
    case factAlreadySet = "fact_already_set"
    case tokenAlreadyIssued = "token_already_issued"
    case keyWithdrawn = "key_withdrawn"
    case factsChanged = "facts_changed"

    // The keys.
    case keyState = "key_state"
    case keyUnusable = "key_unusable"
    /// The key would sign certificates, which only its agent can make.
    case agentNeeded = "agent_needed"
    case keyStillNeeded = "key_still_needed"
    case tooManyKeys = "too_many_keys"
    case noStandby = "no_standby"
    case standbyTooYoung = "standby_too_young"
    case standbyNotServed = "standby_not_served"
    case standbyNotSeen = "standby_not_seen"
    case clockUncertain = "clock_uncertain"
    case ledgerUnusable = "ledger_unusable"
    case fileNotWritten = "file_not_written"
    case sealingKeyNotReplaced = "sealing_key_not_replaced"
    /// Others share the store, and would not open what is sealed anew.
    case sealingKeyNotPrepared = "sealing_key_not_prepared"

    /// Whether somebody should look at it: what was to happen once happened again.
    package var isAlarm: Bool { self == .grantUsed }
}
