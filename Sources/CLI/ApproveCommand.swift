import ArgumentParser
import Issuer
import JOSE

struct ApproveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Approve a job that waits for its environment.",
        discussion: """
            The policy names the approvers of an environment. Who started a job does not approve it. The name given with
            --as and the user who runs this command are both on record.

              jobsworth approve --list
              jobsworth approve 4f0c… --as alice
            """
    )

    @Argument(help: "The job, by its id.") var job: String?

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("Who approves (default: the environment's only approver).", valueName: "name")
    )
    var approver: String?

    @Flag(help: "List the jobs that wait.") var list = false

    @OptionGroup var store: StorageOptions

    func validate() throws {
        if list == (job != nil) { throw ValidationError("say which job to approve, or --list") }
        if list, approver != nil { throw ValidationError("--as goes with a job") }
    }

    func run() async throws {
        let connection = try OperatorConnection(store)
        guard let job else { return try await list(connection) }
        let command = OperatorCommand.approveJob(id: ByteString(job), approver: approver.map { ByteString($0) })
        let answer = try await connection.perform(command)
        if store.json { StandardStreams.print(answer.line) }
    }

    private func list(_ connection: OperatorConnection) async throws {
        let answer = try await connection.perform(.listWaitingJobs)
        if store.json { return StandardStreams.print(answer.line) }
        let columns: [ByteString] = [
            "id", "repository", "ref", "environment", "approvers", "approval", "since", "waits_until",
        ]
        for row in answer.rows("jobs") {
            StandardStreams.print(columns.map { row.shown($0) }.joined(separator: "\t"))
        }
    }
}
