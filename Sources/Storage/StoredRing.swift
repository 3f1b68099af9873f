import Crypto
import Foundation
import GRDB
import Keys

/// The row of the key ring as it lies in the database.
struct StoredRing: Hashable, Sendable {
    private let document: [UInt8]?
    private let digest: Data?

    init(in database: Database) throws {
        let row = try Row.fetchOne(database, sql: "SELECT document, digest FROM key_ring")
        document = row.map { [UInt8]($0["document"] as Data) }
        digest = row?["digest"]
    }

    /// The ring, checked against its digest: half a key is no key.
    func ring() throws(KeyRingError) -> KeyRing {
        guard let document else { return KeyRing() }
        if let digest, digest != Data(SHA256.hash(data: document)) { throw .malformedDocument }
        return try KeyRingDocument.read(document)
    }

    /// The same, read only where it is another than the `last` one that was read.
    func ring(orLast last: inout (stored: StoredRing, ring: KeyRing)?) throws(KeyRingError) -> KeyRing {
        if let last, last.stored == self { return last.ring }
        let ring = try ring()
        last = (self, ring)
        return ring
    }
}
