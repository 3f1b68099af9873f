import Foundation
import Issuer
import JOSE
import Policy
import Synchronization

/// The policy's file, and the last policy of it that was whole.
final class PolicyFile: Sendable {
    let path: String
    private let maximumLifetime: Int64
    private let state: Mutex<State>

    private struct State {
        var policy: PolicySet
        var stamp: Stamp?
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
            try PolicyFile(path: $0, maximumLifetime: configuration.profiles.longestLifetime)
        }
    }

    init(path: String, maximumLifetime: Int64) throws {
        self.path = path
        self.maximumLifetime = maximumLifetime
        let stamp = Stamp(path)
        state = Mutex(State(policy: try Self.read(path, maximumLifetime), stamp: stamp))
    }

    var current: PolicySet {
        state.withLock { $0.policy }
    }

    /// Reads the file again; the old policy stays where the new one is not whole.
    func reload() throws -> PolicySet {
        // Before the file: what changes while it is read is seen the next time.
        let stamp = Stamp(path)
        state.withLock { $0.stamp = stamp }
        let policy = try Self.read(path, maximumLifetime)
        state.withLock { $0.policy = policy }
        return policy
    }

    var hasChanged: Bool {
        Stamp(path) != state.withLock { $0.stamp }
    }

    /// The policy of a file, checked as a whole; every problem is said, with its line.
    static func read(_ path: String, _ maximumLifetime: Int64 = 86_400) throws -> PolicySet {
        let document = try YAMLDocument(path: path)
        do throws(PolicyProblems) {
            return try PolicySet(PolicyDocument(parsing: document.value, maximumLifetime: maximumLifetime))
        } catch {
            let lines = error.all.map { problem in
                "\(path):\(document.line(of: problem.path.string)): \(problem.path) \(problem.explanation)"
            }
            throw CommandFailure.wrongConfiguration(lines.joined(separator: "\njobsworth: "))
        }
    }
}
