import Server
import ServiceLifecycle
import UnixSignals

/// SIGHUP reads the certificate again, and never ends the process.
struct HangupService: Service {
    let tls: TLSIdentity?

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            tls?.reloadIfChanged()
        }
    }
}
