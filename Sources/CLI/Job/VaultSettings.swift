import Discovery
import JOSE

/// Which Vault or OpenBao a job's secrets come from: GitLab's variables, and Vault's own where GitLab has none.
struct VaultSettings {
    let url: String
    /// The role to log in with; nil for the mount's default role.
    let role: String?
    /// Where the JWT method is mounted.
    let authenticationPath: String
    let namespace: String?
    /// A file of certificates to trust.
    let certificates: String?

    init(_ environment: [String: String]) throws {
        guard let url = environment["VAULT_SERVER_URL"] ?? environment["VAULT_ADDR"] else {
            throw CommandFailure.wrongConfiguration(
                "the job has secrets; say with VAULT_SERVER_URL (or VAULT_ADDR) where they are"
            )
        }
        guard let split = URLOrigin.split(ByteString(url)), !split.hasUserinfo,
            split.origin.scheme == "https" || split.origin.isLoopback
        else {
            throw CommandFailure.wrongConfiguration(
                "VAULT_SERVER_URL is refused: a job's tokens are sent over https only"
            )
        }
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        role = environment["VAULT_AUTH_ROLE"]
        authenticationPath = environment["VAULT_AUTH_PATH"] ?? "jwt"
        namespace = environment["VAULT_NAMESPACE"]
        certificates = environment["VAULT_CACERT"]
    }
}
