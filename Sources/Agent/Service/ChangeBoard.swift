import GRPCCore
import SPIFFE
import Synchronization

/// What open streams wait at: a change of bundle or policy, a time, or the end.
///
/// A stream that is busy writing misses changes in between and sees the newest afterwards; nothing queues up for it.
final class ChangeBoard: Sendable {
    /// Why a wait ended.
    enum Wake: Hashable {
        case changed, due, cancelled, closing
    }

    /// What a stream has seen.
    struct View: Hashable {
        /// Rises with each change of the bundle or the policy.
        var revision: Int64 = 0
        /// Rises with each change of the policy.
        var policy: Int64 = 0
    }

    private struct Waiter {
        let dueAt: Int64?
        let continuation: CheckedContinuation<Wake, Never>
    }

    private struct State {
        var view = View()
        var isClosing = false
        var lastID: UInt64 = 0
        var waiters: [UInt64: Waiter] = [:]
        /// Waits that were cancelled before they began.
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())

    var view: View { state.withLock { $0.view } }

    var isClosing: Bool { state.withLock { $0.isClosing } }

    /// How many streams wait.
    var waiting: Int { state.withLock { $0.waiters.count } }

    /// Says that the bundle changed.
    func bundleChanged() {
        change { $0.revision += 1 }
    }

    /// Says that the policy changed, or who is trusted.
    func policyChanged() {
        change { view in
            view.revision += 1
            view.policy += 1
        }
    }

    /// Wakes those whose time has come.
    func tick(at seconds: Int64) {
        wake(.due) { $0.dueAt.map { $0 <= seconds } ?? false }
    }

    /// Ends all waits, and those to come.
    func close() {
        state.withLock { $0.isClosing = true }
        wake(.closing) { _ in true }
    }

    /// Returns at a change since `view`, at `dueAt` (seconds since the epoch), when the RPC is cancelled, or at the end.
    func wait(after view: View, until dueAt: Int64?) async -> Wake {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        defer { state.withLock { _ = $0.cancelled.remove(id) } }
        return await withRPCCancellationHandler {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let waiter = Waiter(dueAt: dueAt, continuation: continuation)
                    if let wake = enter(id, waiter, after: view) { continuation.resume(returning: wake) }
                }
            } onCancel: {
                cancel(id)
            }
        } onCancelRPC: { [self] in
            cancel(id)
        }
    }

    /// Lets a wait begin; answers where there is nothing to wait for.
    private func enter(_ id: UInt64, _ waiter: Waiter, after view: View) -> Wake? {
        state.withLock { state in
            if state.isClosing { return .closing }
            if state.cancelled.contains(id) { return .cancelled }
            if state.view.revision != view.revision { return .changed }
            state.waiters[id] = waiter
            return nil
        }
    }

    private func cancel(_ id: UInt64) {
        let waiter = state.withLock { state in
            state.cancelled.insert(id)
            return state.waiters.removeValue(forKey: id)
        }
        waiter?.continuation.resume(returning: isClosing ? .closing : .cancelled)
    }

    private func change(_ change: (inout View) -> Void) {
        state.withLock { change(&$0.view) }
        wake(.changed) { _ in true }
    }

    private func wake(_ wake: Wake, where isMeant: (Waiter) -> Bool) {
        let woken = state.withLock { state in
            let woken = state.waiters.filter { isMeant($0.value) }
            for id in woken.keys { state.waiters[id] = nil }
            return woken
        }
        for waiter in woken.values { waiter.continuation.resume(returning: wake) }
    }
}
