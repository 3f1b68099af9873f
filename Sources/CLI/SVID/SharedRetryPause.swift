import Synchronization

/// A ``RetryPause`` that a stream's messages reset.
final class SharedRetryPause: Sendable {
    private let pause: Mutex<RetryPause>

    init(_ pause: RetryPause) {
        self.pause = Mutex(pause)
    }

    func take() -> Duration {
        pause.withLock { $0.take() }
    }

    func reset() {
        pause.withLock { $0.reset() }
    }
}
