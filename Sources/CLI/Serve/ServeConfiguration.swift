import Discovery
import Foundation
import Issuer
import JOSE
import Keys
import Policy
import Server
import Storage

/// What `serve` is told, checked as a whole: every problem is reported, not just the first.
struct ServeConfiguration {
    var issuer: IssuerIdentifier
    var runnerURL: IssuerIdentifier
    var listen: ListenAddress
    var runnerListen: ListenAddress?
    var metrics: ListenAddress?
    var adminSocket: String
    var tls: (certificate: String, key: String)?
    var files: StoreFiles
    /// The database, where the store is not one of our files.
    var database: SharedDatabase?
    /// The name of this process among those that share the database.
    var replica: ByteString?
    var sealingKeyFile: String?
    var profiles: TokenProfiles
    var policyFile: String?
    /// Whom the tokens that every job gets are for; nil where jobs opt in.
    var jobJWTAudiences: Audiences?
    /// How long ended jobs are kept.
    var retention: Duration
    var forgeURL: ByteString?
    /// How often one job may ask for a token; nil where it may as often as it likes.
    var jobRate: RequestRate?
    /// Whether hot requests are answered from their bytes; the answers are the same without.
    var hasFastPath: Bool
    var rules: RotationRules
    var revocationLedger: String
    /// Whether a new issuer may begin although there is a sealing key already.
    var initialise = false

    init(_ sources: ConfigurationSources) throws {
        var reading = ConfigurationReading(sources)
        let issuer = reading.issuer()
        let runnerURL = reading.url(.runnerURL)
        let listen = reading.address(.listen) ?? .tcp(host: "127.0.0.1", port: 8080)
        runnerListen = reading.address(.runnerListen)
        metrics = reading.address(.metrics)
        let storage = reading.storage()
        replica = reading.replica()
        let adminSocket = reading.adminSocket()
        tls = reading.tls()
        sealingKeyFile = sources[.sealingKeyFile]
        profiles = reading.profiles()
        policyFile = sources[.policy]
        jobJWTAudiences = reading.jobJWTAudiences()
        retention = reading.retention()
        forgeURL = sources[.forgeURL].map { ByteString($0) }
        jobRate = reading.jobRate()
        hasFastPath = reading.hasFastPath()
        let schedule = reading.schedule(for: profiles)
        guard reading.problems.isEmpty, let issuer, let storage, let schedule else {
            throw CommandFailure.wrongConfiguration(reading.problems.joined(separator: "\njobsworth: "))
        }
        self.issuer = issuer
        self.runnerURL = runnerURL ?? issuer
        self.listen = listen
        let files = storage.files
        self.files = files
        database = storage.database
        self.adminSocket = adminSocket ?? (database == nil ? files.adminSocket : AdminSocket.ofReplica(files))
        rules = RotationRules(schedule: schedule, places: sources.file.publication.places.map(\.name))
        revocationLedger = sources[.revocationLedger] ?? files.revocations
    }
}

/// Reads one value after another and collects what is wrong with them.
private struct ConfigurationReading {
    private let sources: ConfigurationSources
    private(set) var problems: [String]

    init(_ sources: ConfigurationSources) {
        self.sources = sources
        problems = sources.file.problems
    }

    mutating func issuer() -> IssuerIdentifier? {
        guard sources[.issuer] != nil else {
            problems.append("say who the issuer is: --issuer https://ci.example.org")
            return nil
        }
        return url(.issuer)
    }

    mutating func url(_ key: ConfigurationKey) -> IssuerIdentifier? {
        guard let text = sources[key] else { return nil }
        do throws(IssuerIdentifierError) {
            return try IssuerIdentifier(ByteString(text))
        } catch {
            problems.append("\(key.rawValue) \(text) is refused: \(error.explanation)")
            return nil
        }
    }

    mutating func address(_ key: ConfigurationKey) -> ListenAddress? {
        guard let text = sources[key] else { return nil }
        if let address = ListenAddress(hostAndPort: text) { return address }
        problems.append("\(key.rawValue) must be HOST:PORT, as 127.0.0.1:8080, and not \(text)")
        return nil
    }

