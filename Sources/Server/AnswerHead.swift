import NIOCore
import NIOHTTP1

/// The head of an answer, once for both ways: as the encoder's value, and as the bytes that the encoder makes of it.
struct AnswerHead: Sendable {
    /// What the connection adds to every answer.
    struct Framing: Hashable, Sendable {
        let isSecure: Bool
        let keepsAlive: Bool
    }

    private let response: PlaneResponse
    /// The status line and the plane's headers.
    private let beginning: [UInt8]

    /// Of any answer with the status and the headers of `response`.
    init(_ response: PlaneResponse) {
        self.response = PlaneResponse(status: response.status, headers: response.headers)
        var text = "HTTP/1.1 \(response.status.code) \(response.status.reasonPhrase)\r\n"
        for (name, value) in response.headers { text += "\(name): \(value)\r\n" }
        beginning = Array(text.utf8)
    }

    /// The value for the encoder.
    static func value(of response: PlaneResponse, _ framing: Framing) -> HTTPResponseHead {
        var head = HTTPResponseHead(version: .http1_1, status: response.status, headers: response.headers)
        if hasLength(response) {
            head.headers.replaceOrAdd(name: "Content-Length", value: String(response.body.readableBytes))
        }
        head.headers.add(name: "Date", value: HTTPDate.now)
        head.headers.add(name: "X-Content-Type-Options", value: "nosniff")
        if framing.isSecure { head.headers.add(name: "Strict-Transport-Security", value: "max-age=31536000") }
        if !framing.keepsAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        return head
    }

    /// Writes the same head, for a body of `length` bytes.
    func write(length: Int, _ framing: Framing, to buffer: inout ByteBuffer) {
        buffer.writeBytes(beginning)
        if Self.hasLength(response) {
            buffer.writeStaticString("Content-Length: ")
            buffer.writeString(String(length))
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString("Date: ")
        buffer.writeString(HTTPDate.now)
        buffer.writeStaticString("\r\nX-Content-Type-Options: nosniff\r\n")
        if framing.isSecure { buffer.writeStaticString("Strict-Transport-Security: max-age=31536000\r\n") }
        if !framing.keepsAlive { buffer.writeStaticString("Connection: close\r\n") }
        buffer.writeStaticString("\r\n")
    }

    private static func hasLength(_ response: PlaneResponse) -> Bool {
        response.status != .noContent && response.status != .notModified
    }
}
