import CLinux
import Foundation
import NIOCore

/// Who is at the other end of a Unix socket.
enum PeerCredentials {
    struct NotAllowed: Error {}

    /// The peer's uid (SO_PEERCRED); fails unless it is among those allowed: the connection is closed unread then.
    static func uid(of channel: any Channel, among allowed: AllowedPeers) -> EventLoopFuture<uid_t> {
        guard let provider = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(NotAllowed())
        }
        let peer: EventLoopFuture<jobsworth_peer_credentials> = provider.unsafeGetSocketOption(
            level: .socket,
            name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        )
        return peer.flatMapThrowing { peer in
            guard allowed.contains(peer.uid) else {
                allowed.refused(peer.uid)
                throw NotAllowed()
            }
            return peer.uid
        }
    }
}
