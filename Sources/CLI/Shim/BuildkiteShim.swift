import ArgumentParser

/// What answers when a program runs `buildkite-agent`.
struct BuildkiteShim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "buildkite",
        abstract: "Stand in for buildkite-agent.",
        discussion: """
            After jobsworth shim buildkite install DIR, with DIR on PATH, programs that ask buildkite-agent for a token get
            one of the job they run in.
            """,
        subcommands: [BuildkiteInstallCommand.self, OIDC.self]
    )

    struct OIDC: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "oidc",
            abstract: "Tokens of the job this runs in.",
            subcommands: [BuildkiteTokenCommand.self]
        )
    }
}
