import ArgumentParser
import JOSE

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Try, inside a job, to reach a runner's credential.",
        discussion: """
            Run it as the first command of a job: it looks where the job's code could look, prints each place with ok \
            or REACHED, never a secret, and exits 1 if it reached anything.
            """
    )

    @Flag(help: "Look for what a job must not reach.")
    var insideJob = false

    @Option(help: ArgumentHelp("Another socket that may be the broker's.", valueName: "path"))
    var broker: [String] = []

    @Option(help: ArgumentHelp("Another file that may hold a credential.", valueName: "file"))
    var credentialFile: [String] = []

    @OptionGroup var store: StorageOptions

    func validate() throws {
        guard insideJob else { throw ValidationError("say --inside-job: there is no other examination yet") }
    }

    func run() async throws {
        let findings = try await InsideJobExamination(
            hints: Hints(brokers: Set(broker), credentialFiles: Set(credentialFile)),
            sources: store.sources()
        )
        .findings()
        let reached = findings.filter(\.isReached).count
        if store.json {
            StandardStreams.print(Self.document(findings, reached).line)
        } else {
            findings.forEach { StandardStreams.print($0.line) }
        }
        guard reached == 0 else {
            throw CommandFailure.failed(
                "this job reaches \(reached) of what it must not; run jobs as a user of their own, and keep the "
                    + "credential with runner broker"
            )
        }
    }

    private static func document(_ findings: [DoctorFinding], _ reached: Int) -> JSONObject {
        JSONObject([
            ("reached", .integer(Int64(reached))), ("checks", .array(findings.map { .object($0.document) })),
        ])
    }
}
