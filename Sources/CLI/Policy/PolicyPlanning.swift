import Issuer
import JOSE
import Policy

/// Decides as `serve` would with the same configuration and policy, without an issuer.
struct PolicyPlanning {
    let policyFile: String
    private let configuration: ServeConfiguration

    init(policyFile: String?, configurationFile: String?) throws {
        var options: [ConfigurationKey: String?] = [.policy: policyFile]
        let sources = ConfigurationSources(options: options, configurationFile: configurationFile)
        // Without a configuration there is no issuer yet; its own URL matters to no rule.
        if sources[.issuer] == nil { options[.issuer] = "https://issuer.invalid" }
        configuration = try ServeConfiguration(
            ConfigurationSources(options: options, configurationFile: configurationFile)
        )
        guard let file = configuration.policyFile else {
            throw CommandFailure.wrongUsage("say which policy: its file, or policy.file in the configuration")
        }
        self.policyFile = file
    }

    func policy() throws -> PolicySet {
        let deadline = ReadingDeadline(policyFile)
        defer { deadline.lift() }
        return try PolicyFile.read(policyFile, configuration.profiles)
    }

    func planner(_ policy: PolicySet) -> TokenPlanner {
        TokenPlanner(configuration, policy)
    }

    var claims: TokenClaims {
        TokenClaims(issuer: configuration.issuer, forgeURL: configuration.forgeURL)
    }
}

extension TokenPlanner {
    /// The planner of an issuer with this configuration.
    init(_ configuration: ServeConfiguration, _ policy: PolicySet?) {
        self.init(
            rules: StandingRules(ownURLs: OwnURLs([configuration.issuer, configuration.runnerURL])),
            profiles: configuration.profiles,
            policy: policy
        )
    }
}
