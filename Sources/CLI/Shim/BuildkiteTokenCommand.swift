import ArgumentParser
import Foundation
import JOSE

/// `buildkite-agent oidc request-token`: its options and variables, answered for the job this runs in.
struct BuildkiteTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "request-token",
        abstract: "Get a token as buildkite-agent does.",
        discussion: """
            Reads ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN. Options that are not given come from
            BUILDKITE_OIDC_TOKEN_AUDIENCE, _CLAIMS, _AWS_SESSION_TAGS and _SUBJECT_CLAIM. Lists are separated by commas.
            """
    )

    @Option(help: ArgumentHelp("Who the token is for.", valueName: "audience"))
    var audience: String?

    @Option(help: ArgumentHelp("Seconds that the token is to live (0: the issuer's default).", valueName: "seconds"))
    var lifetime: Int64 = 0

    @Option(help: ArgumentHelp("A claim that the token must have; may repeat.", valueName: "name,…"))
    var claim: [String] = []

    @Option(help: ArgumentHelp("A fact that becomes an AWS session tag; may repeat.", valueName: "name,…"))
    var awsSessionTag: [String] = []

    @Option(help: ArgumentHelp("The claim that is to be the subject, where policy allows it.", valueName: "name"))
    var subjectClaim: String?

    @Option(help: ArgumentHelp("The token alone, or JSON for Google's libraries.", valueName: "jwt|gcp"))
    var format = TokenFormat.jwt

    @Option(help: ArgumentHelp("The job, which can only be the one this runs in.", valueName: "id"))
    var job: String?

    @Flag(help: "Accepted: the token goes to standard output and to no log.")
    var skipRedaction = false

    func validate() throws {
        if !(0...86_400).contains(lifetime) { throw ValidationError("--lifetime must be from 0 to 86400 seconds") }
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        try await format.print {
            let connection = try RequestTokenConnection()
            try refuseOtherJobs(than: connection.jobID, environment)
            return try await connection.token(agentBody: body(environment))
        }
    }

    /// A request token speaks for one job; `BUILDKITE_JOB_ID` is what the CI calls that one.
    private func refuseOtherJobs(than id: String?, _ environment: [String: String]) throws {
        guard let job, job != id, job != environment["BUILDKITE_JOB_ID"] else { return }
        throw CommandFailure.failed("--job names another job than the one this runs in; leave it out")
    }

    private func body(_ environment: [String: String]) throws -> JSONObject {
        guard let audience = audience ?? environment["BUILDKITE_OIDC_TOKEN_AUDIENCE"], !audience.isEmpty else {
            throw CommandFailure.failed("audience_missing: say with --audience who the token is for")
        }
        var body = JSONObject([("audience", .string(ByteString(audience)))])
        if lifetime > 0 { body["lifetime"] = .integer(lifetime) }
        body["claims"] = Self.list(claim, environment["BUILDKITE_OIDC_TOKEN_CLAIMS"])
        body["aws_session_tags"] = Self.list(awsSessionTag, environment["BUILDKITE_OIDC_TOKEN_AWS_SESSION_TAGS"])
        let subject = subjectClaim ?? environment["BUILDKITE_OIDC_TOKEN_SUBJECT_CLAIM"] ?? ""
        if !subject.isEmpty { body["subject_claim"] = .string(ByteString(subject)) }
        return body
    }

    /// The names of comma lists, each once; nil where there are none.
    private static func list(_ given: [String], _ variable: String?) -> JSONValue? {
        var names: [ByteString] = []
        for list in given.isEmpty ? [variable ?? ""] : given {
            for name in list.split(separator: ",") {
                let name = ByteString(name.trimmingCharacters(in: .whitespaces))
                if !name.isEmpty && !names.contains(name) { names.append(name) }
            }
        }
        return names.isEmpty ? nil : .array(names.map { .string($0) })
    }
}
