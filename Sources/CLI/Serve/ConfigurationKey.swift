/// Every key of the configuration, in one table: its path in the file, from which the environment variable follows
/// (`issuer.url` → `JOBSWORTH_ISSUER_URL`), and the name of its option (`--issuer` → `JOBSWORTH_ISSUER`).
enum ConfigurationKey: String, CaseIterable {
    case issuer = "issuer.url"
    case listen = "http.listen"
    case runnerListen = "http.runnerListen"
    case runnerURL = "runner.url"
    case tlsCertificate = "http.tlsCertificate"
    case tlsKey = "http.tlsKey"
    case admin = "http.admin"
    case metrics = "http.metrics"
    case fastPath = "http.fastPath"
    case storage = "storage.url"
    case storageDirectory = "storage.directory"
    case replica = "storage.replica"
    case retention = "storage.retention"
    case sealingKeyFile = "sealing.keyFile"
    case algorithm = "tokens.algorithm"
    case lifetime = "tokens.lifetime"
    case maximumLifetime = "tokens.maximumLifetime"
    case subject = "tokens.subject"
    case forgeURL = "tokens.url"
    case claims = "tokens.claims"
    case optIn = "tokens.optIn"
    case jobJWTAudience = "tokens.jobJWTAudience"
    case rateLimit = "tokens.rateLimit"
    case rateBurst = "tokens.rateBurst"
    case policy = "policy.file"
    case rotationInterval = "keys.rotationInterval"
    case publicationLead = "keys.publicationLead"
    case gracePeriod = "keys.gracePeriod"
    case refreshInterval = "keys.refreshInterval"
    case clockSkew = "keys.clockSkew"
    case jwksMaxAge = "keys.jwksMaxAge"
    case maximumPublished = "keys.maximumPublished"
    case revocationLedger = "keys.revocationLedger"

    /// Sections that hold more than scalars.
    static let audiences = "tokens.audiences"
    static let publicationPlaces = "publication.places"

    /// The variable that spells the option.
    var optionVariable: String? {
        switch self {
        case .issuer: "JOBSWORTH_ISSUER"
        case .listen: "JOBSWORTH_LISTEN"
        case .runnerListen: "JOBSWORTH_RUNNER_LISTEN"
        case .tlsCertificate: "JOBSWORTH_TLS_CERTIFICATE"
        case .tlsKey: "JOBSWORTH_TLS_KEY"
        case .admin: "JOBSWORTH_ADMIN"
        case .metrics: "JOBSWORTH_METRICS"
        case .storage: "JOBSWORTH_STORAGE"
        case .algorithm: "JOBSWORTH_ALGORITHM"
        case .policy: "JOBSWORTH_POLICY"
        case .runnerURL, .storageDirectory, .replica, .retention, .sealingKeyFile, .lifetime, .maximumLifetime,
            .subject, .forgeURL, .claims, .optIn,
            .jobJWTAudience, .rateLimit, .rateBurst, .fastPath, .rotationInterval,
            .publicationLead, .gracePeriod, .refreshInterval, .clockSkew, .jwksMaxAge, .maximumPublished,
            .revocationLedger:
            nil
        }
    }
}
