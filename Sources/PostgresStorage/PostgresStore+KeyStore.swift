import Crypto
import Issuer
package import JOSE
package import Keys

extension PostgresStore: KeyStore {
    package func keyRing() async throws -> KeyRing {
        // Read outside: what is damaged is told as such, not as a store that is away.
        try ring.ring(of: try await document())
    }

    package func rotationState() async throws -> RotationState {
        let stored = try await readers.read { connection in
            try Self.inOnePiece(connection) {
                (
                    document: Result { try PostgresRingState.document(connection) },
                    rules: try Self.setting(.rotationRules, connection),
                    uses: try Self.keyUses(connection),
                    sightings: try Self.sightings(connection)
                )
            }
        }
        return RotationState(
            ring: try ring.ring(of: stored.document.get()),
            rules: try stored.rules.map(RotationRulesDocument.read),
            tokensExpireBy: stored.uses,
            sightings: stored.sightings
        )
    }

    package func replaceKeyRing(
        with ring: KeyRing,
        expecting version: Int64,
        recording transitions: [KeyTransition],
        at now: NumericDate
    ) async throws -> Bool {
        let document = KeyRingDocument.write(ring)
        return try await committer.write(.exclusive) { transaction in
            guard try Self.version(transaction.connection) == version else { return false }
            try Self.store(document, of: ring, at: now, transaction.connection)
            for transition in transitions { transaction.append(transition.record(at: now)) }
            return true
        }
    }

    static func store(
        _ document: [UInt8],
        of ring: KeyRing,
        at now: NumericDate,
        _ connection: PostgresConnection
    ) throws {
        try connection.run(
            PostgresStatement(
                """
                INSERT INTO key_ring (one, version, document, digest, replaced_at) VALUES (1, $1, $2, $3, $4)
                ON CONFLICT (one) DO UPDATE SET version = excluded.version, document = excluded.document,
                    digest = excluded.digest, replaced_at = excluded.replaced_at
                """,
                .integer(ring.version),
                .bytes(document),
                .bytes(Array(SHA256.hash(data: document))),
                .instant(now)
            )
        )
    }

    /// The stored version; 0 where no ring was ever stored.
    static func version(_ connection: PostgresConnection) throws -> Int64 {
        try connection.run(PostgresStatement("SELECT version FROM key_ring")).first?.integer(0) ?? 0
    }

    private func document() async throws -> [UInt8]? {
        try await readers.read { connection in Result { try PostgresRingState.document(connection) } }.get()
    }

    /// Runs `body` on one state of the database.
    private static func inOnePiece<Value>(_ connection: PostgresConnection, _ body: () throws -> Value) throws -> Value
    {
        try connection.run(PostgresStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        do {
            let value = try body()
            try connection.run(PostgresStatement("COMMIT"))
            return value
        } catch {
            // The next must not run inside.
            connection.close()
            throw error
        }
    }

    private static func keyUses(_ connection: PostgresConnection) throws -> [ByteString: NumericDate] {
        let rows = try connection.run(PostgresStatement("SELECT kid, tokens_expire_by FROM key_use")).rows
        return Dictionary(
            try rows.map { (try $0.name(orThrow: "kid"), try $0.instant(orThrow: "tokens_expire_by")) },
            uniquingKeysWith: max
        )
    }
}

// MARK: - Rules and sightings

extension PostgresStore {
    package func setRotationRules(_ rules: RotationRules) async throws {
        try await set(.rotationRules, RotationRulesDocument.write(rules))
    }

    package func noteSighting(of kids: [ByteString], at place: ByteString, at now: NumericDate) async throws {
        let names = PostgresValue.byteArrays(kids.map(\.bytes))
        try await committer.write(.alone) { transaction in
            _ = try transaction.connection.run([
                PostgresStatement("DELETE FROM sighting WHERE place = $1 AND kid <> ALL($2)", .name(place), names),
                PostgresStatement(
                    """
                    INSERT INTO sighting (place, kid, first_seen_at) SELECT $1, kid, $3 FROM unnest($2::bytea[]) AS k (kid)
                    ON CONFLICT DO NOTHING
                    """,
                    .name(place),
                    names,
                    .instant(now)
                ),
            ])
        }
    }

    private static func sightings(
        _ connection: PostgresConnection
    ) throws -> [ByteString: [ByteString: NumericDate]] {
        var sightings: [ByteString: [ByteString: NumericDate]] = [:]
        for row in try connection.run(PostgresStatement("SELECT place, kid, first_seen_at FROM sighting")).rows {
            let place = try row.name(orThrow: "place")
            sightings[place, default: [:]][try row.name(orThrow: "kid")] = try row.instant(orThrow: "first_seen_at")
        }
        return sightings
    }
}
