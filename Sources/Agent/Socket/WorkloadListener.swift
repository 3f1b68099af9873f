import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import NIOCore
import ServiceLifecycle
import WorkloadAPI

/// Serves gRPC on a Unix socket until it is told to stop.
struct WorkloadListener: Sendable {
    let socket: WorkloadSocket
    let limits: WorkloadAPILimits
    let logger: Logger

    /// Serves until graceful shutdown, cancellation or the end of `meanwhile`, and takes the socket away.
    ///
    /// `close` ends the open streams, and may be called more than once; `meanwhile` is what runs beside.
    func run(
        _ services: [any RegistrableRPCService],
        close: @escaping @Sendable () -> Void,
        meanwhile: @escaping @Sendable () async throws -> Void
    ) async throws {
        let listening = try ListeningSocket(socket)
        let gate = ConnectionGate(self)
        let server = GRPCServer(
            transport: transport(listening, gate),
            services: services,
            interceptorPipeline: interceptors
        )
        let isStopping = OnceSet()
        let stop: @Sendable () -> Void = {
            isStopping.set()
            listening.removeFile()
            close()
            server.beginGracefulShutdown()
            gate.closeAll(after: .seconds(5))
        }
        defer { listening.removeFile() }
        logger.info("serving the Workload API", metadata: ["socket": "\(socket.path)"])
        try await withThrowingTaskGroup(of: Part.self) { group in
            group.addTask {
                try await meanwhile()
                stop()
                return .meanwhile
            }
            group.addTask {
                do {
                    try await withGracefulShutdownHandler {
                        try await server.serve()
                    } onGracefulShutdown: {
                        stop()
                    }
                } catch {
                    // A server that was told to stop before it began says that it cannot begin.
                    guard isStopping.isSet else { throw error }
                }
                return .server
            }
            while let ended = try await group.next(), ended != .server {}
            group.cancelAll()
        }
    }

    private enum Part {
        case server, meanwhile
    }

    private var interceptors: [ConditionalInterceptor<any ServerInterceptor>] {
        [
            .apply(RequestLimit(open: OpenCount(limit: limits.requests)), to: .all),
            .apply(SecurityHeader(), to: .services([SpiffeWorkloadAPI.descriptor])),
        ]
    }

    private func transport(_ listening: ListeningSocket, _ gate: ConnectionGate) -> HTTP2ServerTransport.Posix {
        HTTP2ServerTransport.Posix(
            listeningSocketDescriptor: Int(listening.descriptor),
            transportSecurity: .plaintext,
            config: .defaults { config in
                config.rpc.maxRequestPayloadSize = 65_536
                config.http2.maxConcurrentStreams = limits.requestsPerConnection
                config.connection.maxGraceTime = .seconds(5)
                config.connection.maxIdleTime = .seconds(60)
                // A dead peer on this machine is seen by the kernel; clients may ask more often than we do.
                config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(10)
                config.connection.keepalive.clientBehavior.allowWithoutCalls = true
                config.channelDebuggingCallbacks.onAcceptTCPConnection = { gate.admit($0) }
                config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { PeerMarking.mark($0) }
            }
        )
    }
}
