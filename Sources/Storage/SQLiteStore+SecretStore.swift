import Foundation
import GRDB
package import Issuer
package import JOSE
package import Keys

extension SQLiteStore: SecretStore {
    package func secret(
        named name: ByteString,
        orStore candidate: SealedSecret
    ) async throws(StoreError) -> SealedSecret {
        try await writer.write { transaction in
            let database = transaction.database
            let select = "SELECT sealed FROM sealed_secret WHERE name = ?"
            if let stored = try Data.fetchOne(database, sql: select, arguments: [Data(name.bytes)]) {
                return SealedSecret(bytes: [UInt8](stored))
            }
            try database.execute(
                sql: "INSERT INTO sealed_secret (name, sealed) VALUES (?, ?)",
                arguments: [Data(name.bytes), Data(candidate.bytes)]
            )
            return candidate
        }
    }

    package func sealedSecrets() async throws(StoreError) -> [ByteString: SealedSecret] {
        try await writer.read { try Self.sealedSecrets(in: $0) }
    }

    package func replaceSecret(named name: ByteString, with secret: SealedSecret) async throws(StoreError) {
        try await writer.write {
            try Self.replace(name, with: secret, in: $0.database)
        } committed: { [self] in
            writer.truncateLogAfterCommit()
        }
    }

    package func replaceSealed(
        ring: KeyRing,
        secrets: [ByteString: SealedSecret],
        insteadOf known: [ByteString: SealedSecret],
        expecting version: Int64,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        let document = KeyRingDocument.write(ring)
        return try await writer.write { transaction in
            let database = transaction.database
            guard try Self.ring(in: database).version == version, try Self.sealedSecrets(in: database) == known else {
                return false
            }
            try Self.store(document, of: ring, at: now, in: transaction)
            for (name, secret) in secrets { try Self.replace(name, with: secret, in: database) }
            let record = AuditRecord(at: now, operation: .keyReseal, decision: .permit, reason: "ok")
            try transaction.append(record)
            return true
        } committed: { [self] isDone in
            if isDone { writer.truncateLogAfterCommit() }
        }
    }

    static func sealedSecrets(in database: Database) throws -> [ByteString: SealedSecret] {
        let rows = try Row.fetchAll(database, sql: "SELECT name, sealed FROM sealed_secret")
        return Dictionary(
            uniqueKeysWithValues: rows.map { row in
                (ByteString([UInt8](row["name"] as Data)), SealedSecret(bytes: [UInt8](row["sealed"] as Data)))
            }
        )
    }

    private static func replace(_ name: ByteString, with secret: SealedSecret, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO sealed_secret (name, sealed) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed
                """,
            arguments: [Data(name.bytes), Data(secret.bytes)]
        )
    }
}
