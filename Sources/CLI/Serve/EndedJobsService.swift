import Keys
import Server
import ServiceLifecycle

/// Removes jobs that ended long ago, a few at a time; none while the clock is in doubt.
struct EndedJobsService: Service {
    let store: any IssuerStore
    let clock: ClockGuard
    /// How long an ended job is kept.
    let retention: Duration

    func run() async throws {
        await cancelWhenGracefulShutdown { [store, clock, retention] in
            while !Task.isCancelled {
                let reading = ClockReading.now
                var isThrough = true
                if clock.trusts(reading) {
                    let end = reading.wall.advanced(bySeconds: -retention.components.seconds)
                    isThrough = (try? await store.removeSomeJobs(endedBefore: end)) ?? true
                }
                // A million jobs are looked through in half an hour, and then again in an hour.
                try? await Task.sleep(for: isThrough ? .seconds(3600) : .seconds(1))
            }
        }
    }
}
