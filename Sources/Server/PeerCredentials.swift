import CLinux
import Foundation
import NIOCore

/// Who is at the other end of a Unix socket.
enum PeerCredentials {
    struct NotOwner: Error {}

    /// - Throws: unless the peer runs as our own user or as root (SO_PEERCRED).
    static func requireOwner(of channel: any Channel) throws {
        guard let provider = channel as? any SocketOptionProvider else { throw NotOwner() }
        let option = NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        let future: EventLoopFuture<jobsworth_peer_credentials> = provider.unsafeGetSocketOption(
            level: .socket,
            name: option
        )
        let bound = NIOLoopBound(channel, eventLoop: channel.eventLoop)
        future.whenComplete { result in
            if case .success(let peer) = result, peer.uid == getuid() || peer.uid == 0 { return }
            bound.value.close(promise: nil)
        }
    }
}
