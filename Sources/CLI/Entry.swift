import ArgumentParser
import CLinux
import Foundation

/// Where the process begins, and the only place that turns failures into exit codes: 0 done, 1 refused or failed, 64
/// wrong usage, 78 wrong configuration.
@main
enum Entry {
    static func main() async {
        _ = jobsworth_forbid_crash_reports()
        jobsworth_keep_few_arenas()
        if ["help", "--help", "-h"].contains(CommandLine.arguments.dropFirst().joined(separator: " ")) {
            return StandardStreams.print(CommandTree.text(of: JobsworthCommand.self))
        }
        do {
            var command = try JobsworthCommand.parseAsRoot(KeyIDArgument.protected(CommandLine.arguments.dropFirst()))
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            StandardStreams.complain(failure.message)
            exit(failure.code)
        } catch {
            JobsworthCommand.exit(withError: error)
        }
    }
}

struct JobsworthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobsworth",
        abstract: "An OpenID Connect issuer for CI: every job gets exactly the identity it is entitled to.",
        subcommands: [
            ServeCommand.self, RunnerCommand.self, RepositoryCommand.self, KeysCommand.self, JobCommand.self,
            ApproveCommand.self,
            PolicyCommand.self, TokenCommand.self, ShimCommand.self, AuditCommand.self, PublishCommand.self,
            AgentCommand.self, CICDCommand.self, ClusterCommand.self,
            BackupCommand.self, RestoreCommand.self, StorageCommand.self, SVIDCommand.self, DoctorCommand.self,
        ]
    )
}
