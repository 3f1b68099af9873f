import Synchronization

/// Whether tokens can be issued: not while starting or draining, and not while the store or the keys fail.
package final class Readiness: Sendable {
    private let isServing = Atomic(false)
    private let canIssue: @Sendable () -> Bool

    package init(canIssue: @escaping @Sendable () -> Bool) {
        self.canIssue = canIssue
    }

    package func begin() {
        isServing.store(true, ordering: .relaxed)
    }

    package func end() {
        isServing.store(false, ordering: .relaxed)
    }

    package var isReady: Bool {
        isServing.load(ordering: .relaxed) && canIssue()
    }
}
