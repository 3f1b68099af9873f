private import Synchronization

/// Who asks too often: one job's flood must not slow the tokens of the others (threats A15).
package final class JobRates: Sendable {
    fileprivate struct State {
        /// When the next request of a job is due, in nanoseconds since boot; only of those that asked just now.
        var due: [JobID: Int64] = [:]
        var limit = 4096
    }

    private let rate: RequestRate?
    private let state = Mutex(State())
    private let attempts = AttemptSample<JobID>()

    /// `rate` is nil where jobs may ask as often as they like.
    package init(_ rate: RequestRate?) {
        self.rate = rate
    }

    /// Counts a request of the job; false where it comes too early and is refused.
    package func admits(_ job: JobID, at sinceBoot: Duration) -> Bool {
        guard let rate else { return true }
        let (seconds, attoseconds) = sinceBoot.components
        let now = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        return state.withLock { state in
            guard let next = rate.next(after: state.due[job], at: now) else { return false }
            if state.due.count >= state.limit { state.forget(before: now) }
            state.due[job] = next
            return true
        }
    }

    /// A request that was admitted is not counted after all.
    package func takeBack(_ job: JobID) {
        guard let rate else { return }
        state.withLock { state in
            if let due = state.due[job] { state.due[job] = due - rate.interval }
        }
    }

    /// Whether this refusal of the job is recorded: a flood must not fill the audit log either.
    package func isRecorded(_ job: JobID) -> Bool {
        attempts.isRecorded(job)
    }
}

extension JobRates.State {
    /// Whoever is due again is as if it had never asked.
    fileprivate mutating func forget(before now: Int64) {
        due = due.filter { $0.value > now }
        limit = max(4096, due.count * 2)
    }
}
