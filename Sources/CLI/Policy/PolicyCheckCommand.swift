import ArgumentParser
import Policy

struct PolicyCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say everything that is wrong with a policy file, each with its line."
    )

    @Argument(help: ArgumentHelp("The policy file (default: the configured one).", valueName: "file"))
    var file: String?

    @Option(help: ArgumentHelp("The issuer's configuration file (JOBSWORTH_CONFIG).", valueName: "file"))
    var config: String?

    func run() async throws {
        let planning = try PolicyPlanning(policyFile: file, configurationFile: config)
        let policy = try planning.policy()
        StandardStreams.print(
            "\(planning.policyFile): \(policy.rules.count) rules, \(policy.environments.count) environments, sound"
        )
    }
}
