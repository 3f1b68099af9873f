private import Synchronization

/// The one ``ClockWatch`` of a process.
package final class ClockGuard: Sendable {
    private let watch: Mutex<ClockWatch>

    package init(trusted: ClockReading?) {
        watch = Mutex(ClockWatch(trusted: trusted))
    }

    package func trusts(_ reading: ClockReading) -> Bool {
        watch.withLock { $0.trusts(reading) }
    }

    /// The time as far as it can be told; see ``ClockWatch/bestTime(at:)``.
    package func bestTime(at reading: ClockReading) -> NumericDate {
        watch.withLock { $0.bestTime(at: reading) }
    }

    /// An operator says that the clock is right as it is.
    package func accept(_ reading: ClockReading) {
        watch.withLock { $0 = ClockWatch(trusted: reading) }
    }
}
