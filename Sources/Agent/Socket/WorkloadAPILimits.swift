/// How much a socket carries at once; what is beyond waits or is turned away with Unavailable, so that it comes again.
package struct WorkloadAPILimits: Hashable, Sendable {
    /// Connections; one more is closed at once.
    package let connections: Int
    /// Requests, watches among them, on one connection; the client holds back one more (RFC 9113 §5.1.2).
    package let requestsPerConnection: Int
    /// Requests, watches among them, on all connections.
    package let requests: Int

    package init(connections: Int = 4096, requestsPerConnection: Int = 128, requests: Int = 8192) {
        self.connections = connections
        self.requestsPerConnection = requestsPerConnection
        self.requests = requests
    }
}
