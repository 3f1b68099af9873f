import Attestation
import Logging
import NIOCore

/// Which connections are taken.
struct ConnectionGate: Sendable {
    private struct Refused: Error {}

    private let allowedUIDs: Set<UInt32>?
    private let open: OpenCount
    private let logger: Logger

    init(_ listener: WorkloadListener) {
        allowedUIDs = listener.socket.allowedUIDs
        open = OpenCount(limit: listener.limits.connections)
        logger = listener.logger
    }

    /// Fails where the peer is not allowed or there are too many: the connection is closed unread then.
    func admit(_ connection: any Channel) -> EventLoopFuture<Void> {
        PeerMarking.peer(of: connection).flatMapThrowing { peer in
            guard allowedUIDs?.contains(peer.uid) ?? true else {
                logger.info("connection refused", metadata: ["peer.uid": "\(peer.uid)", "peer.pid": "\(peer.pid)"])
                throw Refused()
            }
            guard let place = open.enter() else {
                logger.warning("connection refused: too many are open", metadata: ["peer.uid": "\(peer.uid)"])
                throw Refused()
            }
            connection.closeFuture.whenComplete { _ in withExtendedLifetime(place) {} }
        }
    }
}
