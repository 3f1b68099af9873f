import NIOHTTP1

extension HTTPRequestHead {
    /// Why the request is refused by its head alone (RFC 9112 §3, §6); nil for one that may go on.
    func fault(within limits: RequestLimits) -> RequestFault? {
        if uri.utf8.count > limits.headerLine { return .targetTooLong }
        if headers.contains(name: "Content-Length") && headers.contains(name: "Transfer-Encoding") {
            return .ambiguousFraming
        }
        if headers["Content-Length"].count > 1 || headers["Transfer-Encoding"].count > 1 { return .ambiguousFraming }
        let hosts = headers["Host"]
        if hosts.count > 1 || (hosts.isEmpty && version != .http1_0) { return .hostMissing }
        if method == .CONNECT || !uri.utf8.starts(with: "/".utf8) { return .malformedRequest }
        if let length = headers.first(name: "Content-Length").flatMap({ Int($0) }), length > limits.body {
            return .bodyTooLarge
        }
        return nil
    }

    /// Whether another request may follow.
    ///
    /// After an `Upgrade` the decoder waits for the other protocol, which we have not.
    var letsAnotherFollow: Bool {
        isKeepAlive && !headers.contains(name: "Upgrade")
    }

    /// Whether the peer waits for a word before it sends the body (RFC 9110 §10.1.1).
    var expectsContinue: Bool {
        headers["Expect"].contains { $0.lowercased() == "100-continue" }
    }
}
