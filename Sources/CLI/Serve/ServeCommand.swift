import ArgumentParser

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the issuer.",
        discussion: """
            On the first start everything it needs is made, keys included, readable by its owner only.

            Precedence: option, environment (JOBSWORTH_…), file, default.
            """
    )

    @Option(help: ArgumentHelp("The issuer's URL, exactly as verifiers will compare it.", valueName: "url"))
    var issuer: String?

    @Option(help: ArgumentHelp("Where to listen (default: 127.0.0.1:8080).", valueName: "host:port"))
    var listen: String?

    @Option(help: ArgumentHelp("A listener of its own for runners and jobs.", valueName: "host:port"))
    var runnerListen: String?

    @Option(help: ArgumentHelp("What stands for the issuer in the URLs given to runners.", valueName: "url"))
    var runnerURL: String?

    @Option(help: ArgumentHelp("The default algorithm: RS256 or ES256 (default: RS256).", valueName: "algorithm"))
    var algorithm: String?

    @Option(help: ArgumentHelp("The policy: who may get which token; read again when it changes.", valueName: "file"))
    var policy: String?

    @Option(help: ArgumentHelp("The TLS certificate chain, PEM; read again when it changes.", valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("The TLS private key, PEM.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp("Where liveness, readiness and metrics are read (default: nowhere).", valueName: "host:port")
    )
    var metrics: String?

    @Flag(help: "Begin a new issuer although a sealing key is there and its store is not.")
    var initialise = false

    @OptionGroup var store: StorageOptions

    func run() async throws {
        let options: [ConfigurationKey: String?] = [
            .issuer: issuer, .listen: listen, .runnerListen: runnerListen, .runnerURL: runnerURL,
            .algorithm: algorithm, .tlsCertificate: tlsCertificate, .tlsKey: tlsKey, .metrics: metrics,
            .policy: policy,
            .storage: store.storage, .admin: store.admin,
        ]
        var configuration = try ServeConfiguration(
            ConfigurationSources(options: options, configurationFile: store.config)
        )
        configuration.initialise = initialise
        try await IssuerProcess(configuration).run()
    }
}
