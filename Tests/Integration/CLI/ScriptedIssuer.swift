import NIOCore
import NIOPosix
import Synchronization

/// A server that answers each path with the bytes it was told to, and then closes the connection.
final class ScriptedIssuer: Sendable {
    private let answers = Mutex<[String: String]>([:])
    private let paths = Mutex<[String]>([])
    private let channel = Mutex<(any Channel)?>(nil)

    /// `http://127.0.0.1:PORT`.
    var url: String {
        "http://127.0.0.1:\(channel.withLock { $0?.localAddress?.port } ?? 0)"
    }

    /// The paths that were asked for.
    var asked: [String] { paths.withLock { $0 } }

    func start() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(issuer: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        channel.withLock { $0 = server }
    }

    func stop() async throws {
        try await channel.withLock { $0 }?.close()
    }

    /// `URL` in the body stands for ``url``.
    func answer(_ path: String, status: String = "200 OK", headers: String = "", _ body: String) {
        let body = body.split(separator: "URL", omittingEmptySubsequences: false).joined(separator: url)
        answers.withLock {
            $0[path] =
                "HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
        }
    }

    /// An answer that promises more than ever comes.
    func neverEnd(_ path: String) {
        answers.withLock { $0[path] = "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{" }
    }

    private func answer(to path: String) -> String {
        paths.withLock { $0.append(path) }
        return answers.withLock { $0[path] } ?? "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let issuer: ScriptedIssuer
        private var head = ""

        init(issuer: ScriptedIssuer) {
            self.issuer = issuer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            head += String(buffer: unwrapInboundIn(data))
            guard head.contains("\r\n\r\n") else { return }
            let path = head.split(separator: " ").dropFirst().first.map(String.init) ?? ""
            head = ""
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: issuer.answer(to: path))), promise: nil)
        }
    }
}
