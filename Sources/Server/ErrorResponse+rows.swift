import Issuer
import NIOHTTP1

extension ErrorResponse {
    static func row(_ reason: RefusalReason) -> Row {
        switch reason {
        case .malformedJSON: bad("the body must be one JSON object in UTF-8 (RFC 8259)")
        case .duplicateMember: bad("a member of the JSON object is given twice")
        case .unknownMember: bad("this member is not known here; check its spelling")
        case .memberMissing: bad("this member is required")
        case .wrongType: bad("this value has the wrong JSON type")
        case .outOfRange: bad("this value is outside its range")
        case .tooMany: bad("there are more of these than are accepted")
        case .bodyNotEmpty: bad("this request takes no body")
        case .malformedForm: bad("the parameters are not application/x-www-form-urlencoded")
        case .unknownParameter: bad("this parameter is not known here; check its spelling")
        case .repeatedParameter: bad("this parameter may be given only once")
        case .unsupportedParameter: bad("this parameter is not supported; leave it out")
        case .unsupportedGrantType:
            Row(
                .badRequest,
                "unsupported_grant_type",
                "grant_type must be urn:ietf:params:oauth:grant-type:token-exchange"
            )
        case .unsupportedTokenType: bad("this token type is not supported here")
        case .factMissing: bad("this fact is required and must not be empty")
        case .factInvalid: bad("this fact holds a byte or a form that is not accepted")
        case .factTooLong: bad("this fact is too long")
        case .repositoryOwnerMismatch: bad("repository_owner must be the part of repository before its first slash")
        case .workflowRefMismatch: bad("workflow_ref must begin with the repository and a slash")
        case .headRepositoryIDMissing: bad("a pull request must say by id where its code comes from")
        case .headRepositoryMismatch: bad("head_repository must be the repository when their ids are the same")
        case .immutableIDMissing: bad("the immutable subject needs this id, of letters, digits, - and _")
        case .subjectTooLong: bad("the subject of this job would be longer than 255 bytes; shorten its names")
        case .tokenTooLarge: bad("a token of this job would be longer than 4096 bytes; shorten its facts")
        case .tokenNameInvalid: bad("this is no name for a token's variable, or it is taken")
        case .patternInvalid: bad("a pattern is owner/name with a literal owner, as acme/* or acme/widgets")
        case .nameInvalid: bad("this name is not accepted")
        case .sourceInvalid:
            bad("a source is an address or a network, as 10.2.0.0/16 or 2001:db8::/32, with no bit beyond its prefix")
        case .audienceMissing: Row(.badRequest, "invalid_request", "say with audience who the token is for")
        case .audienceInvalid:
            Row(
                .badRequest,
                "invalid_request",
                "an audience is 1 to 255 printable ASCII characters without a space, given once"
            )
        case .audienceNotAllowed:
            Row(.forbidden, "invalid_target", "neither the registration of this job nor the policy names this audience")
        case .audienceIsIssuer: Row(.forbidden, "invalid_target", "no token is issued for the issuer itself")
        case .audienceProfilesDisagree:
            Row(
                .forbidden,
                "invalid_target",
                "these audiences are configured with different algorithms; ask for each by itself"
            )
        case .noRuleMatches:
            Row(.forbidden, "access_denied", "no rule gives this audience to this job; see jobsworth policy explain")
        case .deniedByRule: Row(.forbidden, "access_denied", "a rule of the policy denies this")
        case .environmentNotDeclared:
            Row(.forbidden, "access_denied", "the policy declares no such environment; add it under environments")
        case .environmentRefNotAllowed:
            Row(.forbidden, "access_denied", "the policy does not let this ref use this environment")
        case .factNeeded: Row(.forbidden, "access_denied", "the policy's template needs this fact; state it of the job")
        case .subjectUnavailable:
            Row(.forbidden, "access_denied", "a merge request or a fork has no subject made of this fact")
        case .claimDemanded:
            Row(.forbidden, "invalid_target", "this relying party demands a claim that the job has no fact for")
        case .grantUsed:
            Row(.forbidden, "access_denied", "the job has had all tokens that the rule gives; this is on record")
        case .waitingApproval:
            Row(
                .serviceUnavailable,
                "temporarily_unavailable",
                "the job waits for its environment; it goes on after jobsworth approve, or when the time is over",
                retryAfter: 5
            )
        case .approvalNotNeeded: conflict("this job needs nobody's approval")
        case .approverMissing: bad("the environment has several approvers; say with --as which of them approves")
        case .notAnApprover:
            Row(
                .forbidden,
                "access_denied",
                "the policy in force does not name this approver for the environment of the job"
            )
        case .selfApproval:
            Row(.forbidden, "access_denied", "who started a job does not approve it; somebody else has to")
        case .issuerNotRunning:
            conflict("jobs are approved by the running issuer, whose policy names the approvers; start jobsworth serve")
        case .claimNotAvailable:
            Row(
                .forbidden,
                "access_denied",
                "the tokens of this job have no such claim; register the fact, or do not ask"
            )
        case .sessionTagInvalid:
            Row(
                .forbidden,
                "access_denied",
                "the value of this fact cannot be an AWS session tag: 256 letters, digits, spaces or _.:/=+-@ at most"
            )
        case .subjectClaimNotAllowed:
            Row(.forbidden, "access_denied", "the subject of a token is not the caller's to choose; leave this out")
        case .credentialInvalid: Row(.unauthorized, "invalid_token", "the credential is not known or no longer valid")
        case .repositoryNotAllowed:
            Row(.forbidden, "access_denied", "this runner may not speak for this repository; see jobsworth runner add")
        case .factNotAllowed:
            Row(
                .forbidden,
                "access_denied",
                "this runner may not state this value of this fact, or must state one; see jobsworth runner list"
            )
        case .durationNotAllowed:
            Row(
                .forbidden,
                "access_denied",
                "this runner may not register a job for so long; ask for less, or see jobsworth runner list"
            )
        case .tooManyLiveJobs:
            Row(
                .tooManyRequests,
                "temporarily_unavailable",
                "as many jobs of this runner live as may; end those that are over, or see jobsworth runner list",
                retryAfter: 10
            )
        case .sourceNotAllowed:
            Row(
                .unauthorized,
                "invalid_token",
                "in the audit log only: the credential came from outside the networks of its runner"
            )
        case .credentialExpired:
            Row(
                .unauthorized,
                "invalid_token",
                "in the audit log only: the credential is past its end; run jobsworth runner rotate"
            )
        case .repositoryPinned:
            Row(
                .forbidden,
                "access_denied",
                "the repository is pinned to another name or id; see jobsworth repository forget"
            )
        case .notOptedIn:
            Row(.forbidden, "access_denied", "the job was registered without the permission id-token: write")
        case .fork: Row(.forbidden, "access_denied", "the job comes from a fork, and no policy rule names forks")
        case .runnerRevoked: Row(.forbidden, "access_denied", "the runner was revoked")
        case .rateLimited:
            Row(
                .tooManyRequests,
                "temporarily_unavailable",
                "the job asks for tokens too often; keep a token until it expires, or see tokens.rateLimit"
            )
        case .notFound: Row(.notFound, "invalid_request", "there is no such thing here")
        case .alreadyExists: conflict("it exists already")
        case .jobEnded: conflict("the job has ended")
        case .referenceConflict: conflict("another registration has this reference")
        case .factAlreadySet: conflict("this fact is set already, to another value")
        case .tokenAlreadyIssued: conflict("facts can be set only before the first token")
        case .keyWithdrawn, .factsChanged:
            unavailable("keys or facts changed meanwhile; try again")
        case .keyState: conflict("the key is not in a state in which that can be done; see jobsworth keys show")
        case .keyUnusable:
            conflict("the private half of this key does not open; put the right sealing key back, or retire the key")
        case .agentNeeded: conflict("only the running agent makes keys that sign certificates; start it, and try again")
        case .keyStillNeeded:
            conflict("tokens that this key signed may still live; only keys revoke withdraws it before")
        case .tooManyKeys: conflict("more keys would be published than keys.maximumPublished allows")
        case .noStandby: conflict("there is no standby of this algorithm; run jobsworth keys prepare")
        case .standbyTooYoung:
            conflict(
                "verifiers may not know this standby yet; wait, or use keys revoke where the active key is compromised"
            )
        case .standbyNotServed:
            conflict("no running issuer has published this standby yet; start jobsworth serve")
        case .standbyNotSeen:
            conflict(
                "this standby was not seen at a publication place yet; run jobsworth publish, then wait for the lead"
            )
        case .clockUncertain:
            unavailable(
                "the clock was moved; set it right, or say that it is right with jobsworth keys rotate --clock-is-right"
            )
        case .ledgerUnusable: unavailable("the ledger of revocations cannot be used")
        case .fileNotWritten: conflict("the file cannot be written")
        case .sealingKeyNotReplaced:
            unavailable(
                "the sealing key was not replaced; check the disk and its folder's permissions, restart, then try again"
            )
        case .sealingKeyNotPrepared:
            conflict(
                "replicas would not open what is sealed anew; run jobsworth keys reseal --prepare, copy the file that it names to every replica, then try again"
            )
        }
    }

