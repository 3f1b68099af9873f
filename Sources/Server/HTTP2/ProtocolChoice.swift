import NIOCore
import NIOExtras
import NIOTLS

/// Waits for the end of the TLS handshake and adds the handlers of the protocol that it chose (ALPN, RFC 7301).
///
/// Stands last in the pipeline until then, behind ``DeadlineHandler``: a handshake that does not end is given up.
final class ProtocolChoice: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let choose: (_ negotiated: String?, _ since: NIODeadline) throws -> Void
    private var since = NIODeadline.now()

    /// `choose` adds the handlers behind this one; `since` is when the connection began.
    init(choose: @escaping (_ negotiated: String?, _ since: NIODeadline) throws -> Void) {
        self.choose = choose
    }

    func handlerAdded(context: ChannelHandlerContext) {
        since = .now()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let negotiated): choose(negotiated, context)
        case is DeadlineHandler.Exceeded, is ChannelShouldQuiesceEvent, ChannelEvent.inputClosed:
            context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func choose(_ negotiated: String?, _ context: ChannelHandlerContext) {
        do {
            try choose(negotiated, since)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }
}
