/// What a helper keeps in its folder, and whom it tells: a configuration file that was checked.
struct HelperSettings: Sendable {
    /// The three files of an X.509-SVID, by their names in the folder.
    struct X509Files: Hashable, Sendable {
        let chain: String
        let key: String
        let bundle: String
    }

    /// A file with one JWT-SVID.
    struct JWTFile: Hashable, Sendable {
        let audiences: [String]
        let name: String
    }

    /// Where the helper's health can be asked for.
    struct HealthChecks: Hashable, Sendable {
        var address = "127.0.0.1"
        var port = 8081
        var livenessPath = "/live"
        var readinessPath = "/ready"
    }

    var agentAddress: String?
    var evidenceFile: String?
    /// Empty where there is none.
    var command: [String] = []
    var pidFile: String?
    var renewSignal: SignalName?
    var folder = ""
    var isDaemon = true
    var x509: X509Files?
    var jwtFiles: [JWTFile] = []
    var jwtBundle: String?
    var addsIntermediatesToBundle = false
    var includesFederatedDomains = false
    var omitsExpired = false
    /// Which SVID, of several; the first where it is empty.
    var hint = ""
    var certificateMode = FileMode(0o644)
    var keyMode = FileMode(0o600)
    var jwtBundleMode = FileMode(0o600)
    var jwtMode = FileMode(0o600)
    var healthChecks: HealthChecks?

    /// The names of all files of JWTs.
    var jwtNames: [String] { jwtFiles.map(\.name) + (jwtBundle.map { [$0] } ?? []) }
}
