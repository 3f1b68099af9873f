import Agent
import ArgumentParser
import GRPCCore
import JOSE
import SPIFFE

struct SVIDValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Ask the Workload API whether a JWT-SVID is valid, and show what it says.",
        discussion: "The token comes from standard input where it is not given."
    )

    @OptionGroup var api: WorkloadAPIOptions

    @Option(help: ArgumentHelp("Whom the token must be for.", valueName: "audience")) var audience: String

    @Flag(help: "Print JSON.") var json = false

    @Argument(help: "The token; other users can see arguments.") var token: String?

    func validate() throws {
        if token == nil, api.identityExchangeTokenFile == "-" {
            throw ValidationError("standard input cannot be both the JWT-SVID and the job's token")
        }
    }

    func run() async throws {
        let token = try token.map { ByteString($0) } ?? Self.read()
        let audience = ByteString(audience)
        do {
            let source = try api.source()
            let valid = try await source.ask { connection in
                do {
                    return try await connection.validate(token, audience: audience)
                } catch WorkloadAPIError.status(.invalidArgument, let message) {
                    let reason = message.isEmpty ? "no reason given" : ByteString(message).shownPlainly
                    throw CommandFailure(message: "SVID is not valid: \(reason)", code: 1)
                }
            }
            show(valid)
        } catch let failure as CommandFailure where failure.message.hasPrefix("SVID is not valid") {
            StandardStreams.complainPlainly(failure.message)
            throw ExitCode(1)
        }
    }

    private func show(_ valid: ReceivedValidation) {
        guard !json else {
            let object = JSONObject([("spiffe_id", .string(valid.id.text)), ("claims", .object(valid.claims))])
            return StandardStreams.print(object.line)
        }
        StandardStreams.print("SVID is valid.\nSPIFFE ID : \(valid.id.text)\nClaims    : \(valid.claims.line)")
    }

    private static func read() throws -> ByteString {
        let token = try StandardStreams.read(limit: 65_536).trimmingBlanks
        guard !token.isEmpty else { throw CommandFailure.failed("standard input is empty; it should hold the token") }
        return ByteString(token)
    }
}
