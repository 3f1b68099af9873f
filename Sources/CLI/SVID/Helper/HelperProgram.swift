import CLinux
import Foundation
import Synchronization

/// The program of `cmd`: started when the files are there, told of each renewal, started again if it has ended.
final class HelperProgram: Sendable {
    private let command: ChildCommand
    private let running = Mutex<pid_t?>(nil)

    init(_ arguments: [String]) {
        command = HelperCommand.of(arguments, leadsGroup: false)
    }

    /// Sends it the signal, if there is one to send; starts it where it does not run.
    func renewed(_ signal: SignalName?) async throws {
        let isRunning = running.withLock { pid in
            if let pid, let signal { kill(pid, signal.number) }
            return pid != nil
        }
        if !isRunning { try await start() }
    }

    /// Ends it, and waits a while for its end.
    func end() async {
        guard running.withLock({ pid in pid.map { kill($0, SIGTERM) } }) != nil else { return }
        for _ in 0..<200 where running.withLock({ $0 != nil }) { try? await Task.sleep(for: .milliseconds(50)) }
    }

    /// On a thread of its own, which waits for its end: the kernel ends it when that thread does.
    private func start() async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread { self.run(continuation) }.start()
        }
    }

    private func run(_ started: CheckedContinuation<Void, any Error>) {
        let pid: pid_t
        do {
            pid = try running.withLock { running in
                let pid = try command.spawn()
                running = pid
                return pid
            }
        } catch {
            return started.resume(throwing: error)
        }
        started.resume()
        _ = jobsworth_await(pid)
        // Before its number may be another's.
        running.withLock { $0 = nil }
        while waitpid(pid, nil, 0) < 0, errno == EINTR {}
    }
}
