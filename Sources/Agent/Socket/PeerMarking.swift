import Attestation
import CLinux
import Foundation
import GRPCCore
import NIOCore
import NIOHPACK
import NIOHTTP2

/// Who is at the other end, passed beside a request in names of our own.
///
/// What a client sends under these names never gets through.
enum PeerMarking {
    static let uid = "jobsworth-peer-uid"
    static let pid = "jobsworth-peer-pid"

    /// The peer that ``StreamMarker`` wrote down.
    static func peer(in metadata: Metadata) -> Peer? {
        guard let uid = metadata[stringValues: uid].first(where: { _ in true }).flatMap({ UInt32($0) }),
            let pid = metadata[stringValues: pid].first(where: { _ in true }).flatMap({ Int32($0) })
        else { return nil }
        return Peer(uid: uid, pid: pid)
    }

    /// Asks the kernel (SO_PEERCRED).
    static func peer(of connection: any Channel) -> EventLoopFuture<Peer> {
        guard let provider = connection as? any SocketOptionProvider else {
            return connection.eventLoop.makeFailedFuture(UnknownPeer())
        }
        let credentials: EventLoopFuture<jobsworth_peer_credentials> = provider.unsafeGetSocketOption(
            level: .socket,
            name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        )
        return credentials.map { Peer(uid: $0.uid, pid: $0.pid) }
    }

    /// Marks the requests of a new HTTP/2 stream.
    static func mark(_ stream: any Channel) -> EventLoopFuture<Void> {
        guard let connection = stream.parent else { return stream.eventLoop.makeFailedFuture(UnknownPeer()) }
        return peer(of: connection).flatMapThrowing { peer in
            try stream.pipeline.syncOperations.addHandler(StreamMarker(peer), position: .first)
        }
    }
}

struct UnknownPeer: Error {}
