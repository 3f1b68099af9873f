import Server
import ServiceLifecycle

/// Says that we are ready once all before it run, and no longer so before any of them stops.
struct ReadinessService: Service {
    let readiness: Readiness

    func run() async throws {
        readiness.begin()
        try? await gracefulShutdown()
        readiness.end()
    }
}
