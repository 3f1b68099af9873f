import Agent
import Logging
import Server
import ServiceLifecycle
import UnixSignals

/// The services of one process, from their start until it is told to stop.
struct ServiceRun {
    /// What stops, for a person: `issuer`, `agent`.
    let name: String
    let logger: Logger

    /// Runs the services; they are stopped in reverse, so readiness stands last and the store first.
    func run(_ services: [any Service]) async throws {
        var group = ServiceGroupConfiguration(
            services: services.map { .init(service: NamedService($0)) },
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = .seconds(30)
        do {
            try await ServiceGroup(configuration: group).run()
        } catch let error as ListenerError {
            throw CommandFailure.failed("cannot listen on \(error.address): \(error.reason); is another server there?")
        } catch let error as WorkloadSocketError {
            throw error.failure
        } catch {
            throw CommandFailure.failed("the \(name) stopped: \(error)")
        }
    }
}
