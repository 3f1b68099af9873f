import Issuer
import Keys
import Server
import ServiceLifecycle

/// Ends, once a second, the jobs whose time or lease is over; none while the clock is in doubt.
///
/// A token is refused without waiting for it.
struct LapsedJobsService: Service {
    let jobs: any JobStore
    let clock: ClockGuard

    func run() async throws {
        await cancelWhenGracefulShutdown { [jobs, clock] in
            while !Task.isCancelled {
                let reading = ClockReading.now
                if clock.trusts(reading) { _ = try? await jobs.endLapsedJobs(at: reading.wall) }
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}
