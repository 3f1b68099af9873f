import ArgumentParser
import Foundation
import Issuer
import JOSE

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the store to a new file, while the issuer runs.",
        discussion: """
            Private keys in the copy are sealed; the sealing key is not in it. Keep that, and the ledger of revocations, \
            elsewhere: without the sealing key the backup opens nothing.
            """
    )
    @Argument(help: ArgumentHelp("Where to; there must be no such file yet.", valueName: "file")) var file: String
    @OptionGroup var store: StorageOptions

    func run() async throws {
        let path = URL(fileURLWithPath: file).path
        let answer = try await OperatorConnection(store).perform(.backUp(path: ByteString(path)))
        if store.json { return StandardStreams.print(answer.line) }
        StandardStreams.print(
            "\(path): key ring version \(answer.shown("key_ring_version")), \(answer.shown("records")) audit records up to \(answer.shown("last_record_at"))"
        )
    }
}
