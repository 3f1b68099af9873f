import CLinux
import Foundation
import Synchronization

/// A job's command while it runs: its signals and its end.
///
/// The command leads a process group of its own, so that what it started is told, too, when the job is cancelled. On a
/// terminal it stays in ours, unless it is another user's: there the terminal signals, and a group in the background could
/// not read from it.
final class ChildProcess: Sendable {
    private enum State {
        /// Nothing runs yet; a request to stop ends what is under way instead.
        case preparing(stop: (@Sendable () -> Void)?)
        /// A request to stop came before anything ran.
        case stopped(signal: Int32)
        case running(pid_t)
        case ended
    }

    /// How long what the command left behind is given to die, in milliseconds.
    private static let patience: Int32 = 10_000

    /// How long it has before, where it was told to end: in milliseconds.
    private static let grace: Int32 = 1_000

    private let state = Mutex(State.preparing(stop: nil))
    private let isTold = Atomic(false)
    let leadsGroup: Bool

    /// A signal that came before the command ran.
    struct Interrupted: Error {
        let signal: Int32
    }

    init(hasOtherUser: Bool) {
        leadsGroup = hasOtherUser || isatty(0) == 0 || tcgetpgrp(0) != getpgrp()
    }

    /// Work before the command's start that a request to stop may cut short.
    func preparing<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let task = Task { try await work() }
        state.withLock { state in
            if case .preparing = state { state = .preparing(stop: { task.cancel() }) } else { task.cancel() }
        }
        let result = await task.result
        let stoppedBy = state.withLock { state -> Int32? in
            if case .stopped(let signal) = state { return signal }
            state = .preparing(stop: nil)
            return nil
        }
        if let stoppedBy, case .failure = result { throw Interrupted(signal: stoppedBy) }
        return try result.get()
    }

    /// Hands a signal on.
    func send(_ signal: Int32) {
        let stop = state.withLock { state -> (@Sendable () -> Void)? in
            switch state {
            case .preparing(let stop):
                guard signal != SIGUSR1, signal != SIGUSR2 else { return nil }
                state = .stopped(signal: signal)
                return stop
            case .running(let pid): forward(signal, to: pid)
            case .stopped, .ended: break
            }
            return nil
        }
        stop?()
    }

    /// Sends a signal to the command alone, where it runs: what it started may not know of it, and would end.
    func notify(_ signal: Int32) {
        state.withLock { state in
            if case .running(let pid) = state { _ = kill(pid, signal) }
        }
    }

    /// Whether the command has been started, and has not ended.
    var isRunning: Bool {
        state.withLock { state in
            if case .running = state { true } else { false }
        }
    }

    private func forward(_ signal: Int32, to pid: pid_t) {
        if signal != SIGUSR1, signal != SIGUSR2 { isTold.store(true, ordering: .relaxed) }
        if leadsGroup {
            kill(-pid, signal)
        } else if signal != SIGINT, signal != SIGQUIT {
            // Those two the terminal has sent to the whole group already.
            kill(pid, signal)
        }
    }

    /// Runs the command to its end: its exit code, or 128 and the number of the signal that ended it.
    ///
    /// On a thread of its own, which lives as long as the command: the kernel tells a child of its parent's death when the
    /// thread that made it ends.
    func run(_ command: ChildCommand) async throws -> Int32 {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result { try self.runToTheEnd(command) }) }
            thread.start()
        }
    }

    private func runToTheEnd(_ command: ChildCommand) throws -> Int32 {
        let pid = try state.withLock { state -> pid_t in
            if case .stopped(let signal) = state { throw Interrupted(signal: signal) }
            // What the command leaves behind becomes a child of ours, and ends with the job.
            _ = jobsworth_adopt_orphans()
            let pid = try command.spawn()
            state = .running(pid)
            return pid
        }
        _ = jobsworth_await(pid)
        // Before its number may be another's.
        state.withLock { $0 = .ended }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let grace = isTold.load(ordering: .relaxed) ? Self.grace : 0
        if jobsworth_end_children(grace, Self.patience) != 0 {
            StandardStreams.complain("processes of the job could not be ended, and may go on")
        }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}
