import Foundation
import GRDB
package import Issuer
import JOSE
package import Keys

/// What an issuer leaves for the commands that open its store without it.
extension SQLiteStore {
    enum Setting: String {
        case rotationRules = "rotation-rules"
        case trustedClock = "trusted-clock"
        case providerMetadata = "provider-metadata"
    }

    package func trustedClock() async throws -> ClockReading? {
        try await writer.read { try Self.setting(.trustedClock, in: $0).flatMap(ClockReading.init(document:)) }
    }

    package func setTrustedClock(_ reading: ClockReading) async throws {
        try await writer.write { try Self.set(.trustedClock, reading.document, in: $0.database) }
    }

    /// The discovery document as the issuer serves it.
    package func providerMetadata() async throws(StoreError) -> [UInt8]? {
        try await writer.read { try Self.setting(.providerMetadata, in: $0) }
    }

    package func setProviderMetadata(_ document: [UInt8]) async throws(StoreError) {
        try await writer.write { try Self.set(.providerMetadata, document, in: $0.database) }
    }

    static func setting(_ setting: Setting, in database: Database) throws -> [UInt8]? {
        try Data.fetchOne(database, sql: "SELECT document FROM setting WHERE name = ?", arguments: [setting.rawValue])
            .map { [UInt8]($0) }
    }

    static func set(_ setting: Setting, _ document: [UInt8], in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO setting (name, document) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET document = excluded.document
                """,
            arguments: [setting.rawValue, Data(document)]
        )
    }
}

extension SQLiteStore: PublicationStore {}
