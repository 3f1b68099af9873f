import Foundation
import GRDB
import Issuer
import JOSE
import Keys

extension SQLiteStore {
    /// What the rules that give a job only so many tokens make of `permits`; counts them where nothing is in the way.
    ///
    /// A retry is one for the same audiences within ``GrantUse/repeatSeconds`` of the token that it repeats: it must bear
    /// the same claims, and is not counted.
    static func countUses(
        _ permits: [AuditRecord],
        of job: JobID,
        at now: NumericDate,
        in database: Database
    ) throws -> CommitObstacle? {
        guard permits.contains(where: { !$0.uses.isEmpty }) else { return nil }
        var isNew: [GrantUse] = []
        for (index, permit) in permits.enumerated() {
            for use in permit.uses {
                if let claims = try recentClaims(use, of: job, at: now, in: database) {
                    guard claims == use.claims else { return .repeats(index: index, claims: claims) }
                } else {
                    isNew.append(use)
                }
            }
        }
        // All or none: the refusal is committed too, and must not take a use along.
        for use in isNew {
            let wanted = isNew.count { $0.rule == use.rule }
            guard try count(of: use, of: job, in: database) + wanted <= use.maximumTokens else {
                return .refused(.grantUsed)
            }
        }
        for use in isNew { try insert(use, of: job, at: now, in: database) }
        return nil
    }

    /// The claims of the token that `use` repeats.
    private static func recentClaims(
        _ use: GrantUse,
        of job: JobID,
        at now: NumericDate,
        in database: Database
    ) throws -> [UInt8]? {
        try Data.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT claims FROM grant_use WHERE job = ? AND rule = ? AND audiences = ? AND used_at >= ?
                    ORDER BY sequence DESC LIMIT 1
                    """
            ),
            arguments: [
                Data(job.text.bytes), Data(use.rule.bytes), Data(use.audiences.bytes),
                now.advanced(bySeconds: -GrantUse.repeatSeconds).secondsSinceEpoch,
            ]
        ).map { [UInt8]($0) }
    }

    private static func count(of use: GrantUse, of job: JobID, in database: Database) throws -> Int {
        try Int.fetchOne(
            database.cachedStatement(sql: "SELECT count(*) FROM grant_use WHERE job = ? AND rule = ?"),
            arguments: [Data(job.text.bytes), Data(use.rule.bytes)]
        ) ?? 0
    }

    private static func insert(_ use: GrantUse, of job: JobID, at now: NumericDate, in database: Database) throws {
        try database.cachedStatement(
            sql: "INSERT INTO grant_use (job, rule, audiences, claims, used_at) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [
            Data(job.text.bytes), Data(use.rule.bytes), Data(use.audiences.bytes), Data(use.claims),
            now.secondsSinceEpoch,
        ])
    }
}
