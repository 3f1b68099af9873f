import JOSE
import NIOCore
import NIOHTTP1

/// Reads one request at a time off a connection, has it answered, writes the answer.
///
/// `HTTPServerPipelineHandler` stands before it: a pipelined request arrives only after the end of the answer before
/// it. So the end is what keeps a peer in check, and it is written only when the peer takes what it was sent.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case waiting
        case reading(HTTPRequestHead, [UInt8])
        /// The fault was answered; what still comes of this request is passed over.
        case discarding
        case answering
        case closing
    }

    /// How an answer ends, and where it is written from.
    private struct AnswerEnd {
        let keepingAlive: Bool
        let context: ChannelHandlerContext
    }

    private let plane: any Plane
    private let limits: RequestLimits
    private let load: ServerLoad
    private let isSecure: Bool
    private let peer: UInt32?
    private var state = State.waiting
    private var heldEnd: AnswerEnd?
    private var inputHasClosed = false

    init(plane: any Plane, limits: RequestLimits, load: ServerLoad, isSecure: Bool, peer: UInt32?) {
        self.plane = plane
        self.limits = limits
        self.load = load
        self.isSecure = isSecure
        self.peer = peer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(let buffer): append(buffer, context)
        case .end: finish(context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let exceeded as DeadlineHandler.Exceeded: refuse(exceeded, context)
        case ChannelEvent.inputClosed: closeInput(context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let end = heldEnd {
            heldEnd = nil
            write(end)
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as HTTPParserError:
            refuse(error == .headerOverflow ? .headersTooLarge : .malformedRequest, context)
        default: close(context)
        }
    }

    // MARK: - Reading

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard case .waiting = state else { return }
        if let fault = head.fault(within: limits) { return refuse(fault, context) }
        context.triggerUserOutboundEvent(DeadlineHandler.Phase.body, promise: nil)
        state = .reading(head, [])
        if head.expectsContinue {
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))),
                promise: nil
            )
        }
    }

    private func append(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        guard case .reading(let head, var body) = state else { return }
        guard body.count + buffer.readableBytes <= limits.body else { return refuse(.bodyTooLarge, context) }
        state = .waiting
        body.append(contentsOf: buffer.readableBytesView)
        state = .reading(head, body)
    }

    /// An answer is never written within the call that brought its request: each pipelined request would deepen the
    /// stack.
    private func finish(_ context: ChannelHandlerContext) {
        guard case .reading(let head, let body) = state else { return }
        state = .answering
        context.triggerUserOutboundEvent(DeadlineHandler.Phase.answer, promise: nil)
        let request = PlaneRequest(head: head, body: body, peer: peer, from: context.channel.remoteAddress)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let reply = Reply(bound: bound, isHead: head.method == .HEAD, keepingAlive: head.letsAnotherFollow)
        if let response = plane.answerAtOnce(request) { return reply.give(response) }
        guard load.begin() else { return reply.give(plane.answer(.overloaded)) }
        Task { [plane, load] in
            let response = await plane.answer(request)
            load.end()
            reply.give(response)
        }
    }

    private func closeInput(_ context: ChannelHandlerContext) {
        inputHasClosed = true
        switch state {
        case .answering: return
        case .waiting, .reading, .discarding, .closing: close(context)
        }
    }

    // MARK: - Refusing

    private func refuse(_ exceeded: DeadlineHandler.Exceeded, _ context: ChannelHandlerContext) {
        switch exceeded {
        case .time(.body): refuse(.tooSlow, context)
        case .time(.head): refuseUnreadHead(.tooSlow, context)
        case .time: close(context)
        case .requestLineLength: refuseUnreadHead(.targetTooLong, context)
        case .headSize: refuseUnreadHead(.headersTooLarge, context)
        }
    }

    private func refuse(_ fault: RequestFault, _ context: ChannelHandlerContext) {
        switch state {
        case .waiting, .reading:
            state = .discarding
            write(plane.answer(fault), isHead: false, keepingAlive: false, context)
        case .discarding, .answering, .closing: close(context)
        }
    }

    /// Answers where no request has reached the pipelining handler: it must not see an answer without one.
    private func refuseUnreadHead(_ fault: RequestFault, _ context: ChannelHandlerContext) {
        guard case .waiting = state,
            let beyond = try? context.pipeline.syncOperations.context(handlerType: HTTPServerPipelineHandler.self)
        else { return close(context) }
        state = .discarding
        write(plane.answer(fault), isHead: false, keepingAlive: false, beyond)
    }

    // MARK: - Writing

    /// The way back to the connection from wherever the answer is made.
    private struct Reply: Sendable {
        let bound: NIOLoopBound<(ConnectionHandler, ChannelHandlerContext)>
        let isHead: Bool
        let keepingAlive: Bool

        func give(_ response: PlaneResponse) {
            bound.eventLoop.execute {
                let (handler, context) = bound.value
                handler.write(response, isHead: isHead, keepingAlive: keepingAlive && !handler.inputHasClosed, context)
            }
        }
    }

    private func write(
        _ response: PlaneResponse,
        isHead: Bool,
        keepingAlive: Bool,
        _ context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else { return }
        let framing = AnswerHead.Framing(isSecure: isSecure, keepsAlive: keepingAlive)
        context.write(wrapOutboundOut(.head(AnswerHead.value(of: response, framing))), promise: nil)
        if !isHead && response.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(response.body))), promise: nil)
        }
        let end = AnswerEnd(keepingAlive: keepingAlive, context: context)
        if context.channel.isWritable { return write(end) }
        heldEnd = end
        context.flush()
    }

    private func write(_ end: AnswerEnd) {
        // A pipelined request is delivered while the end is written: the state must be ready for it.
        if end.keepingAlive { state = .waiting }
        let eventLoop = end.context.eventLoop
        let written = eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound((self, end), eventLoop: eventLoop)
        written.futureResult.whenComplete { _ in
            let (handler, end) = bound.value
            handler.didWrite(end)
        }
        end.context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    private func didWrite(_ end: AnswerEnd) {
        end.context.triggerUserOutboundEvent(DeadlineHandler.AnswerTaken(), promise: nil)
        if end.keepingAlive { return }
        guard case .discarding = state else { return close(end.context) }
        // To close while the peer still sends would reset the connection before it has read why it was refused.
        end.context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) { self.close(end.context) }
    }

    private func close(_ context: ChannelHandlerContext) {
        state = .closing
        context.close(promise: nil)
    }
}
