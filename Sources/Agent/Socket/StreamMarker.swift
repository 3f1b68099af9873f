import Attestation
import NIOCore
import NIOHPACK
import NIOHTTP2

/// Writes the peer into the head of a request, in the place of what the client wrote there.
final class StreamMarker: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload

    private let peer: Peer

    init(_ peer: Peer) {
        self.peer = peer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .headers(var frame) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        frame.headers.remove(name: PeerMarking.uid)
        frame.headers.remove(name: PeerMarking.pid)
        frame.headers.add(name: PeerMarking.uid, value: String(peer.uid))
        frame.headers.add(name: PeerMarking.pid, value: String(peer.pid))
        context.fireChannelRead(wrapInboundOut(.headers(frame)))
    }
}
