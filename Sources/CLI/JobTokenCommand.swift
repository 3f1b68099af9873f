import ArgumentParser
import Foundation
import Issuer
import JOSE
import Policy

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
        guard requestToken.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw CommandFailure.failed("ACTIONS_ID_TOKEN_REQUEST_TOKEN is not one line of printable characters")
        }
        let encoded = PercentEncoding.encode(ByteString(audience), reserved: Array("&=+#?/:;,@".utf8))
        let answer = try await get("\(url)&audience=\(encoded.string)", requestToken)
        guard answer.status == 200 else { throw IssuerAnswer.failure(answer) }
        guard case .object(let object)? = try? JSONReader.read(answer.body), case .string(let token)? = object["value"]
        else {
            throw CommandFailure.failed("the issuer gave no token that can be read")
        }
        StandardStreams.print(token.string)
    }

    /// An issuer that is restarting or overloaded is asked again, at most five times in about six seconds.
    private func get(_ url: String, _ requestToken: String) async throws -> HTTPFetcher.Answer {
        let headers = [("Authorization", "Bearer \(requestToken)"), ("Accept", "application/json")]
        for attempt in 0..<5 {
            let answer = try await HTTPFetcher().get(url, headers: headers)
            guard [502, 503, 504].contains(answer.status) else { return answer }
            try await Task.sleep(for: .milliseconds(200 << attempt))
        }
        return try await HTTPFetcher().get(url, headers: headers)
    }
}
