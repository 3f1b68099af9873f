import CLinux
import Foundation
import Logging
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One listening socket and what is done with its connections.
package struct Listener: Sendable {
    private let address: ListenAddress
    private let plane: any Plane
    private let limits: RequestLimits
    private let load: ServerLoad
    private let tls: TLSIdentity?
    private let peers: AllowedPeers
    private let hotPaths: HotPaths?
    private let rounds = PerEventLoop(TokenRound.init(eventLoop:))
    private let clocks = PerEventLoop(DeadlineClock.init(eventLoop:))
    private let bound: @Sendable () -> Void

    /// A listener that ``Listeners`` opens; `bound` is called when the socket accepts connections, and `peers` may
    /// speak on it where it is a Unix socket.
    ///
    /// Without the fast path the answers are the same and come later.
    package init(
        address: ListenAddress,
        plane: any Plane,
        limits: RequestLimits = RequestLimits(),
        load: ServerLoad,
        tls: TLSIdentity? = nil,
        peers: AllowedPeers = .owner,
        hasFastPath: Bool = true,
        bound: @escaping @Sendable () -> Void = {}
    ) {
        self.address = address
        self.plane = plane
        self.limits = limits
        self.load = load
        self.tls = tls
        self.peers = peers
        hotPaths = hasFastPath ? plane.hotPaths : nil
        self.bound = bound
    }

    /// Binds the socket; from then on connections are served.
    func open() async throws(ListenerError) -> OpenListener {
        let group = MultiThreadedEventLoopGroup.singleton
        let quiescing = ServerQuiescingHelper(group: group)
        do {
            let channel = try await bind(group, quiescing)
            bound()
            return OpenListener(
                channel: channel,
                quiescing: quiescing,
                drained: group.any().makePromise(),
                socketFile: socketFile
            )
        } catch {
            throw ListenerError(
                address: address,
                reason: (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            )
        }
    }

    private func bind(
        _ group: MultiThreadedEventLoopGroup,
        _ quiescing: ServerQuiescingHelper
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            // Who floods us opens connections faster than a few a turn: the others' would be dropped from the full queue,
            // and tried again by their kernels after one, three and seven seconds.
            .serverChannelOption(.maxMessagesPerRead, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
            .childChannelInitializer { configure($0) }
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
        switch address {
        case .tcp(let host, let port): return try await bootstrap.bind(host: host, port: port).get()
        case .unix(let path): return try await bind(bootstrap, toSocket: path)
        }
    }

    /// The socket appears at its path when it has its mode and accepts connections, not before.
    private func bind(_ bootstrap: ServerBootstrap, toSocket path: String) async throws -> any Channel {
        let draft = path + ".new"
        unlink(draft)
        let channel = try await bootstrap.bind(unixDomainSocketPath: UnixSocketPath.short(draft)).get()
        guard chmod(draft, peers.socketMode) == 0, rename(draft, path) == 0 else {
            let reason = IOError(errnoCode: errno, reason: "rename")
            unlink(draft)
            try? await channel.close()
            throw reason
        }
        return channel
    }

    private var socketFile: BoundSocketFile? {
        guard case .unix(let path) = address else { return nil }
        return BoundSocketFile(path)
    }

    private func configure(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard load.connect() else { return channel.close() }
        channel.closeFuture.whenComplete { _ in load.disconnect() }
        guard case .unix = address else { return addHandlers(channel, peer: nil) }
        return PeerCredentials.uid(of: channel, among: peers).flatMap { addHandlers(channel, peer: $0) }
    }

    private func addHandlers(_ channel: any Channel, peer: uid_t?) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let deadlines = DeadlineHandler(limits: limits, load: load, clock: clocks.value(on: channel.eventLoop))
            guard let tls else {
                try pipeline.addHandler(deadlines)
                return try addHTTP1Handlers(channel, deadlines, peer)
            }
            try pipeline.addHandler(NIOSSLServerHandler(context: tls.context))
            try pipeline.addHandler(deadlines)
            try pipeline.addHandler(
                ProtocolChoice { negotiated, since in
                    guard negotiated == "h2" else { return try addHTTP1Handlers(channel, deadlines, peer) }
                    pipeline.removeHandler(deadlines, promise: nil)
                    try pipeline.addHandler(
                        HTTP2ConnectionHandler(
                            plane: plane,
                            documents: hotPaths?.documents,
                            limits: limits,
                            load: load,
                            since: since
                        )
                    )
                }
            )
        }
    }

    private func addHTTP1Handlers(_ channel: any Channel, _ deadlines: DeadlineHandler, _ peer: uid_t?) throws {
        let pipeline = channel.pipeline.syncOperations
        if let hotPaths {
            let round = rounds.value(on: channel.eventLoop)
            try pipeline.addHandler(
                FastPathHandler(
                    paths: hotPaths,
                    load: load,
                    isSecure: tls != nil,
                    round: round,
                    deadlines: deadlines
                )
            )
        }
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(
            ByteToMessageHandler(
                HTTPRequestDecoder(
                    leftOverBytesStrategy: .dropBytes,
                    limitConfiguration: limits.decoder
                )
            )
        )
        try pipeline.addHandler(HTTPServerPipelineHandler())
        try pipeline.addHandler(
            ConnectionHandler(plane: plane, limits: limits, load: load, isSecure: tls != nil, peer: peer)
        )
    }
}

extension RequestLimits {
    fileprivate var decoder: NIOHTTPDecoderLimitConfiguration {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        configuration.maxHeaderFieldSize = headerLine
        configuration.maxHeaderListSize = headers
        configuration.maxHeaderFieldCount = headerCount
        return configuration
    }
}
