import ArgumentParser
import Issuer
import JOSE
import Policy

struct JobEndCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "end",
        abstract: "End a job: from then on its request token is dead."
    )

    @OptionGroup var runner: RunnerOptions

    @Option(help: ArgumentHelp("The reference under which it was registered.", valueName: "reference"))
    var reference: String?

    @Option(help: ArgumentHelp("The job's id.", valueName: "id"))
    var id: String?

    func validate() throws {
        if (reference == nil) == (id == nil) { throw ValidationError("give either --reference or --id") }
    }

    func run() async throws {
        let encoded = PercentEncoding.encode(ByteString(reference ?? id ?? ""), reserved: Array("&=+#?/:;,@".utf8))
        let path = reference == nil ? "/v1/jobs/\(encoded.string)" : "/v1/jobs?reference=\(encoded.string)"
        _ = try await RunnerConnection(runner).send("DELETE", path, expecting: [204])
    }
}
