import CLinux
import Foundation
import NIOCore

/// Who is at the other end of a Unix socket.
enum PeerCredentials {
    struct NotOwner: Error {}

    /// Fails unless the peer runs as our own user or as root (SO_PEERCRED): the connection is closed unread then.
    static func requireOwner(of channel: any Channel) -> EventLoopFuture<Void> {
        guard let provider = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(NotOwner())
        }
        let peer: EventLoopFuture<jobsworth_peer_credentials> = provider.unsafeGetSocketOption(
            level: .socket,
            name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        )
        return peer.flatMapThrowing { peer in
            guard peer.uid == getuid() || peer.uid == 0 else { throw NotOwner() }
        }
    }
}
