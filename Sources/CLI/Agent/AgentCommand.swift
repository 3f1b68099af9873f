import ArgumentParser
import Attestation
import JOSE

/// `agent` itself, and what goes with it.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Give jobs SPIFFE identities: the Workload API on a Unix socket.",
        subcommands: [Run.self, AgentSocketCommand.self, Check.self],
        defaultSubcommand: Run.self
    )

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run the agent.",
            discussion: """
                The sections WorkloadAttestation and SVIDIssuancePolicy are read again when the file changes; what \
                stands in Agent counts from the next start.
                """
        )

        @OptionGroup var file: AgentFileOptions
        @Flag(help: "Begin a new trust domain although a sealing key is there and its store is not.")
        var initialise = false

        func run() async throws {
            try await AgentProcess(path: file.path(), initialise: initialise).run()
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say everything that is wrong with the agent's file.")
        @OptionGroup var file: AgentFileOptions

        func run() async throws {
            let configuration = try AgentConfiguration(path: file.path())
            for warning in configuration.policy.warnings { StandardStreams.complain("warning: \(warning.string)") }
        }
    }
}
