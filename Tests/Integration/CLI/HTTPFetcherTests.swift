import NIOCore
import NIOPosix
import Testing

@testable import CLI

/// A server that never comes to an end.
@Suite struct HTTPFetcherTests {
    /// A server that answers with a beginning at once and then with a little every few milliseconds.
    private func dripping(_ head: String, _ drop: String, _ body: (String) async throws -> Void) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.writeAndFlush(ByteBuffer(string: head), promise: nil)
                channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) { task in
                    guard channel.isActive else { return }
                    channel.writeAndFlush(ByteBuffer(string: drop)).whenFailure { _ in task.cancel() }
                }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        try await body("http://127.0.0.1:\(port)/a")
        try await server.close()
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [("HTTP/1.1 200 OK\r\nA: ", "b"), ("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", " ")]
    )
    func `an answer that drips is given up`(head: String, drop: String) async throws {
        try await dripping(head, drop) { url in
            let failure = await #expect(throws: CommandFailure.self) {
                _ = try await HTTPFetcher(limit: .milliseconds(300)).get(url)
            }
            #expect(failure?.message.contains("no answer in time") == true)
        }
    }
}
