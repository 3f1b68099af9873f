import Crypto
import Issuer
import JOSE
import Keys
import Synchronization

/// The stored ring, decoded once for each that is stored.
final class PostgresRingState: Sendable {
    private let last = Mutex<(digest: [UInt8], ring: KeyRing)?>(nil)

    /// Which ring is stored; inside the gate it stays that one.
    static let reading = PostgresStatement("SELECT digest FROM key_ring")

    /// The keys that sign by the ring of this row.
    func activeKids(_ row: PostgresRow?, _ connection: PostgresConnection) throws -> Set<ByteString> {
        guard let digest = row?.bytes(0) else { return [] }
        let known = last.withLock { $0?.digest == digest ? $0?.ring : nil }
        let ring = try known ?? read(connection)
        return Set(ring.keys.filter { $0.state == .active }.map(\.kid))
    }

    /// The stored ring, checked against its digest: half a key is no key.
    ///
    /// - Throws: ``KeyRingError`` for one that is damaged.
    func read(_ connection: PostgresConnection) throws -> KeyRing {
        try ring(of: Self.document(connection))
    }

    func ring(of document: [UInt8]?) throws -> KeyRing {
        guard let document else { return KeyRing() }
        let digest = Array(SHA256.hash(data: document))
        if let known = last.withLock({ $0?.digest == digest ? $0?.ring : nil }) { return known }
        let ring = try KeyRingDocument.read(document)
        last.withLock { $0 = (digest, ring) }
        return ring
    }

    /// The document of the stored ring; nil where none was ever stored.
    static func document(_ connection: PostgresConnection) throws -> [UInt8]? {
        guard let row = try connection.run(PostgresStatement("SELECT document, digest FROM key_ring")).first else {
            return nil
        }
        guard let document = row.bytes(0), row.bytes(1) == Array(SHA256.hash(data: document)) else {
            throw KeyRingError.malformedDocument
        }
        return document
    }
}
