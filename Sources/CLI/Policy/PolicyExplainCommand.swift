import ArgumentParser
import Foundation
import Issuer
import JOSE
import Keys
import Policy
import Server

struct PolicyExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say whether a job would get a token for an audience, which rule decides, and why.",
        discussion: "Exits 0 where it would, 1 where it would not."
    )

    @Option(help: ArgumentHelp("The registration as JSON, from a file or standard input.", valueName: "file|-"))
    var job: String

    @Option(help: ArgumentHelp("Who the token would be for.", valueName: "audience"))
    var audience: String

    @Option(help: ArgumentHelp("The runner that would register it.", valueName: "name"))
    var runner = "runner"

    @Option(help: ArgumentHelp("The service connection that Azure's clients would name.", valueName: "id"))
    var serviceConnection: String?

    @Option(help: ArgumentHelp("The policy file (default: the configured one).", valueName: "file"))
    var policy: String?

    @Option(help: ArgumentHelp("The issuer's configuration file (JOBSWORTH_CONFIG).", valueName: "file"))
    var config: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let planning = try PolicyPlanning(policyFile: policy, configurationFile: config)
        let explanation = try explanation(planning)
        StandardStreams.print(json ? ByteString(explanation.document.serialized).string : explanation.text)
        if explanation.refusal != nil { throw ExitCode(1) }
    }

    private func explanation(_ planning: PolicyPlanning) throws -> PolicyExplanation {
        let policy = try planning.policy()
        do {
            let job = try registered()
            return PolicyExplanation(
                verdicts: policy.verdicts(on: ByteString(audience), for: description(job)),
                job: description(job),
                outcome: Result { () throws(Refusal) in
                    try outcome(job, planning.planner(policy), planning.claims)
                }
            )
        } catch let refusal as Refusal {
            let about = refusal.about.isEmpty ? "" : " (\(refusal.about))"
            throw CommandFailure.failed("\(job): \(ErrorResponse.sentence(for: refusal.reason))\(about)")
        }
    }

    private func outcome(
        _ job: Job,
        _ planner: TokenPlanner,
        _ claims: TokenClaims
    ) throws(Refusal) -> PolicyExplanation.Permit {
        let audiences = try Audiences([ByteString(audience)])
        let named =
            job.registration.mayRequestTokens
            ? nil : job.registration.namedTokens.first { $0.audiences == audiences }
        let request = TokenRequest(
            audiences: audiences,
            lifetime: named?.lifetime,
            origin: named == nil ? .requestToken : .namedToken,
            serviceConnection: serviceConnection.map { ByteString($0) }
        )
        try planner.check(job)
        let plan = try planner.plan(request, for: job)
        return PolicyExplanation.Permit(plan: plan, claims: try claims.constant(for: job, plan.form))
    }

    private func description(_ job: Job) -> JobDescription {
        job.description(serviceConnection: serviceConnection.map { ByteString($0) })
    }

    private func registered() throws -> Job {
        let body: [UInt8]
        if job == "-" {
            body = try StandardStreams.read(limit: 65_536)
        } else if let data = FileManager.default.contents(atPath: job) {
            body = Array(data)
        } else {
            throw CommandFailure.failed("\(job) cannot be read")
        }
        var generator = SystemRandomNumberGenerator()
        return try Job(
            id: .random(using: &generator),
            runner: Runner(
                id: 0,
                name: ByteString(runner),
                patterns: [],
                bounds: .none,
                credentials: [],
                addedAt: .now,
                revokedAt: nil
            ),
            registration: try JobRegistration(parsing: JSONBody.object(body)),
            at: .now
        )
    }
}
