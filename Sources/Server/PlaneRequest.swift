import Issuer
package import JOSE
package import Keys
package import NIOCore
package import NIOHTTP1

/// One whole request: its head within the limits, its body read to the end.
package struct PlaneRequest: Sendable {
    package let method: HTTPMethod
    /// The path's bytes as they came: nothing decoded, nothing normalised.
    package let path: ByteString
    /// What follows the first `?`, undecoded; nil without one.
    package let query: ByteString?
    package let headers: HTTPHeaders
    package let body: [UInt8]
    /// When it was taken up: all that is dated for it has this date, though the clock may be moved meanwhile.
    package private(set) var takenUpAt: NumericDate
    /// The uid at the other end of a Unix socket; nil on any other.
    package let peer: UInt32?

    private let remoteAddress: SocketAddress?

    /// `remoteAddress` is that of the connection's other end, as the kernel says it.
    package init(
        head: HTTPRequestHead,
        body: [UInt8],
        peer: UInt32? = nil,
        from remoteAddress: SocketAddress? = nil
    ) {
        let target = Array(head.uri.utf8)
        let mark = target.firstIndex(of: UInt8(ascii: "?"))
        method = head.method
        path = ByteString(target[..<(mark ?? target.endIndex)])
        query = mark.map { ByteString(target[($0 + 1)...]) }
        headers = head.headers
        self.body = body
        self.peer = peer
        takenUpAt = .now
        self.remoteAddress = remoteAddress
    }

    /// Who sent it: the other end of the connection, whatever headers say; nil on a Unix socket.
    ///
    /// Behind a proxy this is the proxy.
    var source: NetworkAddress? {
        remoteAddress.flatMap(NetworkAddress.init)
    }

    /// The same request, taken up at an instant of a clock that was looked at.
    func takenUp(at instant: NumericDate) -> PlaneRequest {
        var request = self
        request.takenUpAt = instant
        return request
    }
}
