import ArgumentParser
import JOSE

/// What was kept for each cluster before there were policies.
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "What the agent's file keeps for a cluster: the older way.",
        subcommands: [Config.self]
    )

    struct Config: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "config",
            abstract: "Settings of one cluster.",
            subcommands: [ChangeJWTTemplate.self]
        )

        /// Before the command it is for, or after it.
        @Option(help: ArgumentHelp("The cluster's trust domain.", valueName: "name")) var trustDomain: String?
    }

    struct ChangeJWTTemplate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "change-jwt-template",
            abstract: "Set the claims of a cluster's JWT-SVIDs that no policy customises.",
            discussion: "TEMPLATE is a list as namespace={{jwt.claim.repo}},branch={{jwt.claim.ref}}; \"\" removes it."
        )
        @ParentCommand var parent: Config
        @Argument(help: "The cluster's name.") var name: String
        @Argument(help: "The claims.") var template: String
        @OptionGroup var file: AgentFileOptions

        func run() async throws {
            guard let trustDomain = parent.trustDomain else {
                throw ValidationError("say whose cluster: cluster config --trust-domain NAME change-jwt-template …")
            }
            let changed = ClusterTemplate(cluster: name, trustDomain: trustDomain, jwtTemplate: template)
            try AgentFileEdit.perform(on: file.path()) { edit in
                let entry = edit.all(.cluster)
                    .first { $0.text("name") == name && $0.text("trustDomain") == trustDomain }
                switch (entry, template.isEmpty) {
                case (let entry?, true): edit.remove(entry)
                case (let entry?, false): edit.replace(entry, changed.spec)
                case (nil, true): break
                case (nil, false): edit.append(.cluster, changed.spec)
                }
            }
        }
    }
}
