import Issuer
import JOSE
import Policy

/// The policy's file.
struct PolicyFile {
    let watched: WatchedFile
    private let profiles: TokenProfiles

    /// Nil where no policy is configured.
    init?(_ configuration: ServeConfiguration) {
        guard let path = configuration.policyFile else { return nil }
        watched = WatchedFile(path: path)
        profiles = configuration.profiles
    }

    func read() throws -> PolicySet {
        try Self.read(watched.path, profiles)
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
