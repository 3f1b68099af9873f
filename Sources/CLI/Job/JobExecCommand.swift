import ArgumentParser
import CLinux
import Foundation
import JOSE
import JobFile
import UnixSignals

struct JobExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command as a job: with its tokens and secrets, from its registration to its end.",
        discussion: """
            Registers the job, fetches the secrets of its section of the CI's file, runs COMMAND with them, keeps its lease
            and its token files, and ends it whatever happens. The exit code is COMMAND's; 128 and the signal's number where
            a signal ended it, 126 and 127 where it could not be run.

              jobsworth job exec --file .gitlab-ci.yml --job deploy --user ci-job --fact repository=acme/widgets … -- make
            """
    )

    @OptionGroup var runner: RunnerOptions
    @OptionGroup var registration: RegistrationOptions
    @OptionGroup var tokenFiles: TokenFileOptions

    @Option(
        help: ArgumentHelp("Whom COMMAND runs as: its user may not read the runner's credential.", valueName: "user")
    )
    var user: String?

    @Flag(help: "COMMAND may run where it could read the runner's credential.")
    var iTrustTheJob = false

    @Argument(parsing: .postTerminator, help: ArgumentHelp("What to run, after --.", valueName: "command"))
    var command: [String] = []

    func validate() throws {
        if command.isEmpty { throw ValidationError("say after -- which command to run") }
    }

    func run() async throws {
        // First of all: what is read from here on, nobody of this user can read in our memory or descriptors.
        guard jobsworth_forbid_inspection() == 0 else {
            throw CommandFailure.failed("this process cannot be protected from inspection")
        }
        let source = RunnerCredentialSource(runner, standardInputIsTaken: registration.takesStandardInput)
        let separation = try JobSeparation(source, user: user, trustsTheJob: iTrustTheJob)
        let (body, definition) = try registration.registration()
        let connection = try RunnerConnection(runner, standardInputIsTaken: registration.takesStandardInput)
        source.relinquish()
        signal(SIGPIPE, SIG_IGN)
        let child = ChildProcess(hasOtherUser: separation.user != nil)
        let signals = await UnixSignalsSequence(trapping: [.sigterm, .sigint, .sighup, .sigquit, .sigusr1, .sigusr2])
        let listener = Task { for await signal in signals { child.send(signal.rawValue) } }
        let job = try await WrappedJob.start(body, by: connection)
        let code = await run(child, job, definition, separation.user)
        await job.end()
        listener.cancel()
        Foundation.exit(code)
    }

    /// The exit code, whatever happens: the job has to be ended after.
    private func run(
        _ child: ChildProcess,
        _ job: WrappedJob,
        _ definition: JobDefinition?,
        _ user: JobUser?
    ) async -> Int32 {
        let heartbeats = Task { await job.beat() }
        defer { heartbeats.cancel() }
        do {
            let job = try await child.preparing { [job] in
                if job.answer.isWaiting { StandardStreams.complain(job.answer.waitingNotice) }
                return try await job.whenApproved()
            }
            if job.answer.rowsOfEnvironment.isEmpty { StandardStreams.complain(registration.withoutToken) }
            let secrets = try await child.preparing { [definitions = definition?.secrets ?? []] in
                try await JobSecrets.fetch(definitions, with: job.answer)
            }
            let preparation = JobPreparation(job: job, secrets: secrets, tokenFiles: tokenFiles, user: user)
            let result = await Task { try await preparation.run(command, as: child) }.result
            await secrets.end()
            return try result.get()
        } catch {
            return Self.code(error, command.first ?? "")
        }
    }

    private static func code(_ error: any Error, _ name: String) -> Int32 {
        switch error {
        case let interruption as ChildProcess.Interrupted: return 128 + interruption.signal
        case let failure as CommandFailure:
            StandardStreams.complain(failure.message)
            return failure.code
        case ChildCommand.Failure.notFound:
            StandardStreams.complain("\(name): there is no such command")
            return 127
        case ChildCommand.Failure.notExecutable(let reason):
            StandardStreams.complain("\(name) cannot be run: \(String(cString: strerror(reason)))")
            return 126
        case ChildCommand.Failure.userRefused(let reason), ChildCommand.Failure.noProcess(let reason):
            StandardStreams.complain("no process could be started: \(String(cString: strerror(reason)))")
            return 1
        default:
            StandardStreams.complain("the command was not started")
            return 1
        }
    }
}
