import Keys
import Server
import Synchronization

/// How long ago the ring was last read from the store: since then others may have changed it.
final class RingAge: Sendable {
    private let bound: Duration
    private let readAt = Mutex(ClockReading.timeSinceBoot)

    /// `bound` is how old a ring may be that is signed with.
    init(bound: Duration) {
        self.bound = bound
    }

    /// Where nobody else can change the ring while this process has its store, which may be away for a moment.
    static func ofOneProcess(_ interval: Duration) -> RingAge {
        RingAge(bound: max(.seconds(60), interval * 6))
    }

    /// The ring was read by a question of that moment: what came is as old as the question.
    func note(readAt moment: Duration) {
        readAt.withLock { $0 = moment }
    }

    /// Whether it is older than may be: others may have withdrawn what we would sign with, or published what we lack.
    var isExceeded: Bool {
        ClockReading.timeSinceBoot - readAt.withLock { $0 } > bound
    }
}
