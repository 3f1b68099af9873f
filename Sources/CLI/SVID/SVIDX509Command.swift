import Agent
import ArgumentParser
import JOSE
import Keys
import SPIFFE
import Server

struct SVIDX509Command: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "x509",
        abstract: "Get X.509-SVIDs: as files with --write, otherwise what they say.",
        discussion: """
            --write DIR makes svid.N.pem (the chain), svid.N.key, bundle.N.pem and federated_bundle.N.M.pem. All is checked
            before anything is written. Keys are written to files only, never shown.
            """
    )

    @OptionGroup var api: WorkloadAPIOptions

    @Option(help: ArgumentHelp("The folder for the files.", valueName: "dir")) var write: String?

    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let folder = try write.map { try SafeOutputFolder($0) }
        let source = try api.source()
        let start = ContinuousClock.now
        let received = try await source.ask { try await $0.x509SVIDs() }
        let took = ContinuousClock.now - start
        let summary = try X509Summary(received)
        let files = if let folder { try await Self.write(received, to: folder) } else { [String]() }
        StandardStreams.print(json ? summary.json.line : summary.text(took: took))
        if !json, !files.isEmpty { StandardStreams.print("\n" + files.map { "Wrote \($0)" }.joined(separator: "\n")) }
    }

    private static func write(_ received: ReceivedX509SVIDs, to folder: SafeOutputFolder) async throws -> [String] {
        for svid in received.svids {
            do throws(X509SVIDFault) {
                try await X509SVIDCheck(now: .now).require(svid)
            } catch {
                throw CommandFailure.failed("\(svid.id.text) cannot work and was not written: \(error.explanation)")
            }
        }
        return try X509Folder(folder: folder).write(received)
    }
}
