package import Issuer
import JOSE
package import Keys

/// What an issuer leaves for the commands that open its store without it.
extension PostgresStore: PublicationStore {
    enum Setting: String {
        case rotationRules = "rotation-rules"
        case trustedClock = "trusted-clock"
        case providerMetadata = "provider-metadata"
    }

    package func trustedClock() async throws -> ClockReading? {
        try await readers.read { try Self.setting(.trustedClock, $0) }.flatMap(ClockReading.init(document:))
    }

    package func setTrustedClock(_ reading: ClockReading) async throws {
        try await set(.trustedClock, reading.document)
    }

    /// The discovery document as the issuer serves it.
    package func providerMetadata() async throws(StoreError) -> [UInt8]? {
        try await readers.read { try Self.setting(.providerMetadata, $0) }
    }

    package func setProviderMetadata(_ document: [UInt8]) async throws(StoreError) {
        try await set(.providerMetadata, document)
    }

    static func setting(_ setting: Setting, _ connection: PostgresConnection) throws -> [UInt8]? {
        try connection.run(
            PostgresStatement("SELECT document FROM setting WHERE name = $1", .text(setting.rawValue))
        ).first?.bytes(0)
    }

    func set(_ setting: Setting, _ document: [UInt8]) async throws(StoreError) {
        try await committer.write(.alone) { transaction in
            _ = try transaction.connection.run(
                PostgresStatement(
                    """
                    INSERT INTO setting (name, document) VALUES ($1, $2)
                    ON CONFLICT (name) DO UPDATE SET document = excluded.document
                    """,
                    .text(setting.rawValue),
                    .bytes(document)
                )
            )
        }
    }
}
