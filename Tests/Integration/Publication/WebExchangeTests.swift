// A server that never comes to an end.

import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import Publication

/// Says its text when it is asked.
private final class Answering: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let text: String

    init(text: String) {
        self.text = text
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }
}

@Suite struct WebExchangeTests {
    /// A server that answers with these bytes and then says nothing more.
    private func serve(_ text: String, _ body: (String) async throws -> Void) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.pipeline.addHandler(Answering(text: text))
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        try await body("http://127.0.0.1:\(port)/a")
        try await server.close()
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
    )
    func `an answer without an end is given up`(text: String) async throws {
        try await serve(text) { url in
            let began = ContinuousClock.now
            await #expect(throws: PublicationError.noAnswerInTime(url)) {
                try await WebExchange(.GET, url, limit: .milliseconds(300)).answer()
            }
            // By our limit, and not by the client's, which each further byte puts off.
            #expect(began.duration(to: .now) < .seconds(20))
        }
    }

    @Test func `an answer that is too large is given up`() async throws {
        let body = String(repeating: "x", count: 1_048_577)
        try await serve("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)") { url in
            await #expect(throws: PublicationError.answerTooLarge(url)) { try await WebExchange(.GET, url).answer() }
        }
    }

    @Test func `nobody there is told as such`() async throws {
        var free = ""
        try await serve("") { free = $0 }
        await #expect(throws: PublicationError.unreachable(free)) { try await WebExchange(.GET, free).answer() }
    }
}
