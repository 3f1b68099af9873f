package import Issuer
import JOSE
import Keys
package import Logging
import NIOHTTP1

/// Operator commands over the admin socket: `POST /command` with the JSON of an ``OperatorCommand``.
package struct AdminPlane: Plane {
    package static let path = "/command"
    private let desk: OperatorDesk
    private let logger: Logger

    package init(desk: OperatorDesk, logger: Logger) {
        self.desk = desk
        self.logger = logger
    }

    package func answer(_ request: PlaneRequest) async -> PlaneResponse {
        guard request.path == ByteString(Self.path) else { return ErrorResponse.response(to: .pathNotFound) }
        guard request.method == .POST else { return ErrorResponse.methodNotAllowed(allowed: "POST") }
        do {
            let command = try OperatorCommand(parsing: JSONBody.object(request.body))
            return .json(try await desk.perform(command, at: .now, by: request.peer))
        } catch let refusal as Refusal {
            return ErrorResponse.response(to: refusal, at: .jobs)
        } catch let error as StoreError {
            return ErrorResponse.response(to: .store(error), at: .jobs)
        } catch {
            logger.error("operator command failed", metadata: ["error.code": "\(type(of: error))"])
            return ErrorResponse.response(to: .internalError)
        }
    }
}
