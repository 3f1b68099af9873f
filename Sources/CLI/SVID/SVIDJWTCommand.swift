import Agent
import ArgumentParser
import JOSE
import SPIFFE

struct SVIDJWTCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jwt",
        abstract: "Get a JWT-SVID: the token alone on standard output, or in a file.",
        discussion: """
            SVID=$(jobsworth svid jwt --audience https://vault.example --identity-exchange-token-file job.token)
            """
    )

    @OptionGroup var api: WorkloadAPIOptions

    @Option(help: ArgumentHelp("Who the token is for; may be repeated.", valueName: "audience"))
    var audience: [String] = []

    @Option(name: .customLong("spiffe-id"), help: ArgumentHelp("Which identity, of several.", valueName: "id"))
    var id: String?

    @Option(help: ArgumentHelp("Write the token here instead, readable by this user only.", valueName: "file"))
    var filename: String?

    @Flag(help: "Print all identities' tokens as JSON.") var json = false

    func validate() throws {
        if audience.isEmpty || audience.contains("") { throw ValidationError("say whom the token is for: --audience") }
        if json, filename != nil {
            throw ValidationError("--json is for standard output, --filename for the token alone")
        }
    }

    func run() async throws {
        let audiences = audience.map { ByteString($0) }
        let id = try id.map(SPIFFEIDArgument.id)
        let svids = try await api.source().ask { try await $0.jwtSVIDs(audiences: audiences, id: id) }
        guard let first = svids.first else { throw CommandFailure.failed("the agent answered without an SVID") }
        if let filename { return try PrivateFile.write(first.compact.bytes, to: filename) }
        StandardStreams.print(json ? JSONObject([("svids", .array(svids.map(Self.json)))]).line : first.compact.string)
    }

    private static func json(_ svid: ReceivedJWTSVID) -> JSONValue {
        var object = JSONObject([("spiffe_id", .string(svid.id.text)), ("svid", .string(svid.compact))])
        if !svid.hint.isEmpty { object["hint"] = .string(svid.hint) }
        return .object(object)
    }
}
