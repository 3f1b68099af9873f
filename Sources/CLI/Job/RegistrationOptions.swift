import ArgumentParser
import Foundation
import JOSE
import JobFile

/// What a job is registered with, of `job start` and `job exec` alike.
struct RegistrationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("One fact of the job, as ref=refs/heads/main.", valueName: "name=value"))
    var fact: [String] = []

    @Option(help: ArgumentHelp("The whole registration as JSON, from a file or standard input.", valueName: "file|-"))
    var facts: String?

    @Option(help: ArgumentHelp("The CI's file of jobs, which says what the job opts in to.", valueName: "file"))
    var file: String?

    @Option(help: ArgumentHelp("The job's name in that file.", valueName: "name"))
    var job: String?

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

    /// Whether standard input holds the registration, and so no credential.
    var takesStandardInput: Bool { facts == "-" }

    /// What is said of a job that has no token.
    var withoutToken: String {
        file.map {
            "this job gets no token: its section of \($0) has neither id_tokens: nor permissions: id-token: write"
        }
            ?? "this job gets no token: it has neither --permission id-token=write nor --id-token"
    }

    func validate() throws {
        if (facts == nil) == fact.isEmpty { throw ValidationError("give either --fact name=value … or --facts FILE") }
        if (file == nil) != (job == nil) { throw ValidationError("--file and --job go together") }
        if file != nil, !(permission.isEmpty && idToken.isEmpty) { throw ValidationError(Self.twoSources) }
        for pair in fact + permission + idToken where !pair.utf8.contains(UInt8(ascii: "=")) {
            throw ValidationError("\(pair) must have the form name=value")
        }
        for pairs in [fact, permission, idToken] {
            let names = Self.pairs(pairs).map(\.0)
            if Set(names).count < names.count { throw ValidationError("a name is given twice") }
        }
    }

    /// The body of the registration as it was given, or as the options and the job file make it.
    func body() throws -> [UInt8] {
        guard facts == nil || file != nil else { return try givenBody() }
        let (body, definition) = try registration()
        if let job, definition?.secrets.isEmpty == false {
            StandardStreams.complain("the secrets of \(job) are not fetched: that is for job exec to do")
        }
        return body.serialized
    }

    /// The registration with what the job file adds to it.
    func registration() throws -> (body: JSONObject, definition: JobDefinition?) {
        let given = facts == nil ? fromOptions() : try parsedBody()
        guard let file, let job else { return (given, nil) }
        guard given["permissions"] == nil, given["id_tokens"] == nil else {
            throw CommandFailure.wrongUsage(Self.twoSources)
        }
        let deadline = ReadingDeadline(file)
        defer { deadline.lift() }
        return try JobFileReader(path: file).completed(given, forJob: job)
    }

    private static let twoSources =
        "the job file says what the job opts in to: give no permissions and no id tokens beside it"

    private func givenBody() throws -> [UInt8] {
        if facts == "-" { return try StandardStreams.read(limit: 65_536) }
        guard let facts, let data = FileManager.default.contents(atPath: facts) else {
            throw CommandFailure.failed("\(facts ?? "") cannot be read")
        }
        return Array(data)
    }

    private func parsedBody() throws -> JSONObject {
        guard case .object(let object)? = try? JSONReader.read(givenBody()) else {
            throw CommandFailure.failed("\(facts ?? "") is not a registration: it must be one JSON object")
        }
        return object
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
