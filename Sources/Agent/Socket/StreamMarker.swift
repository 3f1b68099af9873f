import Attestation
import NIOCore
import NIOHPACK
import NIOHTTP2

/// Writes the peer into the head of a request, in the place of what the client wrote there, and takes away a time limit
/// that is none: gRPC's own reader of it ends the process at a negative number.
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
        if !frame.headers[Self.timeout].allSatisfy(Self.isTimeout) { frame.headers.remove(name: Self.timeout) }
        context.fireChannelRead(wrapInboundOut(.headers(frame)))
    }

    private static let timeout = "grpc-timeout"

    /// At most eight digits and a unit (gRPC over HTTP/2, "Timeout").
    private static func isTimeout(_ text: String) -> Bool {
        guard (2...9).contains(text.utf8.count), let unit = text.utf8.last, "HMSmun".utf8.contains(unit) else {
            return false
        }
        return text.utf8.dropLast().allSatisfy { (0x30...0x39).contains($0) }
    }
}
