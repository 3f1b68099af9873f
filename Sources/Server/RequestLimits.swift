package import NIOCore

/// How large and how slow a request may be.
package struct RequestLimits: Sendable {
    /// One header line, and the request target, in bytes.
    package var headerLine = 8 * 1024
    /// All header lines together, in bytes.
    package var headers = 16 * 1024
    package var headerCount = 64
    package var body = 64 * 1024
    /// From the connection, TLS handshake included, or from the first byte of a later request, to the end of its head.
    package var headDeadline = TimeAmount.seconds(5)
    /// From the end of the head to the end of the body.
    package var bodyDeadline = TimeAmount.seconds(10)
    /// From the end of the request until the last byte of the answer is taken by the peer.
    package var answerDeadline = TimeAmount.seconds(10)
    /// Between two requests.
    package var idleDeadline = TimeAmount.seconds(30)

    package init() {}
}
