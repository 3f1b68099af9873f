import GRPCCore

/// Refuses what does not carry `workload.spiffe.io: true`, once (Workload Endpoint §3, §6).
struct SecurityHeader: ServerInterceptor {
    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>,
        context: ServerContext,
        next: @Sendable (StreamingServerRequest<Input>, ServerContext) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let values = Array(request.metadata[stringValues: WorkloadMetadata.security])
        guard values.count == 1, values[0].utf8.elementsEqual("true".utf8) else {
            throw RPCError(code: .invalidArgument, message: "security header missing from request")
        }
        return try await next(request, context)
    }
}
