import JOSE
import NIOCore
import NIOHTTP1

/// Liveness, readiness and metrics, read-only, on a listener of their own.
package struct MetricsPlane: Plane {
    private let readiness: Readiness
    private let exposition: @Sendable (_ isReady: Bool) -> String

    /// `exposition` renders the metrics (``MetricsText``).
    package init(readiness: Readiness, exposition: @escaping @Sendable (_ isReady: Bool) -> String) {
        self.readiness = readiness
        self.exposition = exposition
    }

    package func answer(_ request: PlaneRequest) async -> PlaneResponse {
        guard ["/livez", "/readyz", "/metrics"].contains(request.path) else {
            return ErrorResponse.response(to: .pathNotFound)
        }
        guard request.method == .GET || request.method == .HEAD else {
            return ErrorResponse.methodNotAllowed(allowed: "GET, HEAD")
        }
        switch request.path {
        case "/livez": return text("alive\n")
        case "/readyz":
            return readiness.isReady ? text("ready\n") : text("not ready\n", status: .serviceUnavailable)
        default:
            return text(exposition(readiness.isReady), type: "text/plain; version=0.0.4; charset=utf-8")
        }
    }

    private func text(
        _ text: String,
        status: HTTPResponseStatus = .ok,
        type: String = "text/plain; charset=utf-8"
    ) -> PlaneResponse {
        PlaneResponse(
            status: status,
            headers: ["Content-Type": type, "Cache-Control": "no-store"],
            body: ByteBuffer(string: text)
        )
    }
}
