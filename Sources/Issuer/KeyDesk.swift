package import JOSE
package import Keys

/// Does what operators and cron say to the keys.
package struct KeyDesk: Sendable {
    private let custodian: KeyCustodian
    private let keys: any KeyStore
    private let secrets: any SecretStore
    private let jobs: any JobStore
    private let uses: any KeyUseLog
    private let auditLog: any AuditLog & AuditChains
    private let sealer: any KeySealer
    private let resealing: Resealing
    private let requestTokens: RequestTokenKey
    private let elapsed: @Sendable () -> Duration

    /// `elapsed` is a clock that only runs; a drill is timed by it.
    package init(
        custodian: KeyCustodian,
        store: any KeyStore & SecretStore & JobStore & KeyUseLog & AuditLog & AuditChains,
        sealer: any KeySealer,
        resealing: Resealing,
        requestTokens: RequestTokenKey,
        elapsed: @escaping @Sendable () -> Duration
    ) {
        self.custodian = custodian
        keys = store
        secrets = store
        jobs = store
        uses = store
        auditLog = store
        self.sealer = sealer
        self.resealing = resealing
        self.requestTokens = requestTokens
        self.elapsed = elapsed
    }

    /// The command's answer as JSON.
    package func perform(_ command: KeyCommand, at reading: ClockReading) async throws -> JSONObject {
        do {
            switch command {
            case .rotate(let clockIsRight): return try await rotate(clockIsRight, at: reading)
            case .ask(.revoke(let kid)): return try await revoke(kid, at: reading)
            case .ask(.revokeAll): return try await revokeAll(at: reading)
            case .ask(let request):
                return RotationReport.document(of: try await custodian.perform(request, at: reading))
            case .drill: return try await drill(at: reading.wall)
            case .reseal:
                return JSONObject([("sealed", .integer(Int64(try await resealing.perform(at: reading.wall))))])
            case .auditHead: return try await auditHead(at: reading.wall)
            case .tokens(let kid, let sequence): return try await tokens(signedBy: kid, after: sequence)
            }
        } catch let refusal as RotationRefusal {
            throw Refusal(refusal)
        } catch let error as RevocationLedgerError {
            throw Refusal(.ledgerUnusable, error.explanation)
        } catch KeyRingError.privateKeyUnusable(let kid) {
            throw Refusal(.keyUnusable, kid)
        } catch KeyRingError.noCertifier {
            throw Refusal(.agentNeeded)
        } catch KeyRingError.contended {
            throw StoreError.unavailable
        }
    }

    private func rotate(_ clockIsRight: Bool, at reading: ClockReading) async throws -> JSONObject {
        if clockIsRight {
            let record = AuditRecord(at: reading.wall, operation: .clockAccept, decision: .permit, reason: "ok")
            try await auditLog.append(record)
            try await custodian.acceptClock(reading)
        }
        return RotationReport.document(of: try await custodian.turn(at: reading))
    }

    private func revoke(_ kid: ByteString, at reading: ClockReading) async throws -> JSONObject {
        let outcome = try await custodian.perform(.revoke(kid), at: reading)
        return RotationReport.document(of: outcome, revoking: [kid], at: reading.wall)
    }

    /// For a stolen store: with the keys goes all that the thief could make request tokens with.
    private func revokeAll(at reading: ClockReading) async throws -> JSONObject {
        let outcome = try await custodian.perform(.revokeAll, at: reading)
        let ended = try await jobs.endAllJobs(because: .keysRevoked, at: reading.wall)
        var generator = SystemRandomNumberGenerator()
        let secret = RequestTokenKey.randomSecret(using: &generator)
        let sealed = try sealer.seal(secret, context: RequestTokenKey.sealingContext)
        try await secrets.replaceSecret(named: RequestTokenKey.secretName, with: sealed)
        requestTokens.replace(secret: secret)
        let revoked = outcome.transitions.filter { $0.verb == .revoke }.map(\.kid)
        var document = RotationReport.document(of: outcome, revoking: revoked, at: reading.wall)
        document["jobs_ended"] = .integer(Int64(ended))
        return document
    }

    private func tokens(signedBy kid: ByteString, after sequence: Int64) async throws -> JSONObject {
        let page = try await uses.tokens(signedBy: kid, after: sequence)
        if page.records.isEmpty, page.through == nil, try await keys.keyRing().key(kid) == nil {
            throw Refusal(.notFound, kid)
        }
        var document = JSONObject([
            ("records", .array(page.records.map { .string(ByteString($0.document)) }))
        ])
        document["through"] = page.through.map { .integer($0) }
        return document
    }

    /// The head covers its own record, so that none is given out that the log does not know of.
    private func auditHead(at now: NumericDate) async throws -> JSONObject {
        let signer = try PreparedAuditHead.Signer(SigningKeys(opening: try await keys.keyRing(), with: sealer))
        try await auditLog.append(
            AuditRecord(at: now, operation: .auditHead, decision: .permit, reason: "ok", kid: signer.kid)
        )
        let head = AuditHead(try await auditLog.auditChains(), at: now.internetDate)
        let signed = try PreparedAuditHead(head: head).signed(by: signer)
        return JSONObject([
            ("head", .string(signed.compact)), ("kid", .string(signed.kid)), ("at", .string(head.at)),
            ("count", .integer(head.count)), ("chains", .integer(Int64(head.chains.count))),
        ])
    }

    /// All that a revocation does but the change: read the ring, open the standby, sign, verify, commit a record.
    private func drill(at now: NumericDate) async throws -> JSONObject {
        let begin = elapsed()
        let state = try await keys.rotationState()
        let results = (state.rules?.purposes ?? KeyPurpose.allTokens).map { Rehearsal($0, state, sealer) }
        try await auditLog.append(
            AuditRecord(
                at: now,
                operation: .keyDrill,
                decision: results.allSatisfy(\.isReady) ? .permit : .deny,
                reason: results.allSatisfy(\.isReady) ? "ok" : ByteString(RefusalReason.noStandby.rawValue)
            )
        )
        let took = elapsed() - begin
        let outcome = RotationOutcome(state: state, transitions: [])
        return JSONObject([
            ("ready", .bool(results.allSatisfy(\.isReady))),
            (
                "milliseconds",
                .integer(took.components.seconds * 1000 + took.components.attoseconds / 1_000_000_000_000_000)
            ),
            ("standbys", .array(results.map { .object($0.document(state, at: now)) })),
            ("verifiers_may_accept_until", RotationReport.acceptedUntil(outcome, at: now)),
        ])
    }
}

/// What one purpose's standby could do now.
private struct Rehearsal {
    let purpose: KeyPurpose
    let standby: SigningKey?
    let signs: Bool

    init(_ purpose: KeyPurpose, _ state: RotationState, _ sealer: any KeySealer) {
        self.purpose = purpose
        standby = state.ring.standbys(for: purpose).first
        signs = standby?.signsVerifiably(with: sealer) ?? false
    }

    var isReady: Bool {
        signs
    }

    func document(_ state: RotationState, at now: NumericDate) -> JSONObject {
        var object = JSONObject([
            ("algorithm", .string(ByteString(purpose.algorithm.rawValue))), ("signs", .bool(signs)),
        ])
        object["purpose"] = RotationReport.name(of: purpose)
        object["kid"] = standby.map { .string($0.kid) }
        object["published_at"] = standby?.publishedAt.map { .string($0.internetDate) }
        if let lead = state.rules?.schedule.publicationLead, let publishedAt = standby?.publishedAt {
            object["known_to_verifiers"] = .bool(publishedAt.advanced(by: lead) <= now)
        }
        return object
    }
}
