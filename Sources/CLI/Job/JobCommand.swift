import ArgumentParser

struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Register a job, get its tokens, end it.",
        subcommands: [JobStartCommand.self, JobTokenCommand.self, JobExecCommand.self, JobEndCommand.self]
    )
}
