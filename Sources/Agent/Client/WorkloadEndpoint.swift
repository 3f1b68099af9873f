package import JOSE

/// Where a Workload API is to be found (SPIFFE Workload Endpoint §4): `unix:///path` or `tcp://IP:port`.
package enum WorkloadEndpoint: Hashable, Sendable {
    /// The absolute path of a Unix socket.
    case unix(path: String)
    /// An address and a port; never a name, which others may answer for.
    case tcp(address: IPAddress, port: UInt16)

    /// The variable that says where, for those who are not told otherwise (§4).
    package static let variable = "SPIFFE_ENDPOINT_SOCKET"

    /// Reads an endpoint; a bare absolute path is the socket of that path.
    package init(parsing text: ByteString) throws(WorkloadEndpointError) {
        if text.hasPrefix("/") {
            self = .unix(path: try Self.path(text))
        } else if text.hasPrefix("unix:") {
            self = .unix(path: try Self.path(ByteString(text.bytes.dropFirst("unix:".utf8.count))))
        } else if text.hasPrefix("tcp:") {
            self = try Self.tcp(ByteString(text.bytes.dropFirst("tcp:".utf8.count)))
        } else {
            throw .schemeInvalid
        }
    }

    /// The endpoint as it is written in ``variable``.
    package var text: String {
        switch self {
        case .unix(let path): "unix://" + path
        case .tcp(.v4(let address), let port): "tcp://\(address):\(port)"
        case .tcp(.v6(let address), let port): "tcp://[\(address)]:\(port)"
        }
    }

    /// The path of `/path` or `///path`: there is no authority before it.
    private static func path(_ rest: ByteString) throws(WorkloadEndpointError) -> String {
        let path = rest.hasPrefix("//") ? ByteString(rest.bytes.dropFirst(2)) : rest
        guard path.hasPrefix("/"), !path.hasPrefix("//"), path.count > 1 else { throw .pathInvalid }
        let forbidden = [UInt8(ascii: "?"), UInt8(ascii: "#"), 0]
        guard !path.bytes.contains(where: forbidden.contains), let text = String(validating: path.bytes, as: UTF8.self)
        else { throw .pathInvalid }
        guard SocketPath.fits(text) else { throw .pathTooLong }
        return text
    }

    private static func tcp(_ rest: ByteString) throws(WorkloadEndpointError) -> WorkloadEndpoint {
        guard rest.hasPrefix("//"), let text = String(validating: rest.bytes.dropFirst(2), as: UTF8.self),
            let colon = text.lastIndex(of: ":")
        else { throw .addressInvalid }
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(digits), port > 0
        else { throw .portInvalid }
        guard let address = IPAddress(bracketed: text[..<colon]) else { throw .addressInvalid }
        return .tcp(address: address, port: port)
    }
}
