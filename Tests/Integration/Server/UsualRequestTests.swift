import NIOCore
import Testing

@testable import Server

/// What the fast path takes for a request: one spelling of each thing, and nothing that two parsers could read in two
/// ways (threats F01).
@Suite struct UsualRequestTests {
    private static let usual =
        "GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nAuthorization: bearer t\r\nX-Other: y z\r\n\r\n"

    private func read(_ text: String) -> UsualRequest? {
        let buffer = ByteBuffer(string: text)
        return UsualRequest(buffer.readableBytesUInt8Span)
    }

    @Test func `the parts of a usual request are found`() throws {
        let bytes = Array(Self.usual.utf8)
        let request = try #require(read(Self.usual))
        #expect(request.method == .get)
        #expect(bytes[request.path].elementsEqual("/a/b".utf8))
        #expect(try bytes[#require(request.query)].elementsEqual("c=d".utf8))
        #expect(try bytes[#require(request.authorization)].elementsEqual("bearer t".utf8))
        #expect(request.isPlain && request.keepsAlive && request.contentLength == nil)
    }

    @Test func `no beginning of a request and nothing behind it is one`() {
        let bytes = Array(Self.usual.utf8)
        for length in bytes.indices {
            #expect(UsualRequest(ByteBuffer(bytes: bytes[..<length]).readableBytesUInt8Span) == nil)
        }
        #expect(read(Self.usual + "G") == nil)
        #expect(read(Self.usual + Self.usual) == nil)
        #expect(read("\r\n" + Self.usual) == nil)
    }

    @Test func `more header lines than usual are for the decoder, which bounds them`() {
        let lines = String(repeating: "X: y\r\n", count: UsualRequest.maximumHeaders - 1)
        #expect(read("GET / HTTP/1.1\r\nHost: x\r\n\(lines)\r\n") != nil)
        #expect(read("GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n\(lines)\r\n") == nil)
        #expect(UsualRequest.maximumHeaders <= RequestLimits().headerCount)
    }

    @Test func `a body is as long as its length says`() throws {
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
        #expect(try #require(read(head + "abc")).contentLength == 3)
        #expect(read(head + "ab") == nil)
        #expect(read(head + "abcd") == nil)
    }

    @Test(arguments: [
        "Transfer-Encoding: chunked", "TRANSFER-ENCODING: identity", "Upgrade: h2c", "Expect: 100-continue",
        "Trailer: x", "TE: trailers", "Host: y", "Authorization: bearer u", "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length: +0", "Content-Length: 0 ", "Content-Length: 00000", "Content-Length: 0, 0", "X-A:b", "X-A:  b",
        "X-A: b ", "X-A : b", " X-A: b", "X-A:", "X-A: ", "X-A: b\tc", "X-A: b\u{0}c", "X-A: ä", "X(A): b", "X-A",
        "X-A: b\r", "X-A: b\nX-B: c", "Connection: close\r\nConnection: keep-alive",
    ])
    func `what parsers read differently is for the decoder`(header: String) {
        let request = "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: bearer t\r\n\(header)\r\n\r\n"
        #expect(read(request) == nil)
    }

    @Test(arguments: [
        "get / HTTP/1.1", "GET  / HTTP/1.1", "GET / HTTP/1.0", "GET / HTTP/1.1 ", "GET /  HTTP/1.1", "GET x HTTP/1.1",
        "GET http://x/ HTTP/1.1", "OPTIONS * HTTP/1.1", "CONNECT x:1 HTTP/1.1", "GET /#f HTTP/1.1", "GET /ä HTTP/1.1",
        "GET /\t HTTP/1.1", "GET / http/1.1", "GET /",
    ])
    func `another request line is for the decoder`(line: String) {
        #expect(read("\(line)\r\nHost: x\r\n\r\n") == nil)
    }

    @Test func `a request without a host is for the decoder`() {
        #expect(read("GET / HTTP/1.1\r\nX-A: b\r\n\r\n") == nil)
        #expect(read("GET / HTTP/1.1\r\n\r\n") == nil)
    }

    @Test func `a large request is for the decoder`() {
        let padding = String(repeating: "a", count: UsualRequest.maximumLength)
        #expect(read("GET / HTTP/1.1\r\nHost: x\r\nX-A: \(padding)\r\n\r\n") == nil)
    }

    @Test func `what has a say in the answer is noticed`() throws {
        for header in ["If-None-Match: \"x\"", "content-encoding: gzip"] {
            #expect(try !#require(read("GET / HTTP/1.1\r\nHost: x\r\n\(header)\r\n\r\n")).isPlain)
        }
        #expect(try !#require(read("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).keepsAlive)
        #expect(try #require(read("GET / HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n")).keepsAlive)
    }
}
