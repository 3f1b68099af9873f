import Agent
import ArgumentParser
import Foundation
import JOSE

struct AgentSocketCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "socket",
        abstract: "Bind a socket to one job: unmodified Workload API clients get the job's identity there.",
        discussion: """
            Each request is passed on to the agent with the job's token, which is read again when its file changes. \
            The socket appears when it is ready, and goes with the newest token's expiry or by SIGTERM. Of the \
            configuration, only where the agent's socket is counts here.
            """
    )

    @Option(help: ArgumentHelp("The file that holds the job's token, readable by its owner only.", valueName: "file"))
    var tokenFile: String

    @Option(help: ArgumentHelp("The job's socket, in a folder only its owner can write in.", valueName: "path"))
    var socket: String

    @Option(help: ArgumentHelp("The agent's socket, instead of what the configuration says.", valueName: "path"))
    var agentSocket: String?

    @Option(help: ArgumentHelp("A user that may connect besides root (default: our own).", valueName: "uid|name"))
    var allowUid: [String] = []

    @Option(help: ArgumentHelp("The agent's YAML file (JOBSWORTH_AGENT_CONFIG).", valueName: "file"))
    var config: String?

    func run() async throws {
        let agent = try agentSocket ?? configuredSocket()
        let endpoint: WorkloadEndpoint
        do throws(WorkloadEndpointError) { endpoint = try WorkloadEndpoint(parsing: ByteString(agent)) } catch {
            throw CommandFailure.wrongConfiguration("\(agent) is no agent's socket: \(error.explanation)")
        }
        try await RelayProcess(
            tokenFile: tokenFile,
            socket: socket,
            agent: endpoint,
            users: allowUid.map(UserID.init)
        )
        .run()
    }

    private func configuredSocket() throws -> String {
        guard let path = config ?? ProcessInfo.processInfo.environment["JOBSWORTH_AGENT_CONFIG"] else {
            throw CommandFailure.wrongUsage("say with --config or --agent-socket where the agent's socket is")
        }
        return try AgentSettings(AgentFile(path: path)).socket
    }
}
