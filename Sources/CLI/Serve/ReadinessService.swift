import CLinux
import Server
import ServiceLifecycle

/// Says that we are ready once all before it run, and no longer so before any of them stops.
struct ReadinessService: Service {
    let readiness: Readiness

    func run() async throws {
        // What the start took and needs no more.
        jobsworth_return_free_memory()
        readiness.begin()
        try? await gracefulShutdown()
        readiness.end()
    }
}
