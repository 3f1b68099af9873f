import ArgumentParser
import Foundation
import JOSE

struct JobStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Register a job and print what it is to be given.",
        discussion: """
            A job gets tokens only if it opts in: --permission id-token=write, or --id-token NAME=AUDIENCE.

              eval "$(jobsworth job start --fact repository=acme/widgets … --permission id-token=write --output sh)"
            """
    )

    @OptionGroup var runner: RunnerOptions

    @Option(help: ArgumentHelp("One fact of the job, as ref=refs/heads/main.", valueName: "name=value"))
    var fact: [String] = []

    @Option(help: ArgumentHelp("The whole registration as JSON, from a file or standard input.", valueName: "file|-"))
    var facts: String?

    @Option(help: ArgumentHelp("id-token=write lets the job request tokens.", valueName: "name=value"))
    var permission: [String] = []

    @Option(help: ArgumentHelp("An audience that the job may ask for (default: any).", valueName: "audience"))
    var audience: [String] = []

    @Option(help: ArgumentHelp("A token made now, under the name of a variable.", valueName: "name=audience"))
    var idToken: [String] = []

    @Option(help: ArgumentHelp("The CI's own name for this job: makes the command repeatable.", valueName: "reference"))
    var reference: String?

    @Option(help: ArgumentHelp("Seconds until the job ends by itself (default: 3600).", valueName: "seconds"))
    var expiresIn: Int64?

    @Option(help: ArgumentHelp("Seconds within which a heartbeat must come.", valueName: "seconds"))
    var lease: Int64?

    @Option(help: ArgumentHelp("How to print it: json, sh, env or dir:PATH.", valueName: "form"))
    var output = "json"

    func validate() throws {
        if (facts == nil) == fact.isEmpty { throw ValidationError("give either --fact name=value … or --facts FILE") }
        if JobOutput(output) == nil { throw ValidationError("--output must be json, sh, env or dir:PATH") }
        for pair in fact + permission + idToken where !pair.utf8.contains(UInt8(ascii: "=")) {
            throw ValidationError("\(pair) must have the form name=value")
        }
        for pairs in [fact, permission, idToken] {
            let names = Self.pairs(pairs).map(\.0)
            if Set(names).count < names.count { throw ValidationError("a name is given twice") }
        }
    }

    func run() async throws {
        let body = try registration()
        let connection = try RunnerConnection(runner, standardInputIsTaken: facts == "-")
        let answer = try await connection.send("POST", "/v1/jobs", body: body, expecting: [200, 201])
        guard case .object(let job)? = try? JSONReader.read(answer, limits: HTTPFetcher.limits) else {
            throw CommandFailure.failed("the issuer gave no answer that can be read")
        }
        if job.rowsOfEnvironment.isEmpty {
            StandardStreams.complain(
                "this job gets no token: it has neither --permission id-token=write nor --id-token"
            )
        }
        try JobOutput(output)?.write(job, verbatim: answer)
    }

    private func registration() throws -> [UInt8] {
        guard let facts else { return fromOptions().serialized }
        if facts == "-" { return try StandardStreams.read(limit: 65_536) }
        guard let data = FileManager.default.contents(atPath: facts) else {
            throw CommandFailure.failed("\(facts) cannot be read")
        }
        return Array(data)
    }

    private func fromOptions() -> JSONObject {
        var body = JSONObject([("job", .object(Self.object(fact)))])
        if !permission.isEmpty { body["permissions"] = .object(Self.object(permission)) }
        if !audience.isEmpty { body["audiences"] = .array(audience.map { .string(ByteString($0)) }) }
        if !idToken.isEmpty {
            body["id_tokens"] = .object(
                JSONObject(Self.pairs(idToken).map { ($0.0, .object(JSONObject([("aud", .string($0.1))]))) })
            )
        }
        body["reference"] = reference.map { .string(ByteString($0)) }
        body["expires_in"] = expiresIn.map { .integer($0) }
        body["lease"] = lease.map { .integer($0) }
        return body
    }

    private static func object(_ texts: [String]) -> JSONObject {
        JSONObject(pairs(texts).map { ($0.0, .string($0.1)) })
    }

    private static func pairs(_ texts: [String]) -> [(ByteString, ByteString)] {
        texts.map { text in
            let bytes = Array(text.utf8)
            let equals = bytes.firstIndex(of: UInt8(ascii: "=")) ?? bytes.endIndex
            return (ByteString(bytes[..<equals]), ByteString(bytes[equals...].dropFirst()))
        }
    }
}
