package import JOSE
package import Keys
import Policy
private import Synchronization

/// Turns a job and a request into a token that is signed, recorded and only then released.
package final class TokenIssuer: Sendable {
    private let planner: Mutex<(planner: TokenPlanner, generation: Int)>
    /// Whom the tokens that every job gets are for; nil where jobs opt in.
    private let jobJWTAudiences: Audiences?
    private let claims: TokenClaims
    let auditLog: any AuditLog
    private let keys: Mutex<TokenSigners>
    private let templates = TokenTemplates()
    private let renewal = Mutex<(@Sendable (Int64) async -> Void)?>(nil)
    private let waitingAttempts = AttemptSample<JobID>()

    package init(
        planner: TokenPlanner,
        claims: TokenClaims,
        auditLog: any AuditLog,
        keys: SigningKeys,
        jobJWTAudiences: Audiences? = nil
    ) {
        self.planner = Mutex((planner, 0))
        self.jobJWTAudiences = jobJWTAudiences
        self.claims = claims
        self.auditLog = auditLog
        self.keys = Mutex(TokenSigners(keys))
    }

    /// The keys that sign from now on.
    package func use(_ next: SigningKeys) {
        let signers = TokenSigners(next)
        keys.withLock { $0 = signers }
    }

    /// Who brings newer keys than those of a version of the ring; a token whose key was withdrawn waits for it.
    package func renewKeys(by renew: @escaping @Sendable (_ version: Int64) async -> Void) {
        renewal.withLock { $0 = renew }
    }

    /// The policy that decides from now on.
    package func use(_ next: TokenPlanner) {
        // What was decided by the one before is decided anew.
        planner.withLock { $0 = (next, $0.generation + 1) }
    }

    var currentPlanner: TokenPlanner {
        planner.withLock { $0.planner }
    }

    /// Whether every algorithm can sign now: what readiness rests on.
    package var canSign: Bool {
        let keys = keys.withLock { $0 }
        return SigningAlgorithm.allCases.allSatisfy { algorithm in
            guard let signer = try? keys.signer(algorithm) else { return false }
            return (try? signer.key.signature(over: Array("readiness".utf8))) != nil
        }
    }

    /// One token for a live job.
    ///
    /// A refusal is recorded too.
    package func issue(
        _ request: TokenRequest,
        for job: Job,
        at now: NumericDate
    ) async throws(IssuanceError) -> ReleasedToken {
        let prepared: PreparedToken
        do throws(Refusal) {
            let template = try template(for: request, job)
            prepared = try prepare(template, for: job, at: now)
            try Self.refuseWaiting(job, for: template.approval.get(), at: now)
        } catch {
            // Who waits asks again and again.
            guard error.reason != .waitingApproval || waitingAttempts.isRecorded(job.id) else { throw .refused(error) }
            await record(error, audiences: request.audiences.all.map(\.value), for: job, at: now)
            throw .refused(error)
        }
        return try await release([prepared], of: job, at: now)[0]
    }

    /// Signs and records, and only then releases: all or none, in their order.
    func release(
        _ prepared: [PreparedToken],
        of job: Job,
        at now: NumericDate
    ) async throws(IssuanceError) -> [ReleasedToken] {
        var prepared = prepared
        var isRepeated = [Bool](repeating: false, count: prepared.count)
        var attempts = 0
        while attempts < Self.maximumAttempts {
            attempts += 1
            let (signed, version) = try sign(prepared)
            switch try await commit(signed, of: job, at: now) {
            case nil: return signed.map(ReleasedToken.init(recorded:))
            case .repeats(let index, let claims) where prepared.indices.contains(index):
                prepared[index] = try repeating(claims, prepared[index])
                // That one retries is no failure of ours.
                if !isRepeated[index] { attempts -= 1 }
                isRepeated[index] = true
            // The next key signs again.
            default: await renewKeys(of: version)
            }
        }
        throw .store(.unavailable)
    }

    /// A key that stopped signing between signature and commit is a matter of moments: the next one signs again.
    static let maximumAttempts = 5

    /// Comes back when keys that are newer than the ring's `version` sign, where they can be had.
    func renewKeys(of version: Int64) async {
        guard let renew = renewal.withLock({ $0 }) else { return await Task.yield() }
        await renew(version)
    }

    /// The named tokens of a job, not yet signed.
    package func namedTokens(of job: Job, at now: NumericDate) throws(Refusal) -> [PreparedToken] {
        var tokens: [PreparedToken] = []
        for named in job.registration.namedTokens {
            let request = TokenRequest(audiences: named.audiences, lifetime: named.lifetime, origin: .namedToken)
            do throws(Refusal) {
                tokens.append(try prepare(template(for: request, job), for: job, at: now).named(named.name))
            } catch {
                throw Refusal(error.reason, "id_tokens." + named.name)
            }
        }
        return tokens + everyJobsTokens(job, besides: tokens.compactMap(\.variable), at: now)
    }

    /// The variables of the days before opt-in.
    private static let jobJWTNames: [ByteString] = ["CI_JOB_JWT", "CI_JOB_JWT_V1", "CI_JOB_JWT_V2"]

    /// What a job gets without asking, where the operator has it so; a job that may have none goes without.
    private func everyJobsTokens(_ job: Job, besides taken: [ByteString], at now: NumericDate) -> [PreparedToken] {
        guard let jobJWTAudiences else { return [] }
        let request = TokenRequest(audiences: jobJWTAudiences, origin: .namedToken)
        return Self.jobJWTNames.filter { !taken.contains($0) }
            .compactMap { name in try? prepare(template(for: request, job), for: job, at: now).named(name) }
            // What a rule gives a job only so often is not spent on what nobody asked for.
            .filter { $0.uses.isEmpty }
    }

    /// Checks what a token of the job would be, without making one: a job that could never have a token, or none that
    /// its relying parties take, is refused when it is registered.
    package func checkClaims(of job: Job) throws(Refusal) {
        let planner = currentPlanner
        let job = try planner.approvedAtLength(job)
        let longest = try Audiences([Self.longestAudience])
        let usual = try planner.usualPlan(for: longest)
        _ = try prepare(template(usual, longest, for: job, by: planner), for: job, at: job.registeredAt)
        for audience in job.registration.audiences ?? [] {
            let request = TokenRequest(audiences: try Audiences([audience.value]))
            // What is not permitted now may be permitted when it is asked for.
            guard let plan = try? planner.plan(request, for: job) else { continue }
            let template = try template(plan, request.audiences, for: job, by: planner)
            _ = try prepare(template, for: job, at: job.registeredAt)
        }
    }

    private static let longestAudience = ByteString([UInt8](repeating: UInt8(ascii: "a"), count: 255))

    /// Commits the records of signed tokens; throws where they must be dropped, answers what is in the way where they
    /// may be made again.
    private func commit(
        _ tokens: [SignedToken],
        of job: Job,
        at now: NumericDate
    ) async throws(IssuanceError) -> CommitObstacle? {
        let obstacle: CommitObstacle?
        do throws(StoreError) {
            obstacle = try await auditLog.commit(permits(tokens, of: job, at: now), of: job, at: now)
        } catch {
            throw .store(error)
        }
        return try Self.passing(obstacle)
    }

    /// The obstacle, where the tokens may be made again; throws where they must be dropped.
    static func passing(_ obstacle: CommitObstacle?) throws(IssuanceError) -> CommitObstacle? {
        switch obstacle {
        case nil, .repeats, .refused(.keyWithdrawn): return obstacle
        case .refused(.waitingApproval): throw .refused(Refusal(.waitingApproval))
        case .refused(.grantUsed): throw .refused(Refusal(.grantUsed))
        // The caller may ask again: other facts will make the next one.
        case .refused(.factsChanged): throw .store(.unavailable)
        case .refused: throw .unauthenticated
        }
    }

    /// The audit records with which `tokens` may leave.
    func permits(_ tokens: [SignedToken], of job: Job, at now: NumericDate) -> [AuditRecord] {
        tokens.map { token in
            AuditRecord(
                at: now,
                operation: .token,
                decision: .permit,
                reason: token.prepared.isRepeat ? "repeat" : "ok",
                runner: job.runnerName,
                job: job.id,
                repository: job.facts.repository.name,
                subject: token.prepared.subject,
                audiences: token.prepared.audiences.all.map(\.value),
                jti: token.prepared.jti,
                kid: token.kid,
                expiresAt: token.prepared.expiresAt,
                rules: token.prepared.rules,
                uses: token.prepared.uses
            )
        }
    }

    /// The tokens, signed with the keys of the ring's `version`.
    func sign(_ prepared: [PreparedToken]) throws(IssuanceError) -> (tokens: [SignedToken], version: Int64) {
        let keys = keys.withLock { $0 }
        do {
            return (try prepared.map { try $0.signed(with: keys) }, keys.keys.ring.version)
        } catch {
            throw .noSigningKey
        }
    }

    private func repeating(_ claims: [UInt8], _ token: PreparedToken) throws(IssuanceError) -> PreparedToken {
        do throws(Refusal) {
            return try PreparedToken(repeating: claims, instead: token)
        } catch {
            throw .refused(error)
        }
    }

    // MARK: - Preparing

    /// What holds for every token of this request: found where the same was asked before and nothing changed since.
    ///
    /// What only some callers ask of a token is decided each time.
    func template(for request: TokenRequest, _ job: Job) throws(Refusal) -> TokenTemplate {
        guard request == TokenRequest(audiences: request.audiences) else {
            return try template(for: request, job, by: currentPlanner)
        }
        let key = TokenTemplates.Key(job: job.id, audiences: request.audiences.joined)
        let (planner, generation) = planner.withLock { $0 }
        if let known = templates.template(key, revision: job.revision, generation: generation) { return known }
        let template = try template(for: request, job, by: planner)
        templates.remember(template, for: key, revision: job.revision, generation: generation)
        return template
    }

    private func template(
        for request: TokenRequest,
        _ job: Job,
        by planner: TokenPlanner
    ) throws(Refusal) -> TokenTemplate {
        let plan = try planner.plan(request, for: job)
        if !request.requiredClaims.isEmpty { try request.refuseMissing(in: claims.constant(for: job, plan.form)) }
        return try template(plan, request.audiences, for: job, by: planner)
    }

    private func template(
        _ plan: TokenPlan,
        _ audiences: Audiences,
        for job: Job,
        by planner: TokenPlanner
    ) throws(Refusal) -> TokenTemplate {
        TokenTemplate(
            constant: try claims.constant(for: job, plan.form),
            audiences: audiences,
            plan: plan,
            approval: Result { () throws(Refusal) in try planner.approval(of: job) }
        )
    }

    /// The template of one audience for a job, where it was made before and nothing changed since.
    ///
    /// `audience` was not looked at yet: with a space in it, it would be the key of two.
    func knownTemplate(_ audience: ByteString, for job: Job) -> TokenTemplate? {
        let generation = planner.withLock { $0.generation }
        let key = TokenTemplates.Key(job: job.id, audiences: audience)
        let known = templates.template(key, revision: job.revision, generation: generation)
        return known?.audiences.all.count == 1 ? known : nil
    }

    func prepare(_ template: TokenTemplate, for job: Job, at now: NumericDate) throws(Refusal) -> PreparedToken {
        var generator = SystemRandomNumberGenerator()
        return try prepare(template, for: job, at: now, using: &generator)
    }

    func prepare(
        _ template: TokenTemplate,
        for job: Job,
        at now: NumericDate,
        using generator: inout some RandomNumberGenerator
    ) throws(Refusal) -> PreparedToken {
        try PreparedToken(
            template,
            jti: Hexadecimal.random128Bits(using: &generator),
            issuedAt: now,
            deadline: job.expiresAt
        )
    }

    /// Records that a known job was refused a token.
    ///
    /// A refusal stands even where it cannot be recorded: it releases nothing.
    package func record(_ refusal: Refusal, audiences: [ByteString] = [], for job: Job, at now: NumericDate) async {
        let record = AuditRecord(
            at: now,
            operation: .token,
            decision: .deny,
            reason: ByteString(refusal.reason.rawValue),
            runner: job.runnerName,
            job: job.id,
            repository: job.facts.repository.name,
            audiences: audiences,
            rules: refusal.reason == .deniedByRule ? [refusal.about] : []
        )
        try? await auditLog.append(record)
    }
}
