import ArgumentParser

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "See what a policy decides, and why.",
        subcommands: [PolicyCheckCommand.self, PolicyExplainCommand.self]
    )
}
