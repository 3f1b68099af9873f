import GRPCCore
import WorkloadAPI

/// grpc.health.v1: it is asked on the same socket, and answers as long as that is served.
struct HealthService: Grpc_Health_V1_Health.ServiceProtocol {
    let board: ChangeBoard

    func check(
        request: ServerRequest<Grpc_Health_V1_HealthCheckRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<Grpc_Health_V1_HealthCheckResponse> {
        let status = status(of: request.message.service)
        guard status != .serviceUnknown else { throw RPCError(code: .notFound, message: "unknown service") }
        return ServerResponse(message: message(status))
    }

    func watch(
        request: ServerRequest<Grpc_Health_V1_HealthCheckRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<Grpc_Health_V1_HealthCheckResponse> {
        let first = message(status(of: request.message.service))
        return StreamingServerResponse { [board] writer in
            try await writer.write(first)
            while true {
                switch await board.wait(after: board.view, until: nil) {
                case .cancelled: throw RPCError.cancelled
                case .closing: throw RPCError.closing
                case .changed, .due: continue
                }
            }
        }
    }

    private func status(of service: String) -> Grpc_Health_V1_HealthCheckResponse.ServingStatus {
        guard service.isEmpty || service == SpiffeWorkloadAPI.descriptor.fullyQualifiedService else {
            return .serviceUnknown
        }
        return board.isClosing ? .notServing : .serving
    }

    private func message(
        _ status: Grpc_Health_V1_HealthCheckResponse.ServingStatus
    ) -> Grpc_Health_V1_HealthCheckResponse {
        var message = Grpc_Health_V1_HealthCheckResponse()
        message.status = status
        return message
    }
}
