import Issuer
import JOSE
import Keys

extension PostgresStore {
    /// What the rules that give a job only so many tokens make of `permits`; counts them where nothing is in the way.
    ///
    /// The job's row is locked for us alone: no other replica counts meanwhile.
    static func countUses(
        _ permits: [AuditRecord],
        of job: JobID,
        at now: NumericDate,
        _ connection: PostgresConnection
    ) throws -> CommitObstacle? {
        var isNew: [GrantUse] = []
        for (index, permit) in permits.enumerated() {
            for use in permit.uses {
                if let claims = try recentClaims(use, of: job, at: now, connection) {
                    guard claims == use.claims else { return .repeats(index: index, claims: claims) }
                } else {
                    isNew.append(use)
                }
            }
        }
        // All or none: the refusal is committed too, and must not take a use along.
        for use in isNew {
            let wanted = isNew.count { $0.rule == use.rule }
            guard try count(of: use, of: job, connection) + wanted <= use.maximumTokens else {
                return .refused(.grantUsed)
            }
        }
        for use in isNew { try insert(use, of: job, at: now, connection) }
        return nil
    }

    /// The claims of the token that `use` repeats.
    private static func recentClaims(
        _ use: GrantUse,
        of job: JobID,
        at now: NumericDate,
        _ connection: PostgresConnection
    ) throws -> [UInt8]? {
        try connection.run(
            PostgresStatement(
                """
                SELECT claims FROM grant_use WHERE job = $1 AND rule = $2 AND audiences = $3 AND used_at >= $4
                ORDER BY sequence DESC LIMIT 1
                """,
                .name(job.text),
                .name(use.rule),
                .name(use.audiences),
                .instant(now.advanced(bySeconds: -GrantUse.repeatSeconds))
            )
        ).first?.bytes(0)
    }

    private static func count(of use: GrantUse, of job: JobID, _ connection: PostgresConnection) throws -> Int {
        let row = try connection.run(
            PostgresStatement(
                "SELECT count(*) FROM grant_use WHERE job = $1 AND rule = $2",
                .name(job.text),
                .name(use.rule)
            )
        ).first
        return Int(clamping: row?.integer(0) ?? 0)
    }

    private static func insert(
        _ use: GrantUse,
        of job: JobID,
        at now: NumericDate,
        _ connection: PostgresConnection
    ) throws {
        try connection.run(
            PostgresStatement(
                "INSERT INTO grant_use (job, rule, audiences, claims, used_at) VALUES ($1, $2, $3, $4, $5)",
                .name(job.text),
                .name(use.rule),
                .name(use.audiences),
                .bytes(use.claims),
                .instant(now)
            )
        )
    }
}
