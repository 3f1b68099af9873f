import Synchronization

/// How many of something are open, in all and by user, and whether one more may be.
///
/// A user other than root has a quarter of the places at most: whoever takes them all, the others still get in.
final class OpenCount: Sendable {
    private struct Counts {
        var all = 0
        var byUser: [UInt32: Int] = [:]
    }

    private let limit: Int
    private let counts = Mutex(Counts())

    init(limit: Int) {
        self.limit = limit
    }

    /// Takes a place, which is given back with the last reference to it; nil where there is none for this user.
    func enter(_ uid: UInt32?) -> Place? {
        let entered = counts.withLock { counts in
            guard counts.all < limit else { return false }
            if let uid, uid != 0 {
                guard counts.byUser[uid, default: 0] < max(limit / 4, 1) else { return false }
                counts.byUser[uid, default: 0] += 1
            }
            counts.all += 1
            return true
        }
        return entered ? Place(self, uid) : nil
    }

    /// How many are open now.
    var value: Int { counts.withLock { $0.all } }

    private func leave(_ uid: UInt32?) {
        counts.withLock { counts in
            counts.all -= 1
            guard let uid, let count = counts.byUser[uid] else { return }
            counts.byUser[uid] = count > 1 ? count - 1 : nil
        }
    }

    /// One that is open.
    final class Place: Sendable {
        private let counted: OpenCount
        private let uid: UInt32?

        fileprivate init(_ counted: OpenCount, _ uid: UInt32?) {
            self.counted = counted
            self.uid = uid
        }

        deinit {
            counted.leave(uid)
        }
    }
}
