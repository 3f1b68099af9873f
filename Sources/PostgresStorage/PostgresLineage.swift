import Synchronization

/// The newest timeline that a server of ours was on: a promotion begins a new one, and a primary of before stays behind.
final class PostgresLineage: Sendable {
    private let newest = Mutex<Int64>(0)

    /// Whether a server on this timeline may be believed; one that is newer is from now on the measure.
    func admits(_ timeline: Int64) -> Bool {
        newest.withLock { newest in
            newest = max(newest, timeline)
            return timeline == newest
        }
    }
}
