import ServiceLifecycle
import UnixSignals

/// SIGHUP reads again what may have been replaced, and never ends the process.
struct HangupService: Service {
    let reload: @Sendable () -> Void

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            reload()
        }
    }
}
