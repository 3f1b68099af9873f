import Attestation
import Logging
import NIOCore
import Synchronization

/// Which connections are taken, and those that were.
final class ConnectionGate: Sendable {
    private struct Refused: Error {}

    private let allowedUIDs: Set<UInt32>?
    private let open: OpenCount
    private let logger: Logger
    private let connections = Mutex<[ObjectIdentifier: any Channel]>([:])

    init(_ listener: WorkloadListener) {
        allowedUIDs = listener.socket.allowedUIDs
        open = OpenCount(limit: listener.limits.connections)
        logger = listener.logger
    }

    /// Fails where the peer is not allowed or there are too many: the connection is closed unread then.
    func admit(_ connection: any Channel) -> EventLoopFuture<Void> {
        PeerMarking.peer(of: connection).flatMapThrowing { [self] peer in
            guard allowedUIDs?.contains(peer.uid) ?? true else {
                logger.info("connection refused", metadata: ["peer.uid": "\(peer.uid)", "peer.pid": "\(peer.pid)"])
                throw Refused()
            }
            guard let place = open.enter(peer.uid) else {
                logger.warning("connection refused: too many are open", metadata: ["peer.uid": "\(peer.uid)"])
                throw Refused()
            }
            let id = ObjectIdentifier(connection)
            connections.withLock { $0[id] = connection }
            connection.closeFuture.whenComplete { [self] _ in
                connections.withLock { _ = $0.removeValue(forKey: id) }
                withExtendedLifetime(place) {}
            }
        }
    }

    /// Closes what is still open after a grace: a peer that reads nothing must not keep us from ending.
    func closeAll(after grace: TimeAmount) {
        for connection in connections.withLock({ Array($0.values) }) {
            connection.eventLoop.scheduleTask(in: grace) { connection.close(promise: nil) }
        }
    }
}
