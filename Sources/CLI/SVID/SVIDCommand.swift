import ArgumentParser

struct SVIDCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "svid",
        abstract: "Get identities from any SPIFFE Workload API.",
        subcommands: [
            SVIDJWTCommand.self, SVIDX509Command.self, SVIDBundleCommand.self, SVIDValidateCommand.self,
            SVIDWatchCommand.self, SVIDHelperCommand.self,
        ]
    )
}
