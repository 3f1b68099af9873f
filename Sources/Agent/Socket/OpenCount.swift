import Synchronization

/// How many of something are open, and whether one more may be.
final class OpenCount: Sendable {
    private let limit: Int
    private let count = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// Takes a place, which is given back with the last reference to it; nil where there is none.
    func enter() -> Place? {
        let entered = count.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
        return entered ? Place(self) : nil
    }

    /// How many are open now.
    var value: Int { count.withLock { $0 } }

    /// One that is open.
    final class Place: Sendable {
        private let counted: OpenCount

        fileprivate init(_ counted: OpenCount) {
            self.counted = counted
        }

        deinit {
            counted.count.withLock { $0 -= 1 }
        }
    }
}
