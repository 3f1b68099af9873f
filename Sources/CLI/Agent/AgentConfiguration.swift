import Attestation
import Foundation
import JOSE
import SPIFFE

/// The agent's file as a whole, checked: its own settings, whom it trusts, and which identities follow.
struct AgentConfiguration {
    let settings: AgentSettings
    let profiles: [CICDProfile]
    let links: [CICDProfileLink]
    let policy: AgentPolicy

    /// Checks a file that was read; `name` is what it is called in complaints, where that is not its path.
    init(_ file: AgentFile, named name: String? = nil) throws {
        do {
            settings = try AgentSettings(file)
            let older = try OlderSections(file, settings)
            profiles = older.profiles
            links = older.links
            policy = try Self.policy(in: file, settings, older)
        } catch let failure as CommandFailure {
            guard let name else { throw failure }
            throw CommandFailure.wrongConfiguration(failure.message.replacing(file.path, with: name))
        }
    }

    /// Reads the file anew.
    init(path: String) throws {
        try self.init(AgentFile(path: path))
    }

    private static func policy(
        in file: AgentFile,
        _ settings: AgentSettings,
        _ older: OlderSections
    ) throws -> AgentPolicy {
        do throws(ConfigurationProblems) {
            return try AgentPolicy(
                reading: [older.attestation(in: file), file.only(.svidIssuancePolicy)?.document].compactMap(\.self),
                trustDomain: settings.trustDomain,
                cluster: settings.cluster,
                olderClaims: ByteString(older.template ?? "")
            )
        } catch {
            throw AgentFile.failure(error.all.map { older.complaint($0, in: file) })
        }
    }
}

extension AgentFile.Entry {
    /// The section as a whole, as `{section, schema, spec}`.
    var document: JSONValue {
        .object(
            JSONObject([
                ("section", .string(ByteString(section.rawValue))), ("schema", .string("v1")), ("spec", spec),
            ])
        )
    }
}
