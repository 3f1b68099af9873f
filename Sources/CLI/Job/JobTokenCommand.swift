import ArgumentParser
import JOSE
import Policy

struct JobTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Get a token for the job this runs in.",
        discussion: """
            Reads ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN, and prints the token alone. With
            --format gcp it is the command of an executable-sourced credential of Google's libraries.
            """
    )

    @Option(help: ArgumentHelp("Who the token is for.", valueName: "audience"))
    var audience: String

    @Option(help: ArgumentHelp("The token alone, or JSON for Google's libraries.", valueName: "jwt|gcp"))
    var format = TokenFormat.jwt

    func run() async throws {
        try await format.print { try await RequestTokenConnection().token(for: ByteString(audience)) }
    }
}
