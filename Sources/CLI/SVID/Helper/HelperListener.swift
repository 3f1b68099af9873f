import Server

/// The health checks' listener, where it is wanted.
struct HelperListener: Sendable {
    let helper: SVIDHelper

    /// Serves until it is cancelled; returns at once where it is not wanted.
    func run() async throws {
        guard let checks = helper.settings.healthChecks else { return }
        let listener = Listener(
            address: .tcp(host: checks.address, port: checks.port),
            plane: HelperHealthPlane(checks: checks, status: helper.status),
            load: ServerLoad(maximumRequests: 16, maximumConnections: 64)
        ) { [status = helper.status] in
            status.setListening()
        }
        do {
            try await Listeners([listener]).run()
        } catch let error as ListenerError {
            throw CommandFailure.failed(
                "the health checks cannot listen on \(error.address): \(error.reason); choose another bind_port"
            )
        }
    }
}
