import Crypto
import Issuer
import JOSE
import Keys

/// One transaction of the committing thread: what it has locked, and what it will write at its end.
///
/// Records and what goes with them are collected and written in a few statements that are sent together with the commit.
final class PostgresTransaction {
    let connection: PostgresConnection
    private let chain: Int64
    private(set) var tail: PostgresChainTail
    private let ring: PostgresRingState
    private var standings: [JobID: PostgresJobStanding] = [:]
    private var liveRunners: Set<Int64> = []

    private var records: [(sequence: Int64, kid: [UInt8]?, document: [UInt8], digest: [UInt8])] = []
    private var noted: Set<JobID> = []
    private var ends: [(id: JobID, end: JobEnd)] = []
    private var uses: [ByteString: Int64] = [:]
    private var knownUses: [ByteString: Int64]
    /// The keys that sign; read once: no ring is replaced while we are inside the gate.
    private var active: Set<ByteString>?
    /// How many jobs of each runner it adds.
    var addedJobs: [Int64: Int] = [:]

    /// Begins, with the locks that the pieces need, in the order of ``PostgresLocks``.
    init(
        _ connection: PostgresConnection,
        chain name: ByteString,
        locks: PostgresLocks,
        ring: PostgresRingState,
        knownUses: [ByteString: Int64],
        after known: PostgresChainTail?
    ) throws {
        self.connection = connection
        self.ring = ring
        self.knownUses = knownUses
        var statements = [
            // Each statement is to see what was committed before it, whatever the database's default is.
            PostgresStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
            PostgresStatement(
                "SELECT id, sequence, digest FROM audit_chain WHERE name = $1 FOR NO KEY UPDATE",
                .name(name)
            ),
            locks.gate.statement,
        ]
        if !locks.runners.isEmpty {
            let ids = PostgresValue.integers(Array(locks.runners))
            statements.append(
                PostgresStatement(
                    "SELECT id FROM runner WHERE id = ANY($1) AND revoked_at IS NULL ORDER BY id FOR SHARE",
                    ids
                )
            )
        }
        if !locks.jobs.isEmpty {
            statements.append(PostgresJobStanding.locking(Array(locks.jobs), forUpdate: locks.isForUpdate))
        }
        if locks.needsRing { statements.append(PostgresRingState.reading) }
        var results = try connection.run(statements).dropFirst()
        guard let row = results.popFirst()?.first, let id = row.integer(0), let sequence = row.integer(1),
            let digest = row.bytes(2)
        else { throw PostgresFailure.unexpected }
        chain = id
        tail = PostgresChainTail(sequence: sequence, digest: digest)
        if let known, !tail.mayFollow(known) { throw PostgresFailure.regressed }
        _ = results.popFirst()
        if !locks.runners.isEmpty {
            liveRunners = Set(results.popFirst()?.rows.compactMap { $0.integer(0) } ?? [])
        }
        if !locks.jobs.isEmpty {
            for row in results.popFirst()?.rows ?? [] {
                if let id = row.bytes("id").flatMap({ JobID($0) }) { standings[id] = PostgresJobStanding(row: row) }
            }
        }
        if locks.needsRing { active = try ring.activeKids(results.popFirst()?.first, connection) }
    }

    // MARK: - What was locked

    /// The job as this transaction leaves it; nil for one that the database does not have, or that was not locked.
    func standing(of job: JobID) -> PostgresJobStanding? {
        standings[job]
    }

    func isLive(runner: Int64) -> Bool {
        liveRunners.contains(runner)
    }

    func withdrawnKey(_ permits: [AuditRecord]) throws -> RefusalReason? {
        let kids = permits.compactMap(\.kid)
        if kids.isEmpty { return nil }
        let active = try self.active ?? ring.activeKids(connection.run(PostgresRingState.reading).first, connection)
        self.active = active
        return kids.allSatisfy(active.contains) ? nil : .keyWithdrawn
    }

    // MARK: - What is written

    /// Appends the record to the chain; answers its sequence.
    @discardableResult
    func append(_ record: AuditRecord) -> Int64 {
        let sequence = tail.sequence + 1
        let document = record.serialized
        let digest = AuditChain.digest(after: tail.digest, sequence: sequence, document: document)
        // What a key signed is looked for by the key; what happened to the key is not of it.
        let isSigned = record.jti != nil || record.svid?.serial != nil
        records.append((sequence, isSigned ? record.kid?.bytes : nil, document, digest))
        tail = PostgresChainTail(sequence: sequence, digest: digest)
        return sequence
    }

