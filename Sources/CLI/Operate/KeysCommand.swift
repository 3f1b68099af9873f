import ArgumentParser
import Issuer
import JOSE
import Keys

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "The signing keys.",
        subcommands: [
            Show.self, Rotate.self, Prepare.self, Activate.self, Retire.self, Revoke.self, Tokens.self, Drill.self,
            Reseal.self,
        ]
    )

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show every signing key, its state, and what waits for what."
        )
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let answer = try await OperatorConnection(store).perform(.showKeys)
            if store.json { return StandardStreams.print(answer.line) }
            answer.rows("keys").forEach { row in
                StandardStreams.print(
                    "\(row.shown("kid"))  \(RotationAnswer.purpose(row))  \(row.shown("state"))  \(row.shown("prepared_at"))"
                )
            }
            RotationAnswer(answer).printWaits()
        }
    }

    struct Prepare: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Publish one more standby of each algorithm, and of certificates."
        )
        @OptionGroup var choice: AlgorithmOptions
        @OptionGroup var store: StorageOptions

        func run() async throws {
            try await RotationAnswer.perform(.ask(.prepare(choice.purposes())), store)
        }
    }

    struct Activate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a standby sign now.",
            discussion: "Without KID the oldest standby of each. Refused while verifiers may not know it."
        )
        @Argument(help: "Which standby, by its kid.") var kid: String?
        @OptionGroup var choice: AlgorithmOptions
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let request = try kid.map { KeyRequest.activate(ByteString($0)) } ?? .activateStandbys(choice.purposes())
            try await RotationAnswer.perform(.ask(request), store)
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Withdraw a key that no live token needs.",
            discussion: "A standby, or a retiring key after its grace period. For a compromised key: keys revoke."
        )
        @Argument(help: "Which key, by its kid.") var kid: String
        @OptionGroup var store: StorageOptions

        func run() async throws {
            try await RotationAnswer.perform(.ask(.retire(ByteString(kid))), store)
        }
    }

    struct Reseal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Seal all private keys with a new sealing key, and replace its file.",
            discussion: """
                A crash at any moment leaves a sealing key that opens everything. Older backups need the older sealing \
                key: keep it with them, or make a new backup.

                Replicas on PostgreSQL must have the new key first: run it with --prepare, copy the file that it names \
                beside the sealing key of every replica, then run it without. Each replica takes the new key over by \
                itself.
                """
        )
        @Flag(help: "On PostgreSQL: make the new key, print its file, and change nothing else.")
        var prepare = false
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let connection = try OperatorConnection(store)
            if prepare {
                let path = try connection.prepareSealingKey()
                let answer = JSONObject([("file", .string(ByteString(path)))])
                return StandardStreams.print(store.json ? answer.line : path)
            }
            let answer = try await connection.perform(.keys(.reseal))
            StandardStreams.print(store.json ? answer.line : "\(answer.shown("sealed")) secrets sealed anew")
        }
    }
}
