import NIOCore
import NIOExtras
import NIOHTTP1

/// Reads the requests of an HTTP/2 connection, has them answered as those of HTTP/1.1 are, and writes the answers.
///
/// Stands behind the TLS handler, alone. ``HTTP2Session`` is the protocol; here are the socket, the clock and the plane.
/// What is encoded ahead of the peer is bounded: while the channel is not writable, answers wait as the planes gave
/// them, and a stream that is not taken in time is reset.
final class HTTP2ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let plane: any Plane
    private let documents: PublicPlane?
    private let limits: RequestLimits
    private let load: ServerLoad
    private let since: NIODeadline
    private var session: HTTP2Session?
    private var clock: RepeatedTask?
    private var requestsUnderWay = 0
    private var room = ByteBuffer()
    private var sendsSoon = false
    private var isDraining = false
    private var isClosing = false
    /// Since when the peer takes nothing that was written.
    private var stuckSince: NIODeadline?

    /// `since` is when the connection began: the handshake is part of the wait for the first request.
    ///
    /// `documents` are those of the plane, where they may be answered without a request's value.
    init(
        plane: any Plane,
        documents: PublicPlane?,
        limits: RequestLimits,
        load: ServerLoad,
        since: NIODeadline
    ) {
        self.plane = plane
        self.documents = documents
        self.limits = limits
        self.load = load
        self.since = since
    }

    func handlerAdded(context: ChannelHandlerContext) {
        session = HTTP2Session(limits: limits, isSecure: true, documents: documents, at: since)
        guard session != nil else { return close(context) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        clock = context.eventLoop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { _ in
            let (handler, context) = bound.value
            handler.check(context)
        }
        send(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        clock?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        clock?.cancel()
        isClosing = true
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let session, !isClosing else { return }
        unwrapInboundIn(data).withUnsafeReadableBytes { session.receive($0, at: .now()) }
        answerEvents(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        send(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            stuckSince = nil
            send(context)
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: drain(context)
        case ChannelEvent.inputClosed: drain(context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(context)
    }

    // MARK: - Answering

    private func answerEvents(_ context: ChannelHandlerContext) {
        guard let session else { return }
        for event in session.takeEvents() {
            switch event {
            case .refused(let id, let fault): session.answer(id, plane.answer(fault))
            case .request(let id, let head, let body):
                answer(id, PlaneRequest(head: head, body: body, from: context.channel.remoteAddress), context)
            }
        }
    }

    /// A request whose stream is reset is answered to its end all the same: what is under way is counted here, not by
    /// the streams that are open (CVE-2023-44487).
    private func answer(_ id: Int32, _ request: PlaneRequest, _ context: ChannelHandlerContext) {
        if let response = plane.answerAtOnce(request) { return give(id, response) }
        guard requestsUnderWay < HTTP2Limits.streams, load.begin() else { return give(id, plane.answer(.overloaded)) }
        requestsUnderWay += 1
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        Task { [plane, load] in
            let response = await plane.answer(request)
            load.end()
            bound.eventLoop.execute {
                let (handler, context) = bound.value
                handler.requestsUnderWay -= 1
                handler.give(id, response)
                handler.sendSoon(context)
            }
        }
    }

    private func give(_ id: Int32, _ response: PlaneResponse) {
        session?.answer(id, response)
    }

    // MARK: - Sending

    /// Answers that become ready in one turn of the event loop go out together.
    private func sendSoon(_ context: ChannelHandlerContext) {
        guard !sendsSoon else { return }
        sendsSoon = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let (handler, context) = bound.value
            handler.sendsSoon = false
            handler.send(context)
        }
    }

    private func send(_ context: ChannelHandlerContext) {
        guard let session, context.channel.isActive else { return }
        while context.channel.isWritable {
            let bytes = encoded(session)
            guard bytes.readableBytes > 0 else { break }
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }
        if !context.channel.isWritable { return stuckSince = stuckSince ?? .now() }
        stuckSince = nil
        if session.hasFailed || session.hasEnded || (isDraining && session.streams.isEmpty) { closeSoon(context) }
    }

    private func encoded(_ session: HTTP2Session) -> ByteBuffer {
        room.clear()
        repeat {
            while room.readableBytes < HTTP2Limits.output, let bytes = session.output() { room.writeBytes(bytes) }
        } while session.stopUnread() && room.readableBytes < HTTP2Limits.output
        return room
    }

    // MARK: - Time and the end

    private static let tick = TimeAmount.milliseconds(500)

    private func check(_ context: ChannelHandlerContext) {
        guard let session, !isClosing else { return }
        let now = NIODeadline.now()
        if let stuckSince, stuckSince + limits.answerDeadline < now { return close(context) }
        session.expire(at: now)
        answerEvents(context)
        if session.streams.isEmpty && (load.isCrowded && session.hasServed || idleUntil(session) < now) {
            return drain(context)
        }
        send(context)
    }

    /// Frames that ask for nothing do not make a connection less idle.
    private func idleUntil(_ session: HTTP2Session) -> NIODeadline {
        session.idleSince + (session.hasServed ? limits.idleDeadline : limits.headDeadline)
    }

    private func drain(_ context: ChannelHandlerContext) {
        guard let session, !isDraining, !isClosing else { return }
        isDraining = true
        session.goAway()
        send(context)
    }

    /// To close while the peer still sends would reset the connection before it has read why.
    private func closeSoon(_ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.tick) {
            let (handler, context) = bound.value
            handler.close(context)
        }
    }

    private func close(_ context: ChannelHandlerContext) {
        isClosing = true
        context.close(promise: nil)
    }
}
