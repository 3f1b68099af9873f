import Foundation
import Issuer
import JOSE
import Policy
import Synchronization

/// The policy's file, and the last policy of it that was whole.
final class PolicyFile: Sendable {
    let path: String
    private let profiles: TokenProfiles
    private let state: Mutex<State>

    private struct State {
        var policy: PolicySet
        var stamp: Stamp?
        /// What the last look at the file saw.
        var seen: Stamp?
    }

    /// What tells one version of the file from another.
    private struct Stamp: Equatable {
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

    /// Nil where no policy is configured.
    static func configured(_ configuration: ServeConfiguration) throws -> PolicyFile? {
        try configuration.policyFile.map {
            try PolicyFile(path: $0, profiles: configuration.profiles)
        }
    }

    init(path: String, profiles: TokenProfiles) throws {
        self.path = path
        self.profiles = profiles
        let stamp = Stamp(path)
        state = Mutex(State(policy: try Self.read(path, profiles), stamp: stamp))
    }

    var current: PolicySet {
        state.withLock { $0.policy }
    }

    /// Reads the file again; the old policy stays where the new one is not whole.
    func reload() throws -> PolicySet {
        // Before the file: what changes while it is read is seen the next time.
        let stamp = Stamp(path)
        state.withLock { $0.stamp = stamp }
        let policy = try Self.read(path, profiles)
        state.withLock { $0.policy = policy }
        return policy
    }

    /// Whether the file has changed, and not again since the last look: what is being written in place is not whole.
    func hasSettled() -> Bool {
        let now = Stamp(path)
        return state.withLock { state in
            defer { state.seen = now }
            return now != state.stamp && now == state.seen
        }
    }

    /// The policy of a file, checked as a whole; every problem is said, with its line.
    static func read(_ path: String, _ profiles: TokenProfiles) throws -> PolicySet {
        let document = try YAMLDocument(path: path)
        do throws(PolicyProblems) {
            return try PolicySet(
                PolicyDocument(parsing: document.value, maximumLifetime: profiles.longestLifetime),
                standing: profiles.subject
            )
        } catch {
            let lines = error.all.map { problem in
                let place = problem.path.isEmpty ? "the policy" : problem.path
                return "\(path):\(document.line(of: problem.path.string)): \(place) \(problem.explanation)"
            }
            throw CommandFailure.wrongConfiguration(lines.joined(separator: "\njobsworth: "))
        }
    }
}
