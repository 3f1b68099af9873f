import ArgumentParser
import Foundation

/// The options of every command that reads or changes the agent's file.
struct AgentFileOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The agent's YAML file.", valueName: "file"))
    var config: String?

    @Flag(help: "Print JSON.")
    var json = false

    func path() throws -> String {
        if let path = config ?? ProcessInfo.processInfo.environment["JOBSWORTH_AGENT_CONFIG"] { return path }
        throw ValidationError("say where the agent's file is: --config agent.yaml, or JOBSWORTH_AGENT_CONFIG")
    }
}
