import ArgumentParser

struct ShimCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shim",
        abstract: "Stand in for the programs of other CI systems.",
        subcommands: [BuildkiteShim.self]
    )
}
