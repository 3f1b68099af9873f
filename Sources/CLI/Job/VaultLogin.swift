/// Vault's own token, which lives as long as the job's command.
struct VaultLogin: Sendable, CustomStringConvertible, CustomReflectable {
    let token: String
    /// The job's token that it was got with.
    let jobToken: String

    var description: String { "[redacted]" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
