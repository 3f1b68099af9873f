import NIOCore

/// Bounds every phase of a connection: waiting for a request, its head, its body, its answer.
///
/// Sits before the decoder, so that a single byte already counts; ``ConnectionHandler`` tells it of the phases by
/// outbound events.
final class DeadlineHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What a connection is waiting for.
    enum Phase: Sendable {
        case firstHead
        case nextRequest
        case head
        case body
        case answer
    }

    /// Sent outbound when the peer has taken the whole answer.
    struct AnswerTaken: Sendable {}

    /// Sent inbound when a bound is exceeded.
    enum Exceeded: Sendable {
        case time(Phase)
        /// The decoder bounds the header lines, but neither the request line nor what is not yet a header line.
        case requestLineLength
        case headSize
    }

    private let limits: RequestLimits
    private let load: ServerLoad
    private var phase = Phase.firstHead
    private var deadline = NIODeadline.distantFuture
    private let clock: DeadlineClock
    private var context: ChannelHandlerContext?
    private var headBytes = 0
    private var requestLineHasEnded = false

    init(limits: RequestLimits, load: ServerLoad, clock: DeadlineClock) {
        self.limits = limits
        self.load = load
        self.clock = clock
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        enter(.firstHead)
        clock.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        clock.remove(self)
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        clock.remove(self)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if phase == .nextRequest { enter(.head) }
        if phase == .head || phase == .firstHead, let exceeded = countHead(unwrapInboundIn(data)) {
            return context.fireUserInboundEventTriggered(exceeded)
        }
        context.fireChannelRead(data)
    }

    /// Method and version add at most 64 bytes to the target of a request line.
    private func countHead(_ buffer: ByteBuffer) -> Exceeded? {
        if headBytes > limits.headers + limits.headerLine { return .headSize }
        if !requestLineHasEnded {
            let view = buffer.readableBytesView
            let end = view.firstIndex(of: UInt8(ascii: "\n"))
            let lineBytes = headBytes + view.distance(from: view.startIndex, to: end ?? view.endIndex)
            if lineBytes > limits.headerLine + 64 { return .requestLineLength }
            requestLineHasEnded = end != nil
        }
        headBytes += buffer.readableBytes
        return nil
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        switch event {
        case let next as Phase: enter(next)
        case is AnswerTaken: answerTaken()
        default: return context.triggerUserOutboundEvent(event, promise: promise)
        }
        promise?.succeed(())
    }

    /// The peer has taken the whole answer.
    func answerTaken() {
        if phase == .answer { enter(.nextRequest) }
    }

    func enter(_ next: Phase) {
        phase = next
        headBytes = 0
        requestLineHasEnded = false
        deadline = .now() + allowance(next)
    }

    /// Who is idle gives way when the server is crowded, so that idle connections cannot shut others out.
    func check() {
        let givesWay = phase == .nextRequest && load.isCrowded
        guard givesWay || deadline < .now(), let context else { return }
        deadline = .distantFuture
        context.fireUserInboundEventTriggered(Exceeded.time(phase))
    }

    private func allowance(_ phase: Phase) -> TimeAmount {
        switch phase {
        case .firstHead, .head: limits.headDeadline
        case .nextRequest: limits.idleDeadline
        case .body: limits.bodyDeadline
        case .answer: limits.answerDeadline
        }
    }
}
