import Issuer
import JOSE
import Keys

extension PostgresRow {
    func instant(_ name: String) -> NumericDate? {
        integer(name).map(NumericDate.init(secondsSinceEpoch:))
    }

    func instant(orThrow name: String) throws -> NumericDate {
        guard let instant = instant(name) else { throw PostgresFailure.malformed }
        return instant
    }

    func name(orThrow name: String) throws -> ByteString {
        guard let bytes = bytes(name) else { throw PostgresFailure.malformed }
        return ByteString(bytes)
    }

    func integer(orThrow name: String) throws -> Int64 {
        guard let integer = integer(name) else { throw PostgresFailure.malformed }
        return integer
    }

    /// Escapes make a stored document longer than the body it was read from.
    private static let limits = JSONReader.Limits(maximumBytes: 1_048_576)

    /// The JSON object in a column.
    func object(orThrow name: String) throws -> JSONObject {
        guard let bytes = bytes(name), case .object(let object) = try JSONReader.read(bytes, limits: Self.limits) else {
            throw PostgresFailure.malformed
        }
        return object
    }
}

extension PostgresValue {
    static func name(_ name: ByteString?) -> PostgresValue { .bytes(name?.bytes) }
    static func instant(_ instant: NumericDate?) -> PostgresValue { .integer(instant?.secondsSinceEpoch) }
}

extension Approval {
    /// The columns of a job that hold it, in the order of ``values(of:)``.
    static let columns = "approval_required, waits_since, waits_until, approved_by, approved_at"

    /// Nil for a job that nothing was asked of.
    init?(row: PostgresRow) {
        guard let since = row.instant("waits_since"), let until = row.instant("waits_until") else { return nil }
        let given = row.instant("approved_at").map { Given(by: ByteString(row.bytes("approved_by") ?? []), at: $0) }
        self.init(isRequired: row.bool("approval_required"), since: since, waitsUntil: until, given: given)
    }

    static func values(of approval: Approval?) -> [PostgresValue] {
        [
            .bool(approval?.isRequired ?? false), .instant(approval?.since), .instant(approval?.waitsUntil),
            .name(approval?.given?.by), .instant(approval?.given?.at),
        ]
    }
}

extension Job {
    static let select = "SELECT job.*, runner.name AS runner_name FROM job JOIN runner ON runner.id = job.runner"

    init(row: PostgresRow) throws {
        guard let id = row.bytes("id").flatMap({ JobID($0) }) else { throw PostgresFailure.malformed }
        self.init(
            id: id,
            runner: try row.integer(orThrow: "runner"),
            runnerName: try row.name(orThrow: "runner_name"),
            registration: try JobRegistration(parsing: row.object(orThrow: "registration")),
            facts: try JobFacts(parsing: row.object(orThrow: "facts")),
            revision: try row.integer(orThrow: "revision"),
            registeredAt: try row.instant(orThrow: "registered_at"),
            expiresAt: try row.instant(orThrow: "expires_at"),
            leaseExpiresAt: row.instant("lease_expires_at"),
            end: Self.end(row),
            approval: Approval(row: row)
        )
    }

    private static func end(_ row: PostgresRow) -> JobEnd? {
        guard let at = row.instant("ended_at") else { return nil }
        return JobEnd(reason: row.text("end_reason").flatMap(JobEnd.Reason.init(rawValue:)) ?? .ended, at: at)
    }
}

extension Runner {
    static func write(_ patterns: [RepositoryPattern]) -> [UInt8] {
        JSONValue.array(patterns.map { .string($0.text) }).serialized
    }

    init(row: PostgresRow) throws {
        guard let text = row.bytes("patterns"), case .array(let values) = try JSONReader.read(text) else {
            throw PostgresFailure.malformed
        }
        self.init(
            id: try row.integer(orThrow: "id"),
            name: try row.name(orThrow: "name"),
            patterns: try values.compactMap(\.stringValue).map { text throws in try RepositoryPattern(text) },
            // Bounds that can't be read are an error, never none.
            bounds: row.bytes("bounds") == nil ? .none : try RunnerBounds(parsing: row.object(orThrow: "bounds")),
            credentials: Self.credentials(row),
            addedAt: try row.instant(orThrow: "added_at"),
            revokedAt: row.instant("revoked_at")
        )
    }

    private static func credentials(_ row: PostgresRow) -> [KnownCredential] {
        [("credential_digest", "valid_until"), ("former_digest", "former_valid_until")].compactMap { digest, end in
            row.bytes(digest).map { KnownCredential(digest: CredentialDigest(bytes: $0), validUntil: row.instant(end)) }
        }
    }
}

extension StoredAuditRecord {
    init(row: PostgresRow) throws {
        guard let document = row.bytes("document"), let digest = row.bytes("digest") else {
            throw PostgresFailure.malformed
        }
        self.init(sequence: try row.integer(orThrow: "sequence"), document: document, digest: digest)
    }
}
