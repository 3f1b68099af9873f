package import Issuer
package import JOSE

extension PostgresStore: BackupSource {
    /// Refused: a database is backed up by its own tools, whole and at one moment.
    package func backUp(to path: ByteString) async throws -> BackupReport {
        throw Refusal(.fileNotWritten, "a store on PostgreSQL is copied by pg_dump, or by its server's base backups")
    }
}
