import Attestation
import GRPCCore

/// Turns requests away that are too many (Workload Endpoint §6: Unavailable sheds load).
struct RequestLimit: ServerInterceptor {
    let open: OpenCount

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>,
        context: ServerContext,
        next: @Sendable (StreamingServerRequest<Input>, ServerContext) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        guard let place = open.enter(PeerMarking.peer(in: request.metadata)?.uid) else {
            throw RPCError(code: .unavailable, message: "too many requests are open")
        }
        let response = try await next(request, context)
        guard case .success(var contents) = response.accepted else { return response }
        let produce = contents.producer
        contents.producer = { writer in
            defer { withExtendedLifetime(place) {} }
            return try await produce(writer)
        }
        return StreamingServerResponse(accepted: .success(contents))
    }
}
