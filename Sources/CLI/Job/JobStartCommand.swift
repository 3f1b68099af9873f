import ArgumentParser
import JOSE

struct JobStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Register a job and print what it is to be given.",
        discussion: """
            A job gets tokens only if it opts in: --permission id-token=write, --id-token NAME=AUDIENCE, or its section
            of the CI's file with --file and --job. The secrets of that file are fetched by job exec only.

              eval "$(jobsworth job start --fact repository=acme/widgets … --permission id-token=write --output sh)"
            """
    )

    @OptionGroup var runner: RunnerOptions

    @OptionGroup var registration: RegistrationOptions

    @Option(help: ArgumentHelp("How to print it: json, sh, env or dir:PATH.", valueName: "form"))
    var output = "json"

    func validate() throws {
        if JobOutput(output) == nil { throw ValidationError("--output must be json, sh, env or dir:PATH") }
    }

    func run() async throws {
        let body = try registration.body()
        let connection = try RunnerConnection(runner, standardInputIsTaken: registration.takesStandardInput)
        let answer = try await connection.send("POST", "/v1/jobs", body: body, expecting: [200, 201])
        guard case .object(let job)? = try? JSONReader.read(answer, limits: HTTPFetcher.limits) else {
            throw CommandFailure.failed("the issuer gave no answer that can be read")
        }
        if job.isWaiting {
            StandardStreams.complain(job.waitingNotice)
        } else if job.rowsOfEnvironment.isEmpty {
            StandardStreams.complain(registration.withoutToken)
        }
        try JobOutput(output)?.write(job, verbatim: answer)
    }
}
