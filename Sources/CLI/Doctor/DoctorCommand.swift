import ArgumentParser
import Attestation
import JOSE

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what is dangerous: inside a job, in an agent's file; or ask an issuer whether it is well.",
        discussion: """
            --inside-job, as the first command of a job: it looks where the job's code could look, prints each place \
            with ok or REACHED, never a secret, and exits 1 if it reached anything. --agent-config: it says what is \
            wrong with an agent's file, or dangerous in it, and exits 1 if anything is. --probe: it asks the issuer on this \
            machine, at its http.metrics, and exits 1 unless it is live, or ready to issue tokens.
            """
    )

    @Flag(help: "Look for what a job must not reach.")
    var insideJob = false

    @Option(help: ArgumentHelp("An agent's YAML file to examine.", valueName: "file"))
    var agentConfig: String?

    @Option(help: ArgumentHelp("Ask the issuer on this machine: live or ready.", valueName: "state"))
    var probe: IssuerProbe?

    @Option(help: ArgumentHelp("Another socket that may be the broker's.", valueName: "path"))
    var broker: [String] = []

    @Option(help: ArgumentHelp("Another file that may hold a credential.", valueName: "file"))
    var credentialFile: [String] = []

    @OptionGroup var store: StorageOptions

    func validate() throws {
        guard [insideJob, agentConfig != nil, probe != nil].filter({ $0 }).count == 1 else {
            throw ValidationError("say what to examine: --inside-job, --agent-config FILE, or --probe live|ready")
        }
    }

    func run() async throws {
        if let probe { return try await answer(probe) }
        if let agentConfig { return try examineAgent(agentConfig) }
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

    private func answer(_ probe: IssuerProbe) async throws {
        try await probe.ask(store.sources())
        let document = JSONObject([(ByteString(probe.rawValue), .bool(true))])
        StandardStreams.print(store.json ? document.line : ByteString(probe.rawValue).string)
    }

    private func examineAgent(_ path: String) throws {
        let warnings = try AgentConfiguration(path: path).policy.warnings
        if store.json {
            let document = JSONObject([("dangers", .array(warnings.map { .string($0) }))])
            StandardStreams.print(document.line)
        } else {
            warnings.forEach { StandardStreams.print("DANGER \($0.string)") }
        }
        guard warnings.isEmpty else {
            throw CommandFailure.failed("\(path) is sound, and \(warnings.count) of what it says is dangerous")
        }
    }

    private static func document(_ findings: [DoctorFinding], _ reached: Int) -> JSONObject {
        JSONObject([
            ("reached", .integer(Int64(reached))), ("checks", .array(findings.map { .object($0.document) })),
        ])
    }
}
