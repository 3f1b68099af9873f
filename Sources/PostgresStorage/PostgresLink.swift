import Logging

/// One thread's connection, made again when it is gone.
final class PostgresLink {
    private let address: PostgresAddress
    private let patience: Duration
    private let settings: [String]
    private let lineage: PostgresLineage
    private let logger: Logger
    private var connection: PostgresConnection?
    private var failures = 0

    init(
        _ address: PostgresAddress,
        patience: Duration,
        settings: [String],
        lineage: PostgresLineage,
        logger: Logger,
        connection: PostgresConnection? = nil
    ) {
        self.address = address
        self.patience = patience
        self.settings = settings
        self.lineage = lineage
        self.logger = logger
        self.connection = connection
    }

    /// The connection, a new one where there is none that can be used.
    ///
    /// - Throws: ``PostgresFailure/late`` where none can be had now.
    func connected() throws(PostgresFailure) -> PostgresConnection {
        if let connection, connection.isUsable { return connection }
        connection?.close()
        connection = nil
        do {
            let new = try PostgresConnection.toPrimary(
                address,
                patience: patience,
                settings: settings,
                lineage: lineage
            )
            if failures > 0 { logger.notice("the database is back", metadata: ["failures": "\(failures)"]) }
            failures = 0
            connection = new
            return new
        } catch {
            failures += 1
            // Each attempt fails: the first, second, fourth … says enough.
            if failures & (failures - 1) == 0 {
                logger.error("the database is away", metadata: ["reason": "\(error)", "count": "\(failures)"])
            }
            throw .late
        }
    }

    func close() {
        connection?.close()
        connection = nil
    }
}
