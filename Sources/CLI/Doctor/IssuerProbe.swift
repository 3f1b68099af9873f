import ArgumentParser
import Server

/// One question to the issuer that runs on this machine, by its `--metrics`; for health checks without another program.
enum IssuerProbe: String, ExpressibleByArgument, CaseIterable {
    /// Its process answers: discovery and JWK Set are served.
    case live
    /// It would issue tokens now.
    case ready

    private var path: String {
        switch self {
        case .live: "/livez"
        case .ready: "/readyz"
        }
    }

    /// Asks at the address that `serve` was given; an answer that is late is none.
    func ask(_ sources: ConfigurationSources) async throws {
        guard let address = sources[.metrics].flatMap(ListenAddress.init(hostAndPort:)), address.isTCP else {
            throw CommandFailure.wrongConfiguration(
                "where? Give http.metrics in the file, or JOBSWORTH_METRICS=HOST:PORT, as to the issuer"
            )
        }
        let answer = try await HTTPFetcher(limit: .seconds(3)).get("http://\(address.fromHere)\(path)")
        guard answer.status == 200 else {
            throw CommandFailure.failed("not \(rawValue): \(address.fromHere)\(path) answers \(answer.status)")
        }
    }
}

extension ListenAddress {
    fileprivate var isTCP: Bool {
        if case .tcp = self { true } else { false }
    }

    /// The same listener, as a client on its machine names it: who listens everywhere listens on loopback.
    var fromHere: ListenAddress {
        switch self {
        case .tcp(host: "0.0.0.0", let port): .tcp(host: "127.0.0.1", port: port)
        case .tcp(host: "::", let port): .tcp(host: "::1", port: port)
        case .tcp, .unix: self
        }
    }
}
