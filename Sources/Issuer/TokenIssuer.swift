package import JOSE
package import Keys
private import Synchronization

/// Turns a job and a request into a token that is signed, recorded and only then released.
package final class TokenIssuer: Sendable {
    private let rules: StandingRules
    private let profiles: TokenProfiles
    private let claims: TokenClaims
    private let auditLog: any AuditLog
    private let keys: Mutex<SigningKeys>

    package init(
        rules: StandingRules,
        profiles: TokenProfiles,
        claims: TokenClaims,
        auditLog: any AuditLog,
        keys: SigningKeys
    ) {
        self.rules = rules
        self.profiles = profiles
        self.claims = claims
        self.auditLog = auditLog
        self.keys = Mutex(keys)
    }

    /// The keys that sign from now on.
    package func use(_ next: SigningKeys) {
        keys.withLock { $0 = next }
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
        for _ in 0..<Self.maximumAttempts {
            let token: SignedToken
            do throws(IssuanceError) {
                token = try sign(request, for: job, at: now)
            } catch {
                if case .refused(let refusal) = error {
                    await record(refusal, audiences: request.audiences.all.map(\.value), for: job, at: now)
                }
                throw error
            }
            if try await commit([token], of: job, at: now) { return ReleasedToken(recorded: token) }
            await Task.yield()
        }
        throw .store(.unavailable)
    }

    /// A key that stopped signing between signature and commit is a matter of moments: the next one signs again.
    static let maximumAttempts = 5

    /// The named tokens of a job, signed and not yet recorded.
    package func namedTokens(of job: Job, at now: NumericDate) throws(IssuanceError) -> [SignedToken] {
        var tokens: [SignedToken] = []
        for named in job.registration.namedTokens {
            let request = TokenRequest(audiences: named.audiences, lifetime: named.lifetime, origin: .namedToken)
            do throws(IssuanceError) {
                tokens.append(try sign(request, for: job, at: now))
            } catch {
                guard case .refused(let refusal) = error else { throw error }
                throw .refused(Refusal(refusal.reason, "id_tokens." + named.name))
            }
        }
        return tokens
    }

    /// Checks what a token of the job would be, without making one: a job that could never have a token is refused
    /// when it is registered.
    package func checkClaims(of job: Job) throws(Refusal) {
        var generator = SystemRandomNumberGenerator()
        let audience = try Audiences([ByteString(String(repeating: "a", count: 255))])
        _ = try prepare(
            TokenRequest(audiences: audience),
            TokenProfile(algorithm: .RS256, lifetime: 1),
            for: job,
            at: job.registeredAt,
            using: &generator
        )
    }

    /// Commits the records of signed tokens; throws where they must be dropped, answers false where they must be
    /// signed again because their key stopped signing meanwhile.
    func commit(_ tokens: [SignedToken], of job: Job, at now: NumericDate) async throws(IssuanceError) -> Bool {
        let refusal: RefusalReason?
        do throws(StoreError) {
            refusal = try await auditLog.commit(permits(tokens, of: job, at: now), of: job, at: now)
        } catch {
            throw .store(error)
        }
        switch refusal {
        case nil: return true
        case .keyWithdrawn: return false
        // The caller may ask again: other facts will make the next one.
        case .factsChanged: throw .store(.unavailable)
        default: throw .unauthenticated
        }
    }

    /// The audit records with which `tokens` may leave.
    func permits(_ tokens: [SignedToken], of job: Job, at now: NumericDate) -> [AuditRecord] {
        tokens.map { token in
            AuditRecord(
                at: now,
                operation: .token,
                decision: .permit,
                reason: "ok",
                runner: job.runnerName,
                job: job.id,
                repository: job.facts.repository.name,
                subject: token.prepared.subject,
                audiences: token.prepared.audiences.all.map(\.value),
                jti: token.prepared.jti,
                kid: token.kid,
                expiresAt: token.prepared.expiresAt
            )
        }
    }

    private func sign(_ request: TokenRequest, for job: Job, at now: NumericDate) throws(IssuanceError) -> SignedToken {
        let prepared: PreparedToken
        do throws(Refusal) {
            try rules.check(request, for: job)
            let profile = try profiles.profile(for: request.audiences, asked: request.lifetime)
            var generator = SystemRandomNumberGenerator()
            prepared = try prepare(request, profile, for: job, at: now, using: &generator)
        } catch {
            throw .refused(error)
        }
        do {
            return try prepared.signed(with: keys.withLock { $0 })
        } catch {
            throw .noSigningKey
        }
    }

    private func prepare(
        _ request: TokenRequest,
        _ profile: TokenProfile,
        for job: Job,
        at now: NumericDate,
        using generator: inout some RandomNumberGenerator
    ) throws(Refusal) -> PreparedToken {
        try PreparedToken(
            constant: request.claims(with: claims.constant(for: job), of: job),
            subject: claims.subject(of: job),
            audiences: request.audiences,
            profile: profile,
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
            audiences: audiences
        )
        try? await auditLog.append(record)
    }
}
