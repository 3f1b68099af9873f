import Issuer
import NIOCore

/// The fast path: answers the requests that come in their thousands from the bytes of one read.
///
/// **What it takes.** One whole request in the shape of ``UsualRequest``, alone in what was read, for which
/// ``HotPaths`` has an answer: the discovery document, the JWK Set, and a token in GitHub's shape. No value of
/// `HTTPRequestHead`, no string, no task is made. Everything else goes, unchanged and whole, to the handlers behind:
/// the decoder, `HTTPServerPipelineHandler` and ``ConnectionHandler``, which know nothing of this one.
///
/// **What holds all the same.** The deadlines, which are told of the phases by the same events; the bounds on work
/// under way; every check of a token, for the functions are the same; and the bytes of the answers, which a test
/// compares. Answers keep the order of their requests, because there is one request at a time: while it is answered,
/// here or behind, nothing more is read, and what was read already is held.
///
/// **Who has the connection.** Here it begins. A whole request is *lent* to the handlers behind and comes back when the
/// peer has its answer, for nothing of it can be left in the decoder. Bytes that are no such request, and a connection
/// that is about to end, are *given*: from then on this handler only passes on.
///
/// **Tokens.** Decided when the request is read, signed by ``TokenRound`` after everything that the same turn of the
/// event loop brought was read, and written when their records are durable.
final class FastPathHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case waiting
        /// The request is kept for the case that the handlers behind have to answer it after all.
        case answering(ByteBuffer)
        case lent
        case given
        case closed
    }

    /// How long an idle connection waits for a request when the issuer stops.
    private static let lastRequest = TimeAmount.milliseconds(50)

    private let paths: HotPaths
    private let load: ServerLoad
    private let isSecure: Bool
    private let round: TokenRound
    /// The handler before this one.
    private let deadlines: DeadlineHandler
    private var state = State.waiting
    private var context: ChannelHandlerContext?
    /// What was read while a request was under way.
    private var held: ByteBuffer?
    private var readIsDue = false
    /// Events that would have the handlers behind, who see an idle connection, close it before its answer.
    private var heldEvents: [Any] = []

    init(paths: HotPaths, load: ServerLoad, isSecure: Bool, round: TokenRound, deadlines: DeadlineHandler) {
        self.paths = paths
        self.load = load
        self.isSecure = isSecure
        self.round = round
        self.deadlines = deadlines
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        state = .closed
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        held = nil
        context.fireChannelInactive()
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .given: context.fireChannelRead(data)
        case .waiting: take(unwrapInboundIn(data), context)
        case .answering, .lent: hold(unwrapInboundIn(data))
        case .closed: break
        }
    }

    func read(context: ChannelHandlerContext) {
        switch state {
        case .waiting, .given: context.read()
        // To stop reading and to begin again are two system calls: not for a request that is over in a moment.
        case .answering where held == nil: context.read()
        case .answering, .lent: readIsDue = true
        case .closed: break
        }
    }

    private func hold(_ buffer: ByteBuffer) {
        var buffer = buffer
        if held?.writeBuffer(&buffer) == nil { held = buffer }
    }

    private func take(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        guard heldEvents.isEmpty else { return giveEnding(buffer, context) }
        let bytes = buffer.readableBytesUInt8Span
        guard let request = UsualRequest(bytes) else { return give(buffer, context) }
        guard request.keepsAlive else { return give(buffer, context) }
        guard context.channel.isWritable else { return lend(buffer, context) }
        if let answers = paths.documents?.documentAtOnce(request, in: bytes) {
            let isHead = request.method == .head
            return answer(isHead ? answers.whole.headBytes(framing) : answers.whole.bytes(framing), context)
        }
        guard let token = paths.tokens?.tokenAtOnce(request, in: bytes, hasRoom: round.hasRoom) else {
            return lend(buffer, context)
        }
        switch token {
        case .refused(let refusal): answer(refusal.bytes(framing), context)
        case .prepared(let token, let job, let now):
            begin(buffer)
            guard let issuer = paths.tokens?.issuer, load.begin() else { return writeOverloaded() }
            let entry = TokenRound.Entry(handler: self, issuer: issuer, token: token, job: job, now: now)
            if !round.add(entry) { refuse() }
        }
    }

    /// The handlers behind have the connection from now on.
    private func give(_ buffer: ByteBuffer?, _ context: ChannelHandlerContext) {
        state = .given
        if let buffer { context.fireChannelRead(wrapInboundOut(buffer)) }
        if let held {
            self.held = nil
            context.fireChannelRead(wrapInboundOut(held))
            context.fireChannelReadComplete()
        }
        readIfDue(context)
    }

    /// The handlers behind answer this one request.
    private func lend(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        state = .lent
        context.fireChannelRead(wrapInboundOut(buffer))
    }

    private func readIfDue(_ context: ChannelHandlerContext) {
        guard readIsDue else { return }
        readIsDue = false
        context.read()
    }

    // MARK: - Events

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        let isEnding = event is ChannelShouldQuiesceEvent || event as? ChannelEvent == .inputClosed
        switch state {
        case .answering where isEnding: heldEvents.append(event)
        case .waiting where event is ChannelShouldQuiesceEvent: linger(event, context)
        case .lent where isEnding:
            give(nil, context)
            context.fireUserInboundEventTriggered(event)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// A request may be on its way already: to close on it would cost its client an attempt (RFC 9112 §9.3.1).
    private func linger(_ event: Any, _ context: ChannelHandlerContext) {
        heldEvents.append(event)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.lastRequest) {
            let (handler, context) = bound.value
            if case .waiting = handler.state { handler.giveEnding(nil, context) }
        }
    }

    /// The handlers behind answer this last request, if there is one, and end the connection.
    private func giveEnding(_ buffer: ByteBuffer?, _ context: ChannelHandlerContext) {
        give(buffer, context)
        let events = heldEvents
        heldEvents = []
        for event in events { context.fireUserInboundEventTriggered(event) }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        context.triggerUserOutboundEvent(event, promise: promise)
        if case .lent = state, event is DeadlineHandler.AnswerTaken { settle(context) }
    }

    // MARK: - Answering

    private func begin(_ request: ByteBuffer) {
        // A copy of a few hundred bytes: the channel reads into the same large buffer again.
        state = .answering(ByteBuffer(bytes: request.readableBytesView))
        deadlines.enter(.answer)
    }

    /// Answers with what is there already.
    private func answer(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        state = .answering(ByteBuffer())
        deadlines.enter(.answer)
        write(bytes, context)
        context.flush()
    }

    private var framing: AnswerHead.Framing {
        AnswerHead.Framing(isSecure: isSecure, keepsAlive: heldEvents.isEmpty)
    }

    /// Whether somebody still waits for the answer.
    var isAwaited: Bool {
        if case .answering = state { true } else { false }
    }

    /// Writes the answer of what was decided without a signature.
    func write(_ answer: PlaneResponse) {
        guard let context, isAwaited else { return }
        var bytes = context.channel.allocator.buffer(capacity: 512 + answer.body.readableBytes)
        AnswerHead(answer).write(length: answer.body.readableBytes, framing, to: &bytes)
        bytes.writeImmutableBuffer(answer.body)
        write(bytes, context)
        context.flush()
    }

    /// Writes the answer, or has it made behind; the caller flushes.
    func write(_ outcome: ReleaseOutcome) {
        load.end()
        switch outcome {
        case .released(let token):
            paths.tokens?.countToken(token)
            guard let context, isAwaited else { return }
            let length = RunnerPlane.lengthOfGitHubToken(token.compact)
            var bytes = context.channel.allocator.buffer(capacity: 384 + length)
            RunnerPlane.gitHubTokenHead.write(length: length, framing, to: &bytes)
            RunnerPlane.writeGitHubToken(token.compact, to: &bytes)
            write(bytes, context)
        case .failed(let error):
            if let answer = paths.tokens?.answerAtOnce(to: error) { write(answer) }
        case .undecided:
            guard let context, case .answering(let request) = state else { return }
            lend(request, context)
        }
    }

    /// Writes the answer to a request before which there is too much.
    func refuse() {
        load.end()
        writeOverloaded()
    }

    private func writeOverloaded() {
        guard let refusal = paths.tokens?.overloadedAtOnce(), let context, isAwaited else { return }
        write(refusal.bytes(framing), context)
        context.flush()
    }

    /// The request is of nobody's concern any more.
    func abandon() {
        load.end()
    }

    func flush() {
        context?.flush()
    }

    private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let written = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in
            let (handler, context) = bound.value
            handler.deadlines.answerTaken()
            handler.settle(context)
        }
        context.write(wrapOutboundOut(bytes), promise: written)
    }

    /// The peer has its answer.
    ///
    /// What is held is taken in a call of its own: requests that come one behind the other must not deepen the stack.
    private func settle(_ context: ChannelHandlerContext) {
        if case .closed = state { return }
        guard heldEvents.isEmpty else { return end(context) }
        if held == nil {
            state = .waiting
            return readIfDue(context)
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let (handler, context) = bound.value
            handler.takeHeld(context)
        }
    }

    private func takeHeld(_ context: ChannelHandlerContext) {
        switch state {
        case .answering, .lent: break
        case .waiting, .given, .closed: return
        }
        guard heldEvents.isEmpty else { return end(context) }
        state = .waiting
        if let buffer = held {
            held = nil
            take(buffer, context)
            context.fireChannelReadComplete()
        }
        if case .waiting = state { readIfDue(context) }
    }

    /// The answer said that the connection closes after it.
    private func end(_ context: ChannelHandlerContext) {
        state = .closed
        held = nil
        context.close(promise: nil)
    }
}
