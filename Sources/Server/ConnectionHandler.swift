import JOSE
import Logging
import NIOCore
import NIOHTTP1

/// Reads one request at a time off a connection, has it answered, writes the answer.
///
/// `HTTPServerPipelineHandler` stands before it: a pipelined request arrives only after the answer before it.
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

    private let plane: any Plane
    private let limits: RequestLimits
    private let load: ServerLoad
    private let isSecure: Bool
    private var state = State.waiting

    init(plane: any Plane, limits: RequestLimits, load: ServerLoad, isSecure: Bool) {
        self.plane = plane
        self.limits = limits
        self.load = load
        self.isSecure = isSecure
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(let buffer): append(buffer, context)
        case .end: finish(context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let exceeded = event as? DeadlineHandler.Exceeded else {
            return context.fireUserInboundEventTriggered(event)
        }
        switch exceeded {
        case .time(.body): refuse(.tooSlow, context)
        case .time(.head): refuseUnreadHead(.tooSlow, context)
        case .time: close(context)
        case .requestLineLength: refuseUnreadHead(.targetTooLong, context)
        case .headSize: refuseUnreadHead(.headersTooLarge, context)
        }
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
        if let fault = Self.fault(in: head, limits: limits) { return refuse(fault, context) }
        context.triggerUserOutboundEvent(DeadlineHandler.Phase.body, promise: nil)
        state = .reading(head, [])
    }

    private func append(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        guard case .reading(let head, var body) = state else { return }
        guard body.count + buffer.readableBytes <= limits.body else {
            return refuse(.bodyTooLarge, context)
        }
        state = .waiting
        body.append(contentsOf: buffer.readableBytesView)
        state = .reading(head, body)
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard case .reading(let head, let body) = state else { return }
        state = .answering
        context.triggerUserOutboundEvent(DeadlineHandler.Phase.answer, promise: nil)
        let request = PlaneRequest(head: head, body: body)
        let keepAlive = head.isKeepAlive
        if let response = plane.answerAtOnce(request) {
            return write(response, isHead: head.method == .HEAD, keepingAlive: keepAlive, context)
        }
        guard load.begin() else {
            return write(plane.answer(.overloaded), isHead: head.method == .HEAD, keepingAlive: keepAlive, context)
        }
        answer(request, keepingAlive: keepAlive, context)
    }

    private func answer(_ request: PlaneRequest, keepingAlive: Bool, _ context: ChannelHandlerContext) {
        let plane = plane
        let load = load
        let isHead = request.method == .HEAD
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        Task {
            let response = await plane.answer(request)
            load.end()
            eventLoop.execute {
                let (handler, context) = bound.value
                handler.write(response, isHead: isHead, keepingAlive: keepingAlive, context)
            }
        }
    }

    // MARK: - Writing

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

    private func write(
        _ response: PlaneResponse,
        isHead: Bool,
        keepingAlive: Bool,
        _ context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else { return }
        var head = HTTPResponseHead(version: .http1_1, status: response.status, headers: response.headers)
        if response.status != .noContent && response.status != .notModified {
            head.headers.replaceOrAdd(name: "Content-Length", value: String(response.body.count))
        }
        head.headers.add(name: "Date", value: HTTPDate.now)
        head.headers.add(name: "X-Content-Type-Options", value: "nosniff")
        if isSecure { head.headers.add(name: "Strict-Transport-Security", value: "max-age=31536000") }
        if !keepingAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead && !response.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: response.body)))), promise: nil)
        }
        // A pipelined request is delivered while the end is written: the state must be ready for it.
        if keepingAlive { state = .waiting }
        let written = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in
            let (handler, context) = bound.value
            handler.didWrite(keepingAlive: keepingAlive, context)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    private func didWrite(keepingAlive: Bool, _ context: ChannelHandlerContext) {
        context.triggerUserOutboundEvent(DeadlineHandler.AnswerTaken(), promise: nil)
        if keepingAlive { return }
        guard case .discarding = state else { return close(context) }
        // To close while the peer still sends would reset the connection before it has read why it was refused.
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) { self.close(context) }
    }

    private func close(_ context: ChannelHandlerContext) {
        state = .closing
        context.close(promise: nil)
    }

    // MARK: - Faults

    private static func fault(in head: HTTPRequestHead, limits: RequestLimits) -> RequestFault? {
        let headers = head.headers
        if head.uri.utf8.count > limits.headerLine { return .targetTooLong }
        if headers.contains(name: "Content-Length") && headers.contains(name: "Transfer-Encoding") {
            return .ambiguousFraming
        }
        if headers["Content-Length"].count > 1 || headers["Transfer-Encoding"].count > 1 { return .ambiguousFraming }
        let hosts = headers["Host"]
        if hosts.count > 1 || (hosts.isEmpty && head.version != .http1_0) { return .hostMissing }
        if head.method == .CONNECT || !head.uri.utf8.starts(with: "/".utf8) { return .malformedRequest }
        if let length = headers.first(name: "Content-Length").flatMap({ Int($0) }), length > limits.body {
            return .bodyTooLarge
        }
        return nil
    }
}
