import Keys
import Synchronization

/// The time, which only a test moves.
final class SettableClock: Sendable {
    private let seconds = Mutex<Int64>(1000)

    var now: NumericDate { NumericDate(secondsSinceEpoch: seconds.withLock { $0 }) }

    func advance(_ by: Int64) {
        seconds.withLock { $0 += by }
    }
}
