import ArgumentParser
import Foundation

struct JobTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Get a token for the job this runs in.",
        discussion: "Reads ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN, and prints the token alone."
    )

    @Option(help: ArgumentHelp("Who the token is for.", valueName: "audience"))
    var audience: String

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let url = environment["ACTIONS_ID_TOKEN_REQUEST_URL"],
            let requestToken = environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
        else {
            throw CommandFailure.failed(
                "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set: the job did not opt in to tokens"
            )
        }
        guard let request = IDTokenRequest(url: url, requestToken: requestToken) else {
            throw CommandFailure.failed("ACTIONS_ID_TOKEN_REQUEST_TOKEN is not one line of printable characters")
        }
        StandardStreams.print(try await request.token(for: audience))
    }
}
