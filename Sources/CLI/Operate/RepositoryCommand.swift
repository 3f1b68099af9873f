import ArgumentParser
import Issuer
import JOSE

struct RepositoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repository",
        abstract: "The names of repositories and the ids they are pinned to.",
        subcommands: [List.self, Forget.self, Rename.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the pinned names.")
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let answer = try await OperatorConnection(store).perform(.listRepositories)
            if store.json { return StandardStreams.print(answer.line) }
            answer.rows("repositories").forEach { row in
                StandardStreams.print(
                    "\(row.shown("repository"))\t\(row.shown("repository_id"))\t\(row.shown("repository_owner_id"))"
                )
            }
        }
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let the next registration pin the name anew.")
        @Argument(help: "The repository, as owner/name.") var repository: String
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let answer = try await OperatorConnection(store).perform(.forgetRepository(name: ByteString(repository)))
            if store.json { StandardStreams.print(answer.line) }
        }
    }

    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Move a pin to the repository's new name.")
        @Argument(help: "The old name.") var from: String
        @Argument(help: "The new name.") var to: String
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let command = OperatorCommand.renameRepository(name: ByteString(from), to: ByteString(to))
            let answer = try await OperatorConnection(store).perform(command)
            if store.json { StandardStreams.print(answer.line) }
        }
    }
}
