package import Attestation
package import Keys
package import Logging
import SPIFFE
import ServiceLifecycle

/// The SPIFFE Workload API on a Unix socket, for workloads that a ``WorkloadAuthority`` attests.
///
/// The socket appears when it answers, and goes with graceful shutdown: open streams end with Unavailable then.
package struct WorkloadAPIServer: Service {
    private let listener: WorkloadListener
    private let service: WorkloadService
    private let tick: Duration

    /// Prepares a server; nothing is bound before ``run()``.
    ///
    /// `bundlesNeedEvidence` keeps bundles and validation for attested workloads; `tick` is how often streams look at
    /// the time.
    package init(
        authority: any WorkloadAuthority,
        socket: WorkloadSocket,
        check: JWTSVIDCheck,
        bundlesNeedEvidence: Bool = false,
        limits: WorkloadAPILimits = WorkloadAPILimits(),
        tick: Duration = .seconds(1),
        logger: Logger,
        now: @escaping @Sendable () -> NumericDate
    ) {
        listener = WorkloadListener(socket: socket, limits: limits, logger: logger)
        service = WorkloadService(
            authority: authority,
            check: check,
            bundlesNeedEvidence: bundlesNeedEvidence,
            board: ChangeBoard(),
            log: WorkloadLog(logger: logger),
            now: now
        )
        self.tick = tick
    }

    /// Serves until graceful shutdown.
    package func run() async throws {
        let board = service.board
        // Before the first client: a change between would be missed.
        let (bundles, policies) = (service.authority.trustBundles(), service.authority.policyChanges())
        try await listener.run([service, HealthService(board: board)], close: { board.close() }) {
            try await follow(bundles, policies)
        }
    }

    /// How many streams are open and at rest.
    package var watches: Int { service.board.waiting }

    /// Tells the streams of changes and of the time.
    private func follow(_ bundles: AsyncStream<TrustBundle>, _ policies: AsyncStream<Int64>) async throws {
        let board = service.board
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { for await _ in bundles { board.bundleChanged() } }
            group.addTask { for await _ in policies { board.policyChanged() } }
            while true {
                try await Task.sleep(for: tick)
                board.tick(at: service.now().secondsSinceEpoch)
            }
        }
    }
}
