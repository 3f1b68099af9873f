import ArgumentParser
import Issuer
import JOSE

struct RunnerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runner",
        abstract: "Who may register jobs.",
        subcommands: [Add.self, List.self, Rotate.self, Revoke.self, RunnerBrokerCommand.self]
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

        @OptionGroup(title: "What it may say") var bounds: RunnerBoundsOptions

        @OptionGroup var store: StorageOptions

        func validate() throws {
            guard !repository.isEmpty else { throw ValidationError("say with --repository what it may speak for") }
            _ = try bounds.document()
        }

        func run() async throws {
            let command = OperatorCommand.addRunner(
                name: ByteString(name),
                patterns: repository.map { ByteString($0) },
                bounds: try bounds.document()
            )
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
                    ["name", "repositories", "revoked_at", "valid_until", "former_valid_until"]
                        .map { row.shown($0) }.joined(separator: "\t") + "\t" + row.shownBounds
                )
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a runner a new credential and print it, once.",
            discussion: """
                The one before stays good for the overlap: an hour by default, for a rotation must not break the jobs \
                that start while the new one is carried to the runner. Of a credential that leaked, say --overlap 0. \
                One from before that is dead at once. What the runner may say stays as it was added.
                """
        )

        @Argument(help: "The runner's name.") var name: String

        @Option(help: ArgumentHelp("How long the credential before stays good, 0 to 30d.", valueName: "duration"))
        var overlap = "1h"

        @Option(
            help: ArgumentHelp(
                "How long the new credential is good; default: as the runner was added.",
                valueName: "duration"
            )
        )
        var valid: String?

        @OptionGroup var store: StorageOptions

        func validate() throws {
            _ = try command()
        }

        func run() async throws {
            let answer = try await OperatorConnection(store).perform(command())
            if store.json { return StandardStreams.write(answer.serialized + [0x0A]) }
            StandardStreams.print(answer.shown("credential"))
            StandardStreams.complainPlainly("the credential before ends at \(answer.shown("former_valid_until"))")
        }

        private func command() throws -> OperatorCommand {
            let seconds = ["0", "0s"].contains(overlap) ? 0 : try RunnerBoundsOptions.seconds(overlap, "--overlap")
            guard seconds <= OperatorCommand.maximumOverlap else {
                throw ValidationError(
                    "--overlap must be 30d or less; a runner keeps two credentials for a rotation only"
                )
            }
            return .rotateRunner(
                name: ByteString(name),
                overlap: seconds,
                validity: try valid.map { try RunnerBoundsOptions.seconds($0, "--valid") }
            )
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
