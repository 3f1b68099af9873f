import ArgumentParser
import Foundation

struct RunnerBrokerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker",
        abstract: "Keep the runner's credential away from jobs: register and end them by a socket.",
        discussion: """
            Run it as a user of its own that owns the credential's file. The CI's agent, named with --allow-uid, then \
            uses job start, end and exec with --broker PATH and holds no credential. Jobs must run as yet another \
            user: whoever runs as one that is allowed can register jobs.

            SIGHUP reads the credential again.
            """
    )

    @Option(help: ArgumentHelp("The credential's file (JOBSWORTH_RUNNER_CREDENTIAL_FILE).", valueName: "file"))
    var credentialFile: String?

    @Option(help: ArgumentHelp("The socket to listen on, in a folder only its owner can write in.", valueName: "path"))
    var socket: String

    @Option(help: ArgumentHelp("The issuer's URL (JOBSWORTH_ISSUER).", valueName: "url"))
    var issuer: String?

    @Option(help: ArgumentHelp("The runner plane's URL, if it is another (JOBSWORTH_RUNNER_URL).", valueName: "url"))
    var runnerURL: String?

    @Option(help: ArgumentHelp("A user that may use it besides root (default: our own).", valueName: "uid|name"))
    var allowUid: [String] = []

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let file = credentialFile ?? environment["JOBSWORTH_RUNNER_CREDENTIAL_FILE"] else {
            throw CommandFailure.wrongUsage("say with --credential-file where the runner's credential is")
        }
        try await BrokerProcess(
            url: RunnerPlaneURL(runnerURL, issuer, environment),
            credentialFile: file,
            socket: socket,
            users: allowUid.map(UserID.init)
        )
        .run()
    }
}
