import Foundation
package import Issuer
package import JOSE
package import Keys
package import Logging
import Synchronization

/// Key ring, jobs, runners, pins and audit records in one PostgreSQL database, which any number of processes share.
///
/// What another process does holds here at once: a job that memory holds is only ever good for a token whose record's
/// transaction looks at the job again; everything else asks the database.
package final class PostgresStore: Sendable {
    /// The longest that one call to the server may take.
    private static let patience: Duration = .seconds(5)
    private static let readerCount = 4

    let committer: PostgresCommitter
    let readers: PostgresReaders
    let ring = PostgresRingState()
    /// Live jobs that had a token already, and so have their facts for good.
    let heldJobs = Mutex<[JobID: Job]>([:])
    let liveCounts = Mutex<[Int64: LiveCount]>([:])
    let liveTotal: Mutex<Int>
    private let isClockNear = Mutex<Bool?>(nil)
    private let logger: Logger
    /// The job after which retention goes on.
    let removedThrough = Mutex<[UInt8]>([])
    /// Whose chain of records ours are.
    package let replica: ByteString
    /// Where the database is.
    package let address: PostgresAddress

    /// Connects, brings the tables to this version and begins, or goes on with, the replica's chain.
    ///
    /// - Throws: ``PostgresStoreError``.
    package init(_ address: PostgresAddress, replica name: ByteString? = nil, logger: Logger) throws {
        let name = name ?? Self.randomName()
        guard Self.isValidName(name) else { throw PostgresStoreError.replicaNameInvalid }
        replica = name
        self.address = address
        self.logger = logger
        let settings = Self.settings
        let lineage = PostgresLineage()
        let connection = try PostgresConnection(
            address,
            patience: Self.patience,
            settings: settings,
            lineage: lineage
        )
        let live: Int
        do {
            try PostgresSchema.migrate(connection)
            try Self.beginChain(name, connection)
            live = Int(clamping: try connection.run(Self.countingLiveJobs).first?.integer(0) ?? 0)
        } catch let failure as PostgresFailure {
            throw PostgresStoreError(failure)
        }
        liveTotal = Mutex(live)
        let link = PostgresLink(
            address,
            patience: Self.patience,
            settings: settings,
            lineage: lineage,
            logger: logger,
            connection: connection
        )
        committer = PostgresCommitter(link, chain: name, ring: ring, logger: logger)
        readers = PostgresReaders(
            address,
            count: Self.readerCount,
            patience: Self.patience,
            lineage: lineage,
            logger: logger
        )
    }

    /// Whether a token's record could be committed now, as far as the last one told.
    package var isWritable: Bool {
        committer.isWorking
    }

    /// How many jobs live, for the metrics: as counted last, and what this process did since.
    package var liveJobCount: Int {
        liveTotal.withLock { max($0, 0) }
    }

    /// Whether our clock and the server's said the same when they were last compared.
    package var isClockRight: Bool {
        isClockNear.withLock { $0 == true }
    }

    /// Compares the clocks.
    package func compare(with now: NumericDate) async throws(StoreError) {
        let began = ContinuousClock.now
        let server = try await readers.read { try $0.run(Self.readingClock).first?.integer(0) ?? 0 }
        // A server that took its time was asked too long ago to compare with.
        guard ContinuousClock.now - began < .seconds(1) else { return }
        let isNear = abs(server - now.secondsSinceEpoch) <= Self.clockTolerance
        let wasNear = isClockNear.withLock { state in
            defer { state = isNear }
            return state
        }
        if wasNear ?? true != isNear {
            logger.error(
                isNear ? "the clock is right again" : "the clock is not the database's: no token is issued",
                metadata: ["database.time": "\(server)", "our.time": "\(now.secondsSinceEpoch)"]
            )
        }
    }

    /// Whether `now` is near the server's time; what passed since it was read counts for it.
    package func agrees(with now: NumericDate) async throws -> Bool {
        let began = ContinuousClock.now
        let server = try await readers.read { try $0.run(Self.readingClock).first?.integer(0) ?? 0 }
        let passed = (ContinuousClock.now - began).components.seconds
        return (-Self.clockTolerance...Self.clockTolerance + passed).contains(server - now.secondsSinceEpoch)
    }

    /// Counts the live jobs again, with what other processes did.
    package func recount() async throws(StoreError) {
        let count = try await readers.read { try $0.run(Self.countingLiveJobs).first?.integer(0) ?? 0 }
        liveTotal.withLock { $0 = Int(clamping: count) }
    }

    /// In seconds, rounding included: replicas that differ by more could not agree on when a token begins.
    private static let clockTolerance: Int64 = 2

    /// Commits what waits and closes the connections.
    package func close() {
        committer.close()
        readers.close()
    }

    /// A process that stands still in the midst of a transaction keeps others waiting no longer than two seconds.
    private static let settings = [
        "SET lock_timeout = 2500", "SET idle_in_transaction_session_timeout = 2000",
    ]

    private static let countingLiveJobs = PostgresStatement("SELECT count(*) FROM job WHERE ended_at IS NULL")
    private static let readingClock = PostgresStatement(
        "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint"
    )

    private static func beginChain(_ name: ByteString, _ connection: PostgresConnection) throws {
        try connection.run(
            PostgresStatement(
                "INSERT INTO audit_chain (name, sequence, digest) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING",
                .name(name),
                .bytes(AuditChain.beginning)
            )
        )
    }

    private static func randomName() -> ByteString {
        var generator = SystemRandomNumberGenerator()
        return "r-" + ByteString(String(UInt64.random(in: .min ... .max, using: &generator), radix: 16))
    }

    /// `[A-Za-z0-9._-]`, 1 to 64 bytes.
    package static func isValidName(_ name: ByteString) -> Bool {
        Runner.isValidName(name)
    }
}

/// How many jobs of a runner live: when that was counted, and how many this process has added since.
struct LiveCount {
    let counted: Int
    let countedAt: ContinuousClock.Instant
    var added = 0
}

extension PostgresStoreError {
    init(_ failure: PostgresFailure) {
        switch failure {
        case .lost, .late, .unexpected, .malformed, .regressed: self = .unreachable("it stopped answering")
        case .refused(_, let message): self = .refused(message)
        }
    }
}
