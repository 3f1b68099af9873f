import Issuer
import JOSE
import NIOCore

extension NetworkAddress {
    /// The address of a TCP peer; nil for a Unix socket.
    init?(_ socket: SocketAddress) {
        guard let text = socket.ipAddress else { return nil }
        self.init(ByteString(text))
    }
}
