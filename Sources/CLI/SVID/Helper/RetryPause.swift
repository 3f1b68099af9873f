/// How long to wait before each further try: twice as long as before the last, up to a bound.
struct RetryPause: Sendable {
    private let first: Duration
    private let factor: Int
    private let longest: Duration
    private var next: Duration

    init(from first: Duration, times factor: Int, upTo longest: Duration) {
        self.first = first
        self.factor = factor
        self.longest = longest
        next = first
    }

    /// Of who runs for ever: 1 s, 2 s, 4 s, … 60 s.
    static var ofDaemon: RetryPause { RetryPause(from: .seconds(1), times: 2, upTo: .seconds(60)) }

    /// Of who is to end: 10 ms, 50 ms, 250 ms, … 10 s.
    static var ofOneShot: RetryPause { RetryPause(from: .milliseconds(10), times: 5, upTo: .seconds(10)) }

    /// The pause before the next try.
    mutating func take() -> Duration {
        defer { next = min(next * factor, longest) }
        return next
    }

    /// A try was a success: the next failure is the first again.
    mutating func reset() {
        next = first
    }
}
