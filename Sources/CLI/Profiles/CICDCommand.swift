import ArgumentParser
import JOSE

/// The older way of configuring trusted issuers: `ci-cd profile create`, `ci-cd profile link create`.
struct CICDCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ci-cd",
        abstract: "Trusted issuers by name, in the agent's file: the older way.",
        subcommands: [Profile.self]
    )

    struct Profile: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "profile",
            abstract: "Profiles of issuers, and their links to clusters.",
            subcommands: [Create.self, List.self, Delete.self, Link.self]
        )

        struct Create: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Name an issuer; nothing trusts it before a link does."
            )
            @Argument(help: "The profile's name.") var name: String
            @Option(help: ArgumentHelp("The issuer, exactly as its tokens say.", valueName: "url")) var issuer: String
            @Option(help: ArgumentHelp("Its JWK Set, instead of discovery.", valueName: "url")) var jwksURL: String?
            @Option(help: ArgumentHelp("The audience its tokens must have.", valueName: "name")) var audience: String?
            @OptionGroup var file: AgentFileOptions

            func run() async throws {
                let profile = CICDProfile(name: name, issuer: issuer, jwksURI: jwksURL, audience: audience)
                try AgentFileEdit.perform(on: file.path()) { edit in
                    guard edit.profile(named: name) == nil else {
                        throw CommandFailure.failed(
                            "there is a profile \(name), and profiles never change; delete it, or choose another name"
                        )
                    }
                    edit.append(.profile, profile.spec)
                }
                StandardStreams.print(file.json ? profile.document.line : profile.id)
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List the profiles.")
            @OptionGroup var file: AgentFileOptions

            func run() async throws {
                let profiles = try AgentConfiguration(AgentFile(path: file.path())).profiles
                if file.json {
                    let rows = JSONObject([("profiles", .array(profiles.map { .object($0.document) }))])
                    return StandardStreams.print(rows.line)
                }
                profiles.forEach { StandardStreams.print("\($0.id)\t\($0.name)\t\($0.issuer)") }
            }
        }

        struct Delete: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Delete a profile that no cluster is linked to.")
            @Argument(help: "The profile's name.") var name: String
            @OptionGroup var file: AgentFileOptions

            func run() async throws {
                try AgentFileEdit.perform(on: file.path()) { edit in
                    guard let entry = edit.profile(named: name) else {
                        throw CommandFailure.failed("there is no profile \(name)")
                    }
                    guard !edit.all(.profileLink).contains(where: { $0.text("profile") == name }) else {
                        throw CommandFailure.failed("clusters are linked to \(name); delete those links first")
                    }
                    edit.remove(entry)
                }
            }
        }

        struct Link: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Which clusters trust which profile.",
                subcommands: [CreateLink.self, ListLinks.self, DeleteLink.self]
            )
        }
    }
}

extension CICDCommand.Profile {
    struct CreateLink: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Let a cluster's agents trust a profile's issuer."
        )
        @Argument(help: "The cluster's name.") var cluster: String
        @Argument(help: "The profile's name.") var profile: String
        @Option(help: ArgumentHelp("The cluster's trust domain.", valueName: "name")) var trustDomain: String
        @OptionGroup var file: AgentFileOptions

        func run() async throws {
            let link = CICDProfileLink(cluster: cluster, profile: profile, trustDomain: trustDomain)
            try AgentFileEdit.perform(on: file.path()) { edit in
                guard edit.profile(named: profile) != nil else {
                    throw CommandFailure.failed(
                        "there is no profile \(profile); say: ci-cd profile create \(profile) --issuer URL"
                    )
                }
                guard edit.link(cluster, profile) == nil else {
                    throw CommandFailure.failed("\(cluster) is linked to \(profile) already")
                }
                edit.append(.profileLink, link.spec)
            }
            if file.json { StandardStreams.print(link.document.line) }
        }
    }

    struct ListLinks: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the links.")
        @OptionGroup var file: AgentFileOptions

        func run() async throws {
            let links = try AgentConfiguration(AgentFile(path: file.path())).links
            if file.json {
                let rows = JSONObject([("links", .array(links.map { .object($0.document) }))])
                return StandardStreams.print(rows.line)
            }
            links.forEach { StandardStreams.print("\($0.cluster)\t\($0.profile)\t\($0.trustDomain)") }
        }
    }

    struct DeleteLink: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete",
            abstract: "End a cluster's trust in a profile's issuer."
        )
        @Argument(help: "The cluster's name.") var cluster: String
        @Argument(help: "The profile's name.") var profile: String
        @OptionGroup var file: AgentFileOptions

        func run() async throws {
            try AgentFileEdit.perform(on: file.path()) { edit in
                guard let entry = edit.link(cluster, profile) else {
                    throw CommandFailure.failed("\(cluster) is not linked to \(profile)")
                }
                edit.remove(entry)
            }
        }
    }
}

extension AgentFile.Entry {
    /// A text of the section's `spec`.
    func text(_ name: ByteString) -> String? {
        guard case .object(let object) = spec else { return nil }
        return object[name]?.stringValue?.string
    }
}

extension AgentFileEdit {
    func profile(named name: String) -> AgentFile.Entry? {
        all(.profile).first { $0.text("name") == name }
    }

    fileprivate func link(_ cluster: String, _ profile: String) -> AgentFile.Entry? {
        all(.profileLink).first { $0.text("cluster") == cluster && $0.text("profile") == profile }
    }
}
