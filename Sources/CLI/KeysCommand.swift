import ArgumentParser
import Issuer
import JOSE

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "The signing keys.",
        subcommands: [Show.self]
    )

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show every signing key and its state.")
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let answer = try await OperatorConnection(store).perform(.showKeys)
            if store.json { return StandardStreams.print(answer.line) }
            answer.rows("keys").forEach { row in
                StandardStreams.print(
                    "\(row.shown("kid"))  \(row.shown("algorithm"))  \(row.shown("state"))  \(row.shown("prepared_at"))"
                )
            }
        }
    }
}
