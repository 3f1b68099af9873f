import Issuer
import Keys
import Server
import ServiceLifecycle
import Storage
import UnixSignals

/// Keeps the store open until everything that writes to it has stopped.
struct StoreService: Service {
    let store: SQLiteStore
    let lock: StoreLock

    func run() async throws {
        try? await gracefulShutdown()
        store.close()
    }
}

/// Ends, once a second, the jobs whose time or lease is over.
///
/// A token is refused without waiting for it.
struct LapsedJobsService: Service {
    let jobs: any JobStore

    func run() async throws {
        await cancelWhenGracefulShutdown { [jobs] in
            while !Task.isCancelled {
                _ = try? await jobs.endLapsedJobs(at: .now)
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}

/// SIGHUP reads the certificate again, and never ends the process.
struct HangupService: Service {
    let tls: TLSIdentity?

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            tls?.reloadIfChanged()
        }
    }
}

/// Says that we are ready once all before it run, and no longer so before any of them stops.
struct ReadinessService: Service {
    let readiness: Readiness

    func run() async throws {
        readiness.begin()
        try? await gracefulShutdown()
        readiness.end()
    }
}
