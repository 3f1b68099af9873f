import ArgumentParser
import Storage

/// The options of every command that works on a store.
struct StorageOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The YAML file with the configuration.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp("Where keys, jobs and audit records lie, as sqlite:PATH or postgres://…", valueName: "url")
    )
    var storage: String?

    @Option(help: ArgumentHelp("The admin socket of the running issuer, as unix:PATH.", valueName: "address"))
    var admin: String?

    @Flag(help: "Print JSON.")
    var json = false

    func sources() throws -> ConfigurationSources {
        let sources = ConfigurationSources(options: [.storage: storage, .admin: admin], configurationFile: config)
        guard sources.file.problems.isEmpty else {
            throw CommandFailure.wrongConfiguration(sources.file.problems.joined(separator: "\njobsworth: "))
        }
        return sources
    }
}
