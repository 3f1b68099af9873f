import GRDB

/// The statements that run for each token's record, prepared once a connection: to find one by its text costs about
/// what it costs to run it.
///
/// They are of one connection, and are given back before it is closed.
final class TokenStatements {
    let jobStanding: Statement
    let noteFirstToken: Statement
    let activeRing: Statement
    let lastRecord: Statement
    let appendRecord: Statement
    let keyUse: Statement
    let noteKeyUse: Statement

    init(_ database: Database) throws {
        jobStanding = try database.makeStatement(sql: JobStanding.query)
        noteFirstToken = try database.makeStatement(sql: "UPDATE job SET has_token = 1 WHERE id = ? AND has_token = 0")
        activeRing = try database.makeStatement(sql: "SELECT version, digest FROM key_ring")
        lastRecord = try database.makeStatement(
            sql: "SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1"
        )
        appendRecord = try database.makeStatement(
            sql: "INSERT INTO audit (sequence, document, digest) VALUES (?, ?, ?)"
        )
        keyUse = try database.makeStatement(sql: "SELECT tokens_expire_by FROM key_use WHERE kid = ?")
        noteKeyUse = try database.makeStatement(
            sql: """
                INSERT INTO key_use (kid, first_sequence, tokens_expire_by) VALUES (?, ?, ?)
                ON CONFLICT (kid) DO UPDATE SET tokens_expire_by = excluded.tokens_expire_by
                """
        )
    }
}
