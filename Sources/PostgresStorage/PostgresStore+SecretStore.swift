package import Issuer
package import JOSE
package import Keys

extension PostgresStore: SecretStore {
    package func secret(
        named name: ByteString,
        orStore candidate: SealedSecret
    ) async throws(StoreError) -> SealedSecret {
        try await committer.write(.exclusive) { transaction in
            let connection = transaction.connection
            let select = PostgresStatement("SELECT sealed FROM sealed_secret WHERE name = $1", .name(name))
            if let stored = try connection.run(select).first?.bytes(0) { return SealedSecret(bytes: stored) }
            try Self.replace(name, with: candidate, connection)
            return candidate
        }
    }

    package func sealedSecrets() async throws(StoreError) -> [ByteString: SealedSecret] {
        try await readers.read { try Self.sealedSecrets($0) }
    }

    package func replaceSecret(named name: ByteString, with secret: SealedSecret) async throws(StoreError) {
        try await committer.write(.exclusive) { try Self.replace(name, with: secret, $0.connection) }
    }

    package func replaceSealed(
        ring: KeyRing,
        secrets: [ByteString: SealedSecret],
        insteadOf known: [ByteString: SealedSecret],
        expecting version: Int64,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        let document = KeyRingDocument.write(ring)
        return try await committer.write(.exclusive) { transaction in
            let connection = transaction.connection
            guard try Self.version(connection) == version, try Self.sealedSecrets(connection) == known else {
                return false
            }
            try Self.store(document, of: ring, at: now, connection)
            for (name, secret) in secrets { try Self.replace(name, with: secret, connection) }
            transaction.append(AuditRecord(at: now, operation: .keyReseal, decision: .permit, reason: "ok"))
            return true
        }
    }

    static func sealedSecrets(_ connection: PostgresConnection) throws -> [ByteString: SealedSecret] {
        let rows = try connection.run(PostgresStatement("SELECT name, sealed FROM sealed_secret")).rows
        return Dictionary(
            try rows.map { (try $0.name(orThrow: "name"), SealedSecret(bytes: $0.bytes("sealed") ?? [])) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    static func replace(_ name: ByteString, with secret: SealedSecret, _ connection: PostgresConnection) throws {
        try connection.run(
            PostgresStatement(
                """
                INSERT INTO sealed_secret (name, sealed) VALUES ($1, $2)
                ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed
                """,
                .name(name),
                .bytes(secret.bytes)
            )
        )
    }
}
