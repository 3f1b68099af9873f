import Foundation
import Synchronization

/// A file that people change while it is in use.
final class WatchedFile: Sendable {
    let path: String
    private let state: Mutex<State>

    private struct State {
        /// The version that was read last.
        var read: Version?
        /// What the last look at the file saw.
        var seen: Version?
    }

    /// What tells one version of the file from another.
    private struct Version: Equatable {
        let file: UInt64?
        let size: UInt64?
        let changedAt: Date?

        init?(_ path: String) {
            // Of what a link names, which is often how a file is replaced.
            let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: target) else { return nil }
            file = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value
            size = (attributes[.size] as? NSNumber)?.uint64Value
            changedAt = attributes[.modificationDate] as? Date
        }
    }

    init(path: String) {
        self.path = path
        state = Mutex(State(read: Version(path)))
    }

    /// To be called before the file is read: what changes while it is read is seen the next time.
    func willBeRead() {
        let version = Version(path)
        state.withLock { $0.read = version }
    }

    /// Whether the file has changed, and not again since the last look: what is being written in place is not whole.
    func hasSettled() -> Bool {
        let now = Version(path)
        return state.withLock { state in
            defer { state.seen = now }
            return now != state.read && now == state.seen
        }
    }
}
