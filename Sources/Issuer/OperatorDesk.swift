package import Discovery
package import JOSE
package import Keys

/// Does what operators say, on the stores, with an audit record of each change.
package struct OperatorDesk: Sendable {
    private let keys: any KeyStore
    private let runners: any RunnerStore
    private let repositories: any RepositoryStore
    private let auditLog: any AuditLog
    private let metadata: PublishedDocument?

    package init(
        keys: any KeyStore,
        runners: any RunnerStore,
        repositories: any RepositoryStore,
        auditLog: any AuditLog,
        metadata: PublishedDocument? = nil
    ) {
        self.keys = keys
        self.runners = runners
        self.repositories = repositories
        self.auditLog = auditLog
        self.metadata = metadata
    }

    /// The command's answer as JSON.
    package func perform(_ command: OperatorCommand, at now: NumericDate) async throws -> JSONObject {
        switch command {
        case .addRunner(let name, let patterns): try await addRunner(name, patterns, at: now)
        case .listRunners: try await listRunners()
        case .revokeRunner(let name): try await revokeRunner(name, at: now)
        case .listRepositories: try await listRepositories()
        case .forgetRepository(let name): try await forgetRepository(name, at: now)
        case .renameRepository(let name, let next): try await renameRepository(name, to: next, at: now)
        case .showKeys: Self.document(try await keys.keyRing())
        case .showAudit(let sequence): try await showAudit(after: sequence)
        case .showPublication: try Self.publication(try await keys.keyRing(), metadata)
        case .recordSighting: JSONObject()
        }
    }

    private func addRunner(_ name: ByteString, _ texts: [ByteString], at now: NumericDate) async throws -> JSONObject {
        guard Runner.isValidName(name) else { throw Refusal(.nameInvalid, name) }
        guard !texts.isEmpty else { throw Refusal(.memberMissing, "patterns") }
        guard texts.count <= Runner.maximumPatterns else { throw Refusal(.tooMany, "patterns") }
        let patterns = try texts.map { text throws(Refusal) in try RepositoryPattern(text) }
        var generator = SystemRandomNumberGenerator()
        let credential = RunnerCredential.random(using: &generator)
        guard try await runners.addRunner(named: name, patterns: patterns, digest: credential.digest, at: now) else {
            throw Refusal(.alreadyExists, name)
        }
        return JSONObject([("name", .string(name)), ("credential", .string(credential.secret))])
    }

    private func listRunners() async throws -> JSONObject {
        let rows = try await runners.runners().map { runner in
            var row = JSONObject([
                ("name", .string(runner.name)),
                ("repositories", .array(runner.patterns.map { .string($0.text) })),
                ("added_at", .string(runner.addedAt.internetDate)),
            ])
            row["revoked_at"] = runner.revokedAt.map { .string($0.internetDate) }
            return JSONValue.object(row)
        }
        return JSONObject([("runners", .array(rows))])
    }

    private func revokeRunner(_ name: ByteString, at now: NumericDate) async throws -> JSONObject {
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

    /// The two documents under their three paths.
    private static func publication(_ ring: KeyRing, _ metadata: PublishedDocument?) throws -> JSONObject {
        guard let metadata else { throw Refusal(.notFound, "publication") }
        let set = PublishedDocument.jwkSet(ring.published)
        let files = [
            (WellKnownPath.jwkSet, set, CacheLifetime.jwkSet), (WellKnownPath.jwkSetAlias, set, CacheLifetime.jwkSet),
            (WellKnownPath.configuration, metadata, CacheLifetime.providerMetadata),
        ]
        let rows = files.map { path, document, maximumAge in
            JSONValue.object(
                JSONObject([
                    ("path", .string(ByteString(path.bytes.dropFirst()))),
                    ("body", .string(ByteString(document.body))),
                    ("content_type", .string(document.contentType)),
                    ("max_age", .integer(maximumAge)),
                ])
            )
        }
        let kids = ring.published.keys.compactMap(\.keyID).map { JSONValue.string($0) }
        return JSONObject([("documents", .array(rows)), ("kids", .array(kids))])
    }

    /// The ring without any private half, sealed or not.
    private static func document(_ ring: KeyRing) -> JSONObject {
        let rows = ring.keys.map { key in
            var row = JSONObject([
                ("kid", .string(key.kid)),
                ("algorithm", .string(ByteString(key.algorithm.rawValue))),
                ("state", .string(ByteString(key.state.rawValue))),
                ("prepared_at", .string(key.preparedAt.internetDate)),
            ])
            row["activated_at"] = key.activatedAt.map { .string($0.internetDate) }
            row["retiring_at"] = key.retiringAt.map { .string($0.internetDate) }
            row["ended_at"] = key.endedAt.map { .string($0.internetDate) }
            return JSONValue.object(row)
        }
        return JSONObject([("version", .integer(ring.version)), ("keys", .array(rows))])
    }
}
