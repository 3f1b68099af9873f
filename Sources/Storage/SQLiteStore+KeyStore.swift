import Crypto
import Foundation
import GRDB
import Issuer
package import JOSE
package import Keys
import Synchronization

extension SQLiteStore: KeyStore {
    package func keyRing() async throws -> KeyRing {
        try ring(of: try await writer.read { try StoredRing(in: $0) })
    }

    package func rotationState() async throws -> RotationState {
        let (stored, rules, uses, sightings) = try await writer.read { database in
            (
                try StoredRing(in: database), try Self.setting(.rotationRules, in: database),
                try Self.keyUses(in: database), try Self.sightings(in: database)
            )
        }
        // Read outside the transaction: what is damaged is told as such, not as a store that is away.
        return RotationState(
            ring: try ring(of: stored),
            rules: try rules.map(RotationRulesDocument.read),
            tokensExpireBy: uses,
            sightings: sightings
        )
    }

    package func replaceKeyRing(
        with ring: KeyRing,
        expecting version: Int64,
        recording transitions: [KeyTransition],
        at now: NumericDate
    ) async throws -> Bool {
        let document = KeyRingDocument.write(ring)
        return try await writer.write { transaction in
            guard try Self.ring(in: transaction.database).version == version else { return false }
            try Self.store(document, of: ring, at: now, in: transaction)
            for transition in transitions { try transaction.append(transition.record(at: now)) }
            return true
        } committed: { [self] isDone in
            // What a private half was sealed into must not stay behind in the log.
            if isDone { writer.truncateLogAfterCommit() }
        }
    }

    static func store(
        _ document: [UInt8],
        of ring: KeyRing,
        at now: NumericDate,
        in transaction: Transaction
    ) throws {
        transaction.forgetKeys()
        try transaction.database.execute(
            sql: """
                INSERT INTO key_ring (one, version, document, digest, replaced_at) VALUES (1, ?, ?, ?, ?)
                ON CONFLICT (one) DO UPDATE SET version = excluded.version, document = excluded.document,
                    digest = excluded.digest, replaced_at = excluded.replaced_at
                """,
            arguments: [
                ring.version, Data(document), Data(SHA256.hash(data: document)), now.secondsSinceEpoch,
            ]
        )
    }

    /// To check the keys of a ring takes milliseconds, and it is asked for again and again.
    func ring(of stored: StoredRing) throws(KeyRingError) -> KeyRing {
        try lastRing.withLock { last throws(KeyRingError) in try stored.ring(orLast: &last) }
    }

    static func ring(in database: Database) throws -> KeyRing {
        try StoredRing(in: database).ring()
    }

    private static func keyUses(in database: Database) throws -> [ByteString: NumericDate] {
        let rows = try Row.fetchAll(database, sql: "SELECT kid, tokens_expire_by FROM key_use")
        return Dictionary(
            uniqueKeysWithValues: rows.map { row in
                (ByteString([UInt8](row["kid"] as Data)), NumericDate(secondsSinceEpoch: row["tokens_expire_by"]))
            }
        )
    }
}

// MARK: - Rules and sightings

extension SQLiteStore {
    package func setRotationRules(_ rules: RotationRules) async throws {
        try await writer.write { try Self.set(.rotationRules, RotationRulesDocument.write(rules), in: $0.database) }
    }

    package func noteSighting(of kids: [ByteString], at place: ByteString, at now: NumericDate) async throws {
        try await writer.write { transaction in
            let database = transaction.database
            let before = try Self.sightings(in: database)[place] ?? [:]
            for kid in before.keys where !kids.contains(kid) {
                try database.execute(
                    sql: "DELETE FROM sighting WHERE place = ? AND kid = ?",
                    arguments: [Data(place.bytes), Data(kid.bytes)]
                )
            }
            for kid in kids {
                try database.execute(
                    sql: "INSERT INTO sighting (place, kid, first_seen_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    arguments: [Data(place.bytes), Data(kid.bytes), now.secondsSinceEpoch]
                )
            }
        }
    }

    private static func sightings(in database: Database) throws -> [ByteString: [ByteString: NumericDate]] {
        var sightings: [ByteString: [ByteString: NumericDate]] = [:]
        for row in try Row.fetchAll(database, sql: "SELECT place, kid, first_seen_at FROM sighting") {
            let place = ByteString([UInt8](row["place"] as Data))
            let kid = ByteString([UInt8](row["kid"] as Data))
            sightings[place, default: [:]][kid] = NumericDate(secondsSinceEpoch: row["first_seen_at"])
        }
        return sightings
    }
}
