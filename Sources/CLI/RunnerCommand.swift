import ArgumentParser
import Issuer
import JOSE

struct RunnerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runner",
        abstract: "Who may register jobs.",
        subcommands: [Add.self, List.self, Revoke.self, RunnerBrokerCommand.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a runner and print its credential, once.",
            discussion: "A pattern is owner/name; * stands for any characters but /, and the owner is literal."
        )

        @Argument(help: "The runner's name.") var name: String

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("The repositories it may speak for.", valueName: "pattern")
        )
        var repository: [String]

        @OptionGroup var store: StorageOptions

        func validate() throws {
            guard !repository.isEmpty else { throw ValidationError("say with --repository what it may speak for") }
        }

        func run() async throws {
            let command = OperatorCommand.addRunner(name: ByteString(name), patterns: repository.map { ByteString($0) })
            let answer = try await OperatorConnection(store).perform(command)
            if store.json { return StandardStreams.write(answer.serialized + [0x0A]) }
            StandardStreams.print(answer.shown("credential"))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the runners.")
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let answer = try await OperatorConnection(store).perform(.listRunners)
            if store.json { return StandardStreams.print(answer.line) }
            answer.rows("runners").forEach { row in
                StandardStreams.print(
                    "\(row.shown("name"))\t\(row.shown("repositories"))\t\(row.shown("revoked_at"))"
                )
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a runner and end its jobs, at once.")
        @Argument(help: "The runner's name.") var name: String
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let answer = try await OperatorConnection(store).perform(.revokeRunner(name: ByteString(name)))
            if store.json { return StandardStreams.print(answer.line) }
            StandardStreams.complainPlainly("revoked \(name); jobs ended: \(answer.shown("jobs_ended"))")
        }
    }
}
