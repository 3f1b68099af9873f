import ArgumentParser
import CLinux
import Foundation
import UnixSignals

struct SVIDHelperCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "helper",
        abstract: "Keep SVIDs fresh in files, and tell a program of each renewal.",
        discussion: """
            FILE is YAML with the keys of spiffe-helper. Everything is written before COMMAND starts; it gets renew_signal
            after each renewal, its signals are handed on, and its exit code is this one's.
            """
    )

    @OptionGroup var api: WorkloadAPIOptions

    @Option(help: ArgumentHelp("The configuration file.", valueName: "file")) var config: String

    @Option(help: ArgumentHelp("false: write everything once, and end (over the file's).", valueName: "true|false"))
    var daemonMode: Bool?

    @Argument(parsing: .postTerminator, help: ArgumentHelp("What to run, after --.", valueName: "command"))
    var command: [String] = []

    func run() async throws {
        var settings = try HelperSettingsFile.read(config)
        settings.isDaemon = daemonMode ?? settings.isDaemon
        guard command.isEmpty || settings.command.isEmpty else {
            throw CommandFailure.wrongUsage("there is cmd in \(config) and a command after --; choose one")
        }
        let source = try api.source(
            configuredSocket: settings.agentAddress,
            configuredTokenFile: settings.evidenceFile
        )
        signal(SIGPIPE, SIG_IGN)
        let child = command.isEmpty ? nil : ChildProcess(hasOtherUser: false)
        let helper = try SVIDHelper(settings, source: source, wrapped: child)
        if let child {
            Foundation.exit(await WrappedHelper(helper: helper, child: child, command: command).run())
        }
        settings.isDaemon ? try await HelperDaemon(helper: helper).run() : try await HelperOnce(helper: helper).run()
    }
}
