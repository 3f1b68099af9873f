import Synchronization

/// How often the request token of each ended job was presented since: what decides whether another attempt is recorded.
///
/// A job whose code goes on asking would else write the audit log without end.
final class DeadTokenAttempts: Sendable {
    private static let maximumJobs = 100_000
    private let counts = Mutex<[JobID: Int]>([:])

    /// True for the first eight attempts with a job's token, and then for the 16th, the 32nd and so on.
    func isRecorded(_ job: JobID) -> Bool {
        let count = counts.withLock { counts in
            if counts.count >= Self.maximumJobs { counts.removeAll() }
            counts[job, default: 0] += 1
            return counts[job, default: 0]
        }
        return count <= 8 || count & (count - 1) == 0
    }
}
