import Foundation
import GRDB
package import Issuer
package import JOSE
package import Keys

extension SQLiteStore: KeyStore {
    package func keyRing() async throws -> KeyRing {
        try await writer.write { try Self.ring(in: $0) }
    }

    package func replaceKeyRing(with ring: KeyRing, expecting version: Int64) async throws -> Bool {
        let document = Data(KeyRingDocument.write(ring))
        return try await writer.write { database in
            guard try Self.ring(in: database).version == version else { return false }
            try database.execute(
                sql: """
                    INSERT INTO key_ring (one, version, document) VALUES (1, ?, ?)
                    ON CONFLICT (one) DO UPDATE SET version = excluded.version, document = excluded.document
                    """,
                arguments: [ring.version, document]
            )
            return true
        }
    }

    static func ring(in database: Database) throws -> KeyRing {
        guard let document = try Data.fetchOne(database, sql: "SELECT document FROM key_ring") else { return KeyRing() }
        return try KeyRingDocument.read([UInt8](document))
    }
}

extension SQLiteStore: SecretStore {
    package func secret(
        named name: ByteString,
        orStore candidate: SealedSecret
    ) async throws(StoreError) -> SealedSecret {
        try await writer.write { database in
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
}
