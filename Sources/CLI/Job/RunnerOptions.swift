import ArgumentParser

/// Where the issuer's runner plane is, and the runner's credential: from a file, a descriptor or standard input, never
/// from an argument, which everybody on the machine can read; or the broker that stands for both.
struct RunnerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The issuer's URL (JOBSWORTH_ISSUER).", valueName: "url"))
    var issuer: String?

    @Option(help: ArgumentHelp("The runner plane's URL, if it is another (JOBSWORTH_RUNNER_URL).", valueName: "url"))
    var runnerURL: String?

    @Option(help: ArgumentHelp("The credential's file (JOBSWORTH_RUNNER_CREDENTIAL_FILE).", valueName: "file"))
    var credentialFile: String?

    @Option(help: ArgumentHelp("The open descriptor to read the credential from.", valueName: "number"))
    var credentialFd: Int32?

    @Option(help: ArgumentHelp("The broker's socket, in place of both (JOBSWORTH_RUNNER_BROKER).", valueName: "path"))
    var broker: String?
}
