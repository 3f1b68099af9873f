import JOSE
import NIOHTTP1
import Server

/// Answers whether the files are written: live is that none failed, ready that all are there.
struct HelperHealthPlane: Plane {
    let checks: HelperSettings.HealthChecks
    let status: HelperStatus

    func answer(_ request: PlaneRequest) async -> PlaneResponse {
        switch request.path.string {
        case checks.livenessPath: Self.response(to: request, isWell: status.isLive, status)
        case checks.readinessPath: Self.response(to: request, isWell: status.isReady, status)
        default: Self.error(.notFound, "not found")
        }
    }

    private static func response(to request: PlaneRequest, isWell: Bool, _ status: HelperStatus) -> PlaneResponse {
        guard request.method == .GET || request.method == .HEAD else {
            return error(.methodNotAllowed, "method not allowed")
        }
        let object = JSONObject([
            ("status", .string(isWell ? "OK" : "Service Unavailable")), ("health", .object(status.json)),
        ])
        return .json(object, status: isWell ? .ok : .serviceUnavailable)
    }

    private static func error(_ status: HTTPResponseStatus, _ text: ByteString) -> PlaneResponse {
        var response = PlaneResponse.json(JSONObject([("error", .string(text))]), status: status)
        if status == .methodNotAllowed { response.headers.add(name: "Allow", value: "GET, HEAD") }
        return response
    }
}
