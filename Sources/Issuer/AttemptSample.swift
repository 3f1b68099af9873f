import Synchronization

/// How often what is no longer good, or not yet, was presented, by its holder (the request token of an ended job by the
/// job):
/// what decides whether another attempt is recorded.
///
/// A job whose code goes on asking would else write the audit log without end.
final class DeadTokenAttempts<Holder: Hashable & Sendable>: Sendable {
    private static var maximumHolders: Int { 100_000 }
    private let counts = Mutex<[Holder: Int]>([:])

    /// True for the first eight attempts of a holder, and then for the 16th, the 32nd and so on.
    func isRecorded(_ holder: Holder) -> Bool {
        let count = counts.withLock { counts in
            if counts.count >= Self.maximumHolders { counts.removeAll() }
            counts[holder, default: 0] += 1
            return counts[holder, default: 0]
        }
        return count <= 8 || count & (count - 1) == 0
    }
}
