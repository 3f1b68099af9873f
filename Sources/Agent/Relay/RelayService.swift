import Attestation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SwiftProtobuf
import WorkloadAPI

/// The methods of the Workload API, passed on to an agent with the job's token.
///
/// Nothing that the caller sends beside a request goes with it, a token of its own least of all.
struct RelayService: SpiffeWorkloadAPI.ServiceProtocol {
    typealias Upstream = SpiffeWorkloadAPI.Client<HTTP2ClientTransport.Posix>

    let upstream: Upstream
    let tokens: TokenSource
    /// How long a stream that the agent ended waits for the next token.
    let patience: Duration
    let board: ChangeBoard

    func fetchX509SVID(
        request: ServerRequest<X509SVIDRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<X509SVIDResponse> {
        stream(context) { [upstream, message = request.message] metadata, write in
            try await upstream.fetchX509SVID(message, metadata: metadata) {
                for try await message in $0.messages { try await write(message) }
            }
        }
    }

    func fetchX509Bundles(
        request: ServerRequest<X509BundlesRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<X509BundlesResponse> {
        stream(context) { [upstream, message = request.message] metadata, write in
            try await upstream.fetchX509Bundles(message, metadata: metadata) {
                for try await message in $0.messages { try await write(message) }
            }
        }
    }

    func fetchJWTBundles(
        request: ServerRequest<JWTBundlesRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<JWTBundlesResponse> {
        stream(context) { [upstream, message = request.message] metadata, write in
            try await upstream.fetchJWTBundles(message, metadata: metadata) {
                for try await message in $0.messages { try await write(message) }
            }
        }
    }

    func fetchJWTSVID(
        request: ServerRequest<JWTSVIDRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<JWTSVIDResponse> {
        let answer = try await once { try await upstream.fetchJWTSVID(request.message, metadata: $0) }
        return ServerResponse(message: answer)
    }

    func validateJWTSVID(
        request: ServerRequest<ValidateJWTSVIDRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<ValidateJWTSVIDResponse> {
        let answer = try await once { try await upstream.validateJWTSVID(request.message, metadata: $0) }
        return ServerResponse(message: answer)
    }

    func fetchWITSVID(
        request: ServerRequest<WITSVIDRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<WITSVIDResponse> {
        throw RPCError.witSVIDsNotOffered
    }

    func fetchWITBundles(
        request: ServerRequest<WITBundlesRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<WITBundlesResponse> {
        throw RPCError.witBundlesNotOffered
    }

    /// Asks with the token there is, and again where the agent refuses it and the file holds another by then.
    private func once<Answer: Sendable>(
        _ call: (Metadata) async throws -> Answer
    ) async throws -> Answer {
        let token = tokens.token
        do { return try await call(try metadata(token)) } catch let error as RPCError {
            guard error.isWorthAnotherToken, let next = try await tokens.token(after: token, within: .zero) else {
                throw error.relayed
            }
            do { return try await call(try metadata(next)) } catch let error as RPCError { throw error.relayed }
        }
    }

    /// Passes messages on until the agent ends the stream and no newer token comes, or the client is gone.
    private func stream<Message: Sendable>(
        _ context: ServerContext,
        _ follow:
            @escaping @Sendable (
                Metadata, _ write: @escaping @Sendable (Message) async throws -> Void
            ) async throws -> Void
    ) -> StreamingServerResponse<Message> {
        StreamingServerResponse { [self] writer in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await followAll(context, follow) { try await writer.write($0) } }
                group.addTask {
                    try await context.cancellation.cancelled
                    throw board.isClosing ? RPCError.closing : RPCError.cancelled
                }
                defer { group.cancelAll() }
                _ = try await group.next()
                return [:]
            }
        }
    }

    private func followAll<Message: Sendable>(
        _ context: ServerContext,
        _ follow: (Metadata, @escaping @Sendable (Message) async throws -> Void) async throws -> Void,
        _ write: @escaping @Sendable (Message) async throws -> Void
    ) async throws {
        var token = tokens.token
        while true {
            let sent = OnceSet()
            do {
                return try await follow(try metadata(token)) { message in
                    sent.set()
                    try await write(message)
                }
            } catch let error as RPCError {
                // Before the first message the client had better hear at once.
                let patience = sent.isSet ? patience : .zero
                guard error.isWorthAnotherToken, let next = try await tokens.token(after: token, within: patience)
                else { throw error.relayed }
                token = next
            }
        }
    }

    private func metadata(_ token: RelayedToken) throws(RPCError) -> Metadata {
        do { return try WorkloadMetadata.request(with: token.evidence) } catch { throw .noIdentity }
    }
}

extension RPCError {
    /// Whether the agent might answer otherwise to another token.
    fileprivate var isWorthAnotherToken: Bool {
        code == .permissionDenied || code == .unavailable
    }

    /// What the client hears: the agent's code and words, and nothing of how it was reached.
    fileprivate var relayed: RPCError {
        guard code == .unavailable, cause != nil else { return RPCError(code: code, message: message) }
        return RPCError(code: .unavailable, message: "the agent does not answer")
    }
}
