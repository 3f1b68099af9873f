import ArgumentParser
import Issuer
import Keys

extension KeysCommand {
    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Do whatever is due; for cron, as often as it likes.",
            discussion: """
                Says what changed and what waits for what. A running issuer does the same by itself; both together, on \
                any number of machines, are harmless.

                With --now the standbys sign at once; refused while verifiers may not know them.
                """
        )
        @Flag(help: "Let the standbys sign now, before the rotation is due.") var now = false
        @Flag(help: "The clock was moved on purpose: it is right as it is.") var clockIsRight = false
        @OptionGroup var choice: AlgorithmOptions
        @OptionGroup var store: StorageOptions

        func run() async throws {
            if clockIsRight || !now {
                try await RotationAnswer.perform(.rotate(clockIsRight: clockIsRight), store)
            }
            if now { try await RotationAnswer.perform(.ask(.activateStandbys(choice.purposes())), store) }
        }
    }
}
