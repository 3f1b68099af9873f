import Issuer
import Keys
import Server
import ServiceLifecycle

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
