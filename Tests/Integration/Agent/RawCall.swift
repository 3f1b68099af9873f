import Agent
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import WorkloadAPI

/// Calls with any metadata, as a client that knows no better makes them.
enum RawCall {
    typealias Client = SpiffeWorkloadAPI.Client<HTTP2ClientTransport.Posix>

    /// The status of a call; nil where it succeeded.
    static func status(
        _ path: String,
        _ call: @Sendable (Client) async throws -> Void
    ) async throws -> RPCError? {
        let transport = try HTTP2ClientTransport.Posix(
            target: .unixDomainSocket(path: path, authority: "localhost"),
            transportSecurity: .plaintext
        )
        return try await withGRPCClient(transport: transport) { client in
            do {
                try await call(Client(wrapping: client))
                return nil
            } catch let error as RPCError {
                return error
            }
        }
    }

    static let secured: Metadata = ["workload.spiffe.io": "true"]

    static func secured(_ tokens: String...) -> Metadata {
        var metadata = secured
        for token in tokens { metadata.addString(token, forKey: "identity-exchange-token") }
        return metadata
    }
}