    /// The job has a token from now on.
    func noteToken(of job: JobID) {
        if standings[job]?.hasToken == false { noted.insert(job) }
    }

    func markEnded(_ id: JobID, _ end: JobEnd, _ record: AuditRecord) {
        ends.append((id, end))
        standings[id] = nil
        append(record)
    }

    /// Notes by when the key's tokens will have expired: until then no ring may withdraw it.
    ///
    /// Ten seconds more than the token lives spare the next tokens a write.
    func noteUse(_ permit: AuditRecord) {
        guard let kid = permit.kid, let expiresAt = permit.expiresAt?.secondsSinceEpoch else { return }
        if let known = knownUses[kid], known >= expiresAt { return }
        let until = expiresAt.addingReportingOverflow(10)
        knownUses[kid] = until.overflow ? .max : until.partialValue
        uses[kid] = knownUses[kid]
    }

    /// By when, as far as is known once this has committed, the tokens of each key will have expired.
    var usesAfterCommit: [ByteString: Int64] {
        knownUses
    }

    /// Writes what was collected and commits; one round trip.
    func commit() throws {
        _ = connection.takeWarning()
        let results = try connection.run(collected + [PostgresStatement("COMMIT")])
        // Where the server did not wait for its standby as it was told to, it commits and warns.
        guard results.last?.command == "COMMIT", !connection.takeWarning() else { throw PostgresFailure.lost }
    }

    func rollBack() {
        _ = try? connection.run(PostgresStatement("ROLLBACK"))
    }

    private var collected: [PostgresStatement] {
        var statements: [PostgresStatement] = []
        if !noted.isEmpty {
            statements.append(
                PostgresStatement(
                    "UPDATE job SET has_token = true WHERE id = ANY($1)",
                    .byteArrays(noted.map(\.text.bytes))
                )
            )
        }
        if !ends.isEmpty {
            statements.append(
                PostgresStatement(
                    """
                    UPDATE job SET ended_at = e.at, end_reason = e.reason
                    FROM unnest($1::bytea[], $2::bigint[], $3::text[]) AS e (id, at, reason)
                    WHERE job.id = e.id AND job.ended_at IS NULL
                    """,
                    .byteArrays(ends.map(\.id.text.bytes)),
                    .integers(ends.map(\.end.at.secondsSinceEpoch)),
                    .texts(ends.map(\.end.reason.rawValue))
                )
            )
        }
        if !uses.isEmpty { statements.append(writtenUses) }
        if !records.isEmpty { statements += writtenRecords }
        return statements
    }

    /// In the order of the kids: two replicas that note both keys never wait in a circle.
    private var writtenUses: PostgresStatement {
        let uses = uses.sorted { $0.key < $1.key }
        return PostgresStatement(
            """
            INSERT INTO key_use (kid, tokens_expire_by)
            SELECT u.kid, u.until FROM unnest($1::bytea[], $2::bigint[]) AS u (kid, until) ORDER BY u.kid
            ON CONFLICT (kid) DO UPDATE
                SET tokens_expire_by = greatest(key_use.tokens_expire_by, excluded.tokens_expire_by)
            """,
            .byteArrays(uses.map(\.key.bytes)),
            .integers(uses.map(\.value))
        )
    }

    private var writtenRecords: [PostgresStatement] {
        [
            PostgresStatement(
                """
                INSERT INTO audit (chain, sequence, kid, document, digest)
                SELECT $1, r.sequence, r.kid, r.document, r.digest
                FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[]) AS r (sequence, kid, document, digest)
                """,
                .integer(chain),
                .integers(records.map(\.sequence)),
                .byteArrays(records.map(\.kid)),
                .byteArrays(records.map(\.document)),
                .byteArrays(records.map(\.digest))
            ),
            PostgresStatement(
                "UPDATE audit_chain SET sequence = $2, digest = $3 WHERE id = $1",
                .integer(chain),
                .integer(tail.sequence),
                .bytes(tail.digest)
            ),
        ]
    }
}

extension PostgresLocks.Gate {
    /// The number is ours and means nothing else.
    private static let number: Int64 = 0x6A6F_6273_6761_7465

    fileprivate var statement: PostgresStatement {
        switch self {
        case .shared: PostgresStatement("SELECT pg_advisory_xact_lock_shared($1)", .integer(Self.number))
        case .exclusive: PostgresStatement("SELECT pg_advisory_xact_lock($1)", .integer(Self.number))
        }
    }
}
