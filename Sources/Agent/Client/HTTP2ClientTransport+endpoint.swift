import GRPCNIOTransportHTTP2Posix

extension HTTP2ClientTransport.Posix {
    /// Connects to where a Workload API is, in plain text (Workload Endpoint §3.1).
    init(workloadEndpoint endpoint: WorkloadEndpoint) throws {
        try self.init(
            target: endpoint.target,
            transportSecurity: .plaintext,
            config: .defaults { config in
                config.backoff.initial = .milliseconds(100)
                config.backoff.max = .seconds(5)
                // A path is no authority: some servers refuse it.
                config.http2.authority = "localhost"
            }
        )
    }
}

extension WorkloadEndpoint {
    fileprivate var target: any ResolvableTarget {
        switch self {
        case .unix(let path): .unixDomainSocket(path: path)
        case .tcp(.v4(let address), let port): .ipv4(address: address, port: Int(port))
        case .tcp(.v6(let address), let port): .ipv6(address: address, port: Int(port))
        }
    }
}
