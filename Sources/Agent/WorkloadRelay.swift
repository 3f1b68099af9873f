import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import Keys
package import Logging
import ServiceLifecycle
import WorkloadAPI

/// A Workload API for one job alone: each request goes to an agent with the job's token, so that unmodified clients work.
///
/// It holds no key and opens no store. It ends with the newest token's expiry, or with graceful shutdown, and takes its
/// socket away.
package struct WorkloadRelay: Service {
    private let listener: WorkloadListener
    private let agent: WorkloadEndpoint
    private let tokens: TokenSource
    private let patience: Duration
    private let tick: Duration
    private let now: @Sendable () -> NumericDate

    /// Reads the token; nothing is bound before ``run()``.
    ///
    /// `readToken` reads the token file, now and every `tick`; `patience` is how long a stream that the agent ended waits
    /// for a newer token before its client hears of it. All requests share one connection to the agent, which is why the
    /// limits stay below those of one. Throws ``RelayedTokenError``, or what `readToken` throws.
    package init(
        socket: WorkloadSocket,
        agent: WorkloadEndpoint,
        readToken: @escaping @Sendable () throws -> [UInt8],
        patience: Duration = .seconds(5),
        tick: Duration = .seconds(1),
        limits: WorkloadAPILimits = WorkloadAPILimits(connections: 256, requestsPerConnection: 100, requests: 100),
        logger: Logger,
        now: @escaping @Sendable () -> NumericDate
    ) throws {
        listener = WorkloadListener(socket: socket, limits: limits, logger: logger)
        tokens = try TokenSource(read: readToken, now: now, logger: logger)
        self.agent = agent
        self.patience = patience
        self.tick = tick
        self.now = now
    }

    /// Relays until the newest token has expired, or until graceful shutdown.
    package func run() async throws {
        let board = ChangeBoard()
        let transport = try HTTP2ClientTransport.Posix(workloadEndpoint: agent)
        try await withGRPCClient(transport: transport) { client in
            let service = RelayService(
                upstream: SpiffeWorkloadAPI.Client(wrapping: client),
                tokens: tokens,
                patience: patience,
                board: board
            )
            try await listener.run(
                [service, HealthService(board: board)],
                close: { board.close() },
                meanwhile: followTokens
            )
        }
    }

    /// Returns when the newest token has expired.
    private func followTokens() async throws {
        while now() < tokens.token.expiresAt {
            try await Task.sleep(for: tick)
            tokens.refresh()
        }
        listener.logger.info("the job's token has expired: the socket goes")
    }
}