    static func row(_ fault: RequestFault) -> Row {
        switch fault {
        case .malformedRequest: bad("the request is not HTTP/1.1 as RFC 9112 has it")
        case .ambiguousFraming: bad("the length of the body is stated twice")
        case .hostMissing: bad("there must be exactly one Host header")
        case .headersTooLarge: refused(.requestHeaderFieldsTooLarge, "the headers are too large or too many")
        case .targetTooLong: refused(.uriTooLong, "the request target is longer than 8192 bytes")
        case .bodyTooLarge: refused(.payloadTooLarge, "the body is larger than 65536 bytes")
        case .tooSlow: refused(.requestTimeout, "the request took too long to arrive")
        case .unsupportedMediaType: refused(.unsupportedMediaType, "this Content-Type is not accepted here")
        case .unsupportedEncoding: refused(.unsupportedMediaType, "a Content-Encoding is not accepted")
        case .repeatedAuthorization: bad("there must be exactly one Authorization header")
        case .pathNotFound: refused(.notFound, "there is nothing at this path")
        case .methodNotAllowed: refused(.methodNotAllowed, "this method is not answered here; see the Allow header")
        case .tooManyRequests: Row(.tooManyRequests, "temporarily_unavailable", "too much is under way; try again")
        case .overloaded: unavailable("too much is under way; try again")
        case .storeUnavailable: unavailable("the store cannot be written now; try again")
        case .noSigningKey: unavailable("no key can sign now; try again")
        case .issuerUnreachable:
            unavailable("the broker gets no answer from the issuer; try again, and see the broker's log")
        case .internalError: Row(.internalServerError, "server_error", "something failed here; it is in the log")
        }
    }

    private static func unavailable(_ sentence: String) -> Row {
        Row(.serviceUnavailable, "temporarily_unavailable", sentence)
    }
    private static func bad(_ sentence: String) -> Row { refused(.badRequest, sentence) }
    private static func conflict(_ sentence: String) -> Row { refused(.conflict, sentence) }
    private static func refused(_ status: HTTPResponseStatus, _ sentence: String) -> Row {
        Row(status, "invalid_request", sentence)
    }
}
