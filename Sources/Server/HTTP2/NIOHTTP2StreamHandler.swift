import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// The other engine, for the measurement only.
final class NIOHTTP2StreamHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let plane: any Plane
    private let limits: RequestLimits
    private let load: ServerLoad
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isAnswered = false

    init(plane: any Plane, limits: RequestLimits, load: ServerLoad) {
        self.plane = plane
        self.limits = limits
        self.load = load
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let headers):
            guard head == nil else { return headers.endStream ? finish(context) : () }
            begin(headers.headers, context)
            if headers.endStream { finish(context) }
        case .data(let data):
            if case .byteBuffer(let buffer) = data.data {
                guard body.count + buffer.readableBytes <= limits.body else {
                    return write(plane.answer(.bodyTooLarge), context)
                }
                body.append(contentsOf: buffer.readableBytesView)
            }
            if data.endStream { finish(context) }
        default: return
        }
    }

    private func begin(_ fields: HPACKHeaders, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders()
        var method = ""
        var path = ""
        for (name, value, _) in fields {
            switch name {
            case ":method": method = value
            case ":path": path = value
            case ":authority": headers.add(name: "host", value: value)
            default: if !name.hasPrefix(":") { headers.add(name: name, value: value) }
            }
        }
        let head = HTTPRequestHead(
            version: HTTPVersion(major: 2, minor: 0),
            method: HTTPMethod(rawValue: method),
            uri: path,
            headers: headers
        )
        self.head = head
        if let fault = head.fault(within: limits) { write(plane.answer(fault), context) }
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard let head, !isAnswered else { return }
        let request = PlaneRequest(head: head, body: body, from: context.channel.remoteAddress)
        if let response = plane.answerAtOnce(request) { return write(response, context) }
        guard load.begin() else { return write(plane.answer(.overloaded), context) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        Task { [plane, load] in
            let response = await plane.answer(request)
            load.end()
            bound.eventLoop.execute {
                let (handler, context) = bound.value
                handler.write(response, context)
            }
        }
    }

    private func write(_ response: PlaneResponse, _ context: ChannelHandlerContext) {
        guard !isAnswered else { return }
        isAnswered = true
        var fields = HPACKHeaders()
        fields.reserveCapacity(response.headers.count + 5)
        fields.add(name: ":status", value: String(response.status.code))
        for (name, value) in response.headers { fields.add(name: name.lowercased(), value: value) }
        fields.add(name: "content-length", value: String(response.body.readableBytes))
        fields.add(name: "date", value: HTTPDate.now)
        fields.add(name: "x-content-type-options", value: "nosniff")
        fields.add(name: "strict-transport-security", value: "max-age=31536000")
        let hasBody = response.body.readableBytes > 0 && head?.method != .HEAD
        context.write(wrapOutboundOut(.headers(.init(headers: fields, endStream: !hasBody))), promise: nil)
        if hasBody {
            context.write(
                wrapOutboundOut(.data(.init(data: .byteBuffer(response.body), endStream: true))),
                promise: nil
            )
        }
        context.flush()
    }
}
