import Synchronization

/// Which of the attempts with what is no longer good, or not yet, are recorded: a sample, by their holder (for a
/// request token its job).
///
/// A job whose code goes on asking would else write the audit log without end.
final class AttemptSample<Holder: Hashable & Sendable>: Sendable {
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
