import Discovery
package import JOSE
package import Keys
import Policy

/// Does what operators say, on the stores, with an audit record of each change.
package struct OperatorDesk: Sendable {
    private let keys: any KeyStore
    let runners: any RunnerStore
    private let repositories: any RepositoryStore
    let auditLog: any AuditLog
    let jobs: any JobStore
    let issuer: TokenIssuer?
    private let publication: any PublicationStore
    private let backups: any BackupSource
    let ledger: any RevocationLedger
    private let keyDesk: KeyDesk?

    /// `keyDesk` is nil where the sealing key is not at hand; commands that change keys are refused then.
    ///
    /// `issuer` is nil where none runs, and no policy is in force.
    package init(
        store: any KeyStore & RunnerStore & RepositoryStore & JobStore & AuditLog & PublicationStore & BackupSource,
        ledger: any RevocationLedger,
        keyDesk: KeyDesk?,
        issuer: TokenIssuer? = nil
    ) {
        keys = store
        runners = store
        repositories = store
        auditLog = store
        jobs = store
        self.issuer = issuer
        publication = store
        backups = store
        self.ledger = ledger
        self.keyDesk = keyDesk
    }

    /// The command's answer as JSON; `uid` is the user who gives it.
    package func perform(
        _ command: OperatorCommand,
        at reading: ClockReading,
        by uid: UInt32? = nil
    ) async throws -> JSONObject {
        let now = reading.wall
        return switch command {
        case .addRunner(let name, let patterns, let bounds): try await addRunner(name, patterns, bounds, at: now)
        case .listRunners: try await listRunners(at: now)
        case .rotateRunner(let name, let overlap, let validity):
            try await rotateRunner(name, overlap: overlap, validity: validity, at: now)
        case .revokeRunner(let name): try await revokeRunner(name, at: now)
        case .listRepositories: try await listRepositories()
        case .forgetRepository(let name): try await forgetRepository(name, at: now)
        case .renameRepository(let name, let next): try await renameRepository(name, to: next, at: now)
        case .approveJob(let id, let approver): try await approve(id, as: approver, by: uid, at: now)
        case .listWaitingJobs: try await listWaitingJobs(at: now)
        case .showKeys: Self.document(try await keys.rotationState(), at: now)
        case .keys(let command): try await perform(command, at: reading)
        case .showPublication: try await showPublication(at: now)
        case .noteSighting(let place, let kids): try await noteSighting(of: kids, at: place, now)
        case .backUp(let path): try await backUp(to: path, at: now)
        case .showAudit(let sequence): try await showAudit(after: sequence)
        }
    }

    private func addRunner(
        _ name: ByteString,
        _ texts: [ByteString],
        _ document: JSONObject,
        at now: NumericDate
    ) async throws -> JSONObject {
        guard Runner.isValidName(name) else { throw Refusal(.nameInvalid, name) }
        guard !texts.isEmpty else { throw Refusal(.memberMissing, "patterns") }
        guard texts.count <= Runner.maximumPatterns else { throw Refusal(.tooMany, "patterns") }
        let patterns = try texts.map { text throws(Refusal) in try RepositoryPattern(text) }
        let bounds = try RunnerBounds(parsing: document)
        var generator = SystemRandomNumberGenerator()
        let credential = RunnerCredential.random(using: &generator)
        let digest = credential.digest
        let isAdded = try await runners.addRunner(
            named: name,
            patterns: patterns,
            bounds: bounds,
            digest: digest,
            at: now
        )
        guard isAdded else { throw Refusal(.alreadyExists, name) }
        return JSONObject([("name", .string(name)), ("credential", .string(credential.secret))])
    }

    private func listRunners(at now: NumericDate) async throws -> JSONObject {
        let rows = try await runners.runners().map { runner in
            var row = JSONObject([
                ("name", .string(runner.name)),
                ("repositories", .array(runner.patterns.map { .string($0.text) })),
                ("added_at", .string(runner.addedAt.internetDate)),
            ])
            row["revoked_at"] = runner.revokedAt.map { .string($0.internetDate) }
            let bounds = runner.bounds.document
            row["bounds"] = bounds.members.isEmpty ? nil : .object(bounds)
            row["valid_until"] = runner.credentials.first?.validUntil.map { .string($0.internetDate) }
            let former = runner.credentials.dropFirst().first { $0.isLive(at: now) }
            row["former_valid_until"] = former?.validUntil.map { .string($0.internetDate) }
            return JSONValue.object(row)
        }
        return JSONObject([("runners", .array(rows))])
    }

    private func revokeRunner(_ name: ByteString, at now: NumericDate) async throws -> JSONObject {
        if let runner = try await runners.runner(named: name) { try enter(runner.credentials.map(\.digest), at: now) }
        guard let ended = try await runners.revokeRunner(named: name, at: now) else { throw Refusal(.notFound, name) }
        return JSONObject([("name", .string(name)), ("jobs_ended", .integer(Int64(ended)))])
    }

    private func listRepositories() async throws -> JSONObject {
        let rows = try await repositories.pinnedRepositories().map { pinned in
            var row = JSONObject([
                ("repository", .string(pinned.name)), ("repository_id", .string(pinned.id)),
            ])
            row["repository_owner_id"] = pinned.ownerID.map { .string($0) }
            row["pinned_at"] = .string(pinned.pinnedAt.internetDate)
            return JSONValue.object(row)
        }
        return JSONObject([("repositories", .array(rows))])
    }

    private func forgetRepository(_ name: ByteString, at now: NumericDate) async throws -> JSONObject {
        guard try await repositories.forgetRepository(name, at: now) else { throw Refusal(.notFound, name) }
        return JSONObject([("repository", .string(name))])
    }

    private func renameRepository(
        _ name: ByteString,
        to next: ByteString,
        at now: NumericDate
    ) async throws -> JSONObject {
        guard RepositoryName(next).isWellFormed else { throw Refusal(.nameInvalid, next) }
        if let reason = try await repositories.renameRepository(name, to: next, at: now) {
            throw Refusal(reason, reason == .notFound ? name : next)
        }
        return JSONObject([("repository", .string(next))])
    }

    private func perform(_ command: KeyCommand, at reading: ClockReading) async throws -> JSONObject {
        guard let keyDesk else { throw Refusal(.keyUnusable) }
        return try await keyDesk.perform(command, at: reading)
    }

    /// The files as the issuer itself would answer them.
    private func showPublication(at now: NumericDate) async throws -> JSONObject {
        guard let metadata = try await publication.providerMetadata() else { throw Refusal(.standbyNotServed) }
        let state = try await keys.rotationState()
        let age = state.rules.map { rules in
            let plan = RotationPlanner(rules: rules).plan(state, served: [], at: now)
            return CacheLifetime.jwkSet(rules.schedule, nextChangeAt: plan.nextChangeAt, at: now)
        }
        let jwkSet = PublishedDocument.jwkSet(state.ring.published, maximumAge: age ?? 1)
        let documents = [
            (WellKnownPath.jwkSet, jwkSet.body, age ?? 1), (WellKnownPath.jwkSetAlias, jwkSet.body, age ?? 1),
            (WellKnownPath.configuration, metadata, CacheLifetime.providerMetadata),
        ]
        return JSONObject([
            ("documents", .array(documents.map(Self.document))),
            ("kids", .array(state.ring.published.keys.map { .string($0.thumbprint) })),
        ])
    }

    private func noteSighting(
        of kids: [ByteString],
        at place: ByteString,
        _ now: NumericDate
    ) async throws -> JSONObject {
        try await keys.noteSighting(of: kids, at: place, at: now)
        return JSONObject([])
    }

    private func backUp(to path: ByteString, at now: NumericDate) async throws -> JSONObject {
        try await auditLog.append(AuditRecord(at: now, operation: .backup, decision: .permit, reason: "ok"))
        let report = try await backups.backUp(to: path)
        var object = JSONObject([
            ("path", .string(path)), ("key_ring_version", .integer(report.ringVersion)),
            ("records", .integer(report.records)),
        ])
        object["last_record_at"] = report.lastRecordAt.map { .string($0) }
        return object
    }

    private func showAudit(after sequence: Int64) async throws -> JSONObject {
        let records = try await auditLog.records(after: sequence, limit: 1000)
        let rows = records.map { record in
            JSONValue.object(
                JSONObject([
                    ("sequence", .integer(record.sequence)),
                    ("record", .string(ByteString(record.document))),
                    ("digest", .string(ByteString(Base64URL.encode(record.digest)))),
                ])
            )
        }
        return JSONObject([("records", .array(rows))])
    }

    private static func document(_ path: ByteString, _ body: [UInt8], _ maximumAge: Int64) -> JSONValue {
        .object(
            JSONObject([
                ("path", .string(ByteString(path.bytes.dropFirst()))), ("body", .string(ByteString(body))),
                ("content_type", .string("application/json")), ("max_age", .integer(maximumAge)),
            ])
        )
    }

    /// The ring without any private half, sealed or not.
    private static func document(_ state: RotationState, at now: NumericDate) -> JSONObject {
        let rows = state.ring.keys.map { key in
            var row = JSONObject([
                ("kid", .string(key.kid)),
                ("algorithm", .string(ByteString(key.algorithm.rawValue))),
                ("state", .string(ByteString(key.state.rawValue))),
                ("prepared_at", .string(key.preparedAt.internetDate)),
            ])
            if let certificate = key.certificate {
                row["purpose"] = .string(key.purpose.name)
                row["certificate_expires_at"] = .string(certificate.expiresAt.internetDate)
            }
            row["published_at"] = key.publishedAt.map { .string($0.internetDate) }
            row["activated_at"] = key.activatedAt.map { .string($0.internetDate) }
            row["retiring_at"] = key.retiringAt.map { .string($0.internetDate) }
            row["ended_at"] = key.endedAt.map { .string($0.internetDate) }
            return JSONValue.object(row)
        }
        let plan = state.rules.map { RotationPlanner(rules: $0).plan(state, served: [], at: now) }
        let age = state.rules.map { CacheLifetime.jwkSet($0.schedule, nextChangeAt: plan?.nextChangeAt, at: now) }
        return JSONObject([
            ("version", .integer(state.ring.version)), ("max_age", age.map { .integer($0) } ?? .null),
            ("keys", .array(rows)),
            ("waiting", .array((plan?.waits ?? []).map { .object(RotationReport.document(of: $0)) })),
        ])
    }
}
