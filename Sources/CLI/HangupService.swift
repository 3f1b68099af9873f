import Server
import ServiceLifecycle
import UnixSignals

/// SIGHUP reads the certificate and the policy again, and never ends the process.
struct HangupService: Service {
    let tls: TLSIdentity?
    let policy: PolicyService?

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            tls?.reloadIfChanged()
            policy?.reload()
        }
    }
}