    mutating func storage() -> StorageURL? {
        do {
            return try StorageURL(sources)
        } catch {
            problems.append((error as? CommandFailure)?.message ?? StorageURL.forms)
            return nil
        }
    }

    mutating func replica() -> ByteString? {
        guard let text = sources[.replica].map({ ByteString($0) }) else { return nil }
        if Runner.isValidName(text) { return text }
        problems.append("\(ConfigurationKey.replica.rawValue) must be 1 to 64 of the characters A-Z a-z 0-9 . _ -")
        return nil
    }

    mutating func adminSocket() -> String? {
        guard let text = sources[.admin] else { return nil }
        if text.hasPrefix("unix:"), text.utf8.count > 5 { return String(text.dropFirst(5)) }
        problems.append("\(ConfigurationKey.admin.rawValue) must be unix:PATH, and not \(text)")
        return nil
    }

    mutating func tls() -> (certificate: String, key: String)? {
        switch (sources[.tlsCertificate], sources[.tlsKey]) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return (certificate, key)
        default:
            problems.append("--tls-certificate and --tls-key go together")
            return nil
        }
    }

    mutating func profiles() -> TokenProfiles {
        let standard = TokenProfile(
            algorithm: algorithm(sources[.algorithm], ConfigurationKey.algorithm.rawValue) ?? .RS256,
            lifetime: seconds(sources[.lifetime], ConfigurationKey.lifetime.rawValue) ?? 300
        )
        var byAudience: [ByteString: TokenProfile] = [:]
        for (audience, settings) in sources.file.audiences.sorted(by: { $0.key < $1.key }) {
            let path = "\(ConfigurationKey.audiences).\(audience)"
            byAudience[ByteString(audience)] = profile(of: ByteString(audience), settings, path, standard)
        }
        let maximum = seconds(sources[.maximumLifetime], ConfigurationKey.maximumLifetime.rawValue) ?? 3600
        return TokenProfiles(
            standard: standard,
            byAudience: byAudience,
            maximumLifetime: maximum,
            subject: subjectForm(),
            claims: claims()
        )
    }

    private mutating func profile(
        of name: ByteString,
        _ settings: [String: String],
        _ path: String,
        _ standard: TokenProfile
    ) -> TokenProfile {
        let audience = settings["profile"].flatMap { AudienceProfile.named(ByteString($0)) }
        if let name = settings["profile"], audience == nil {
            let known = AudienceProfile.known.map(\.name.string).joined(separator: ", ")
            problems.append("\(path).profile must be one of \(known), and not \(name)")
        }
        let asked = algorithm(settings["algorithm"], path + ".algorithm")
        if let asked, let audience, !audience.algorithms.contains(asked) {
            problems.append("\(path).algorithm: \(audience.name) does not verify \(asked.rawValue)")
        }
        let known = audience ?? AudienceProfile.known(for: name)
        return TokenProfile(
            algorithm: asked ?? known?.algorithm(preferred: standard.algorithm) ?? standard.algorithm,
            lifetime: seconds(settings["lifetime"], path + ".lifetime") ?? standard.lifetime,
            audience: audience
        )
    }

    /// Nil for the form that goes with the claims.
    private mutating func subjectForm() -> SubjectForm? {
        guard let text = sources[.subject] else { return nil }
        do throws(TemplateError) {
            return try SubjectForm(ByteString(text))
        } catch {
            problems.append("\(ConfigurationKey.subject.rawValue) \(text) \(error.explanation)")
            return nil
        }
    }

    mutating func jobJWTAudiences() -> Audiences? {
        let audience = sources[.jobJWTAudience]
        switch sources[.optIn] {
        case nil, "true":
            if audience != nil { problems.append("tokens.jobJWTAudience means nothing without tokens.optIn: false") }
            return nil
        case "false":
            if let audience, let audiences = try? Audiences([ByteString(audience)]) { return audiences }
            problems.append("tokens.optIn: false needs tokens.jobJWTAudience: whom the token of every job is for")
            return nil
        case let text?:
            problems.append("tokens.optIn must be true or false, and not \(text)")
            return nil
        }
    }

    /// Nil for `tokens.rateLimit: 0`: no limit.
    mutating func jobRate() -> RequestRate? {
        let number = { (text: String) in Int(text).flatMap { (0...1_000_000).contains($0) ? $0 : nil } ?? -1 }
        let perSecond = sources[.rateLimit].map(number) ?? RequestRate.ofOneJob.perSecond
        let burst = sources[.rateBurst].map(number) ?? min(10 * perSecond, 1_000_000)
        if perSecond == 0, sources[.rateBurst] == nil { return nil }
        if let rate = RequestRate(perSecond: perSecond, burst: burst) { return rate }
        problems.append(
            "tokens.rateLimit and tokens.rateBurst must be numbers from 1 to 1000000, or tokens.rateLimit 0 for no limit"
        )
        return nil
    }

    mutating func hasFastPath() -> Bool {
        switch sources[.fastPath] {
        case nil, "true": return true
        case "false": return false
        case let text?:
            problems.append("\(ConfigurationKey.fastPath.rawValue) must be true or false, and not \(text)")
            return true
        }
    }

    private mutating func claims() -> ClaimsProfile {
        guard let text = sources[.claims] else { return .gitHub }
        if let profile = ClaimsProfile(rawValue: text) { return profile }
        problems.append("\(ConfigurationKey.claims.rawValue) must be github or gitlab, and not \(text)")
        return .gitHub
    }

    /// Nil, with the inequality among the problems, where the schedule could break a verifier.
    mutating func schedule(for profiles: TokenProfiles) -> RotationSchedule? {
        let day: Int64 = 86_400
        let interval = duration(.rotationInterval, else: 30 * day)
        let lead = duration(.publicationLead, else: day)
        let grace = duration(.gracePeriod, else: 2 * day)
        let refresh = duration(.refreshInterval, else: 10)
        let skew = duration(.clockSkew, else: 300)
        let age = duration(.jwksMaxAge, else: 300)
        do throws(RotationScheduleError) {
            return try RotationSchedule(
                rotationInterval: interval,
                publicationLead: lead,
                gracePeriod: grace,
                refreshInterval: refresh,
                clockSkew: skew,
                jwksMaxAge: age,
                maximumPublished: maximumPublished(),
                maximumTokenLifetime: .seconds(profiles.longestLifetime)
            )
        } catch {
            problems.append(error.explanation)
            return nil
        }
    }

    private mutating func maximumPublished() -> Int {
        guard let text = sources[.maximumPublished] else { return 10 }
        if let count = Int(text), (4...100).contains(count) { return count }
        problems.append("\(ConfigurationKey.maximumPublished.rawValue) must be from 4 to 100, and not \(text)")
        return 10
    }

    /// A day at least: a job that is over is asked for again by its reference, and its last tokens still live.
    mutating func retention() -> Duration {
        let day: Int64 = 86_400
        let retention = duration(.retention, else: 30 * day)
        if retention < .seconds(day) { problems.append("\(ConfigurationKey.retention.rawValue) must be 24h or more") }
        return retention
    }

    private mutating func duration(_ key: ConfigurationKey, else standard: Int64) -> Duration {
        guard let text = sources[key] else { return .seconds(standard) }
        if let duration = Duration(configured: text) { return duration }
        problems.append("\(key.rawValue) must be a time as 90s, 15m, 24h or 30d, and not \(text)")
        return .seconds(standard)
    }

    private mutating func algorithm(_ text: String?, _ path: String) -> SigningAlgorithm? {
        guard let text else { return nil }
        if let algorithm = SigningAlgorithm(rawValue: text) { return algorithm }
        problems.append("\(path) must be RS256 or ES256, and not \(text)")
        return nil
    }

    private mutating func seconds(_ text: String?, _ path: String) -> Int64? {
        guard let text else { return nil }
        if let seconds = Int64(text), (1...86_400).contains(seconds) { return seconds }
        problems.append("\(path) must be whole seconds from 1 to 86400, and not \(text)")
        return nil
    }
}
