import CoreFoundation
import Foundation

/// Keeps a job's code away from the runner's credential: with it the job could register any other job.
struct JobSeparation {
    /// Who COMMAND runs as, if that is somebody else than we.
    let user: JobUser?

    init(
        _ source: RunnerCredentialSource,
        user name: String?,
        trustsTheJob: Bool
    ) throws {
        let user = try name.map { try JobUser($0) }
        if let user, user.uid != geteuid(), geteuid() != 0 {
            throw CommandFailure.wrongUsage("only root can run a command as \(user.name)")
        }
        self.user = user?.uid == geteuid() ? nil : user
        if self.user == nil, !trustsTheJob { try Self.requireOtherUser(source) }
        if let user = self.user, let file = source.file { try Self.requireUnreadable(file, by: user) }
    }

    private static func requireOtherUser(_ source: RunnerCredentialSource) throws {
        let remedy = "say with --user NAME whom to run it as, or --i-trust-the-job"
        if geteuid() == 0 {
            throw CommandFailure.wrongUsage(
                "COMMAND would run as root and could read the runner's credential from this process; \(remedy)"
            )
        }
        if case .broker = source {
            throw CommandFailure.wrongUsage(
                "COMMAND would run as this user, for whom the broker registers any job; \(remedy)"
            )
        }
        if case .nothing = source { return }
        // A pipe is no better than a file: what an earlier job of this user left behind can read it from this process
        // before it forbids that, and what filled it can be run again.
        throw CommandFailure.wrongUsage(
            "COMMAND would run as this user and could read the runner's credential where it comes from; \(remedy)"
        )
    }

    private static func requireUnreadable(_ file: stat, by user: JobUser) throws {
        guard file.st_uid != user.uid else {
            throw CommandFailure.wrongConfiguration(
                "the credential's file belongs to \(user.name), whom COMMAND runs as; give it another owner"
            )
        }
        guard file.st_mode & 0o077 == 0 else {
            throw CommandFailure.wrongConfiguration(
                "the credential's file can be read by others; its mode must be 0600"
            )
        }
    }
}
