import Discovery
import Foundation
import JOSE
import Keys
import SPIFFE
import Server
import Storage

/// The section `Agent`, checked as a whole: every problem is reported, not just the first.
struct AgentSettings {
    /// Where the trust bundle is published over HTTPS, for those who are no workloads of ours.
    struct BundleEndpoint: Equatable {
        let listen: ListenAddress
        let certificate: String
        let key: String
    }

    let trustDomain: TrustDomain
    let cluster: ByteString
    let socket: String
    /// Who may connect to the socket; nil for everyone of this machine.
    let allowedUIDs: Set<UInt32>?
    let files: StoreFiles
    let sealingKeyFile: String?
    let revocationLedger: String
    let adminSocket: String
    let metrics: ListenAddress?
    /// How long an SVID may outlive the evidence it was given for.
    let maximumAfterToken: Duration
    let bundlesNeedEvidence: Bool
    /// `iss` of the JWT-SVIDs, for relying parties that do OpenID Connect discovery; nil for none.
    let jwtIssuer: ByteString?
    let jwtAlgorithm: SigningAlgorithm
    let bundleEndpoint: BundleEndpoint?
    /// How often those who poll the bundle should do so.
    let refreshHint: Duration
    /// The longest that any SVID may live, whatever the policy says.
    let maximumLifetime: Duration
    let schedule: RotationSchedule

    /// What the agent's keys sign.
    static let purposes = KeyPurpose.allTokens + [.certificates]

    private static let known: Set<String> = [
        "trustDomain", "cluster", "socket", "allowedUsers", "storage", "sealingKeyFile", "revocationLedger", "admin",
        "metrics", "maximumAfterToken", "maximumLifetime", "bundlesNeedEvidence", "jwtIssuer", "jwtAlgorithm",
        "bundleEndpoint", "refreshHint", "keys",
    ]

    init(_ file: AgentFile) throws {
        guard let entry = file.only(.agent) else {
            throw CommandFailure.wrongConfiguration("\(file.path) has no section Agent; say section: Agent")
        }
        var reading = SpecReading(file, entry)
        let spec = reading.members(entry.spec, "", known: Self.known)
        let trustDomain = reading.trustDomain(spec)
        let cluster = reading.required(
            reading.members(spec["cluster"], "cluster", known: ["name"]),
            "name",
            in: "cluster"
        )
        socket = reading.text(spec, "socket", in: "") ?? "/run/jobsworth/agent.sock"
        allowedUIDs = reading.users(spec)
        let files = reading.storage(spec)
        sealingKeyFile = reading.text(spec, "sealingKeyFile", in: "")
        revocationLedger = reading.text(spec, "revocationLedger", in: "") ?? files.revocations
        adminSocket = reading.adminSocket(spec) ?? files.adminSocket
        metrics = reading.address(spec, "metrics", in: "")
        maximumAfterToken = reading.duration(spec, "maximumAfterToken", in: "") ?? .seconds(3600)
        maximumLifetime = reading.duration(spec, "maximumLifetime", in: "") ?? .seconds(168 * 3600)
        bundlesNeedEvidence = reading.flag(spec, "bundlesNeedEvidence", in: "") ?? false
        jwtIssuer = reading.jwtIssuer(spec)
        jwtAlgorithm = reading.algorithm(spec) ?? .ES256
        bundleEndpoint = reading.bundleEndpoint(spec)
        refreshHint = reading.duration(spec, "refreshHint", in: "") ?? .seconds(300)
        let schedule = reading.schedule(spec, longest: maximumLifetime, refreshHint: refreshHint)
        guard reading.problems.isEmpty, let trustDomain, let schedule else {
            throw AgentFile.failure(reading.problems)
        }
        self.trustDomain = trustDomain
        self.cluster = ByteString(cluster)
        self.files = files
        self.schedule = schedule
    }
}

extension SpecReading {
    fileprivate mutating func trustDomain(_ spec: JSONObject) -> TrustDomain? {
        let name = required(spec, "trustDomain", in: "")
        guard !name.isEmpty else { return nil }
        do throws(SPIFFEIDError) {
            return try TrustDomain(ByteString(name))
        } catch {
            note("trustDomain", "must be 1 to 255 of a-z, 0-9, dot, hyphen and underscore, and not \(name)")
            return nil
        }
    }

    fileprivate mutating func users(_ spec: JSONObject) -> Set<UInt32>? {
        guard let names = texts(spec, "allowedUsers", in: "") else { return nil }
        var users: Set<UInt32> = []
        for name in names {
            if let user = try? UserID(name) {
                users.insert(user.value)
            } else {
                note("allowedUsers", "\(name) is no user of this machine")
            }
        }
        return users
    }

    fileprivate mutating func storage(_ spec: JSONObject) -> StoreFiles {
        let text = text(spec, "storage", in: "") ?? "sqlite:/var/lib/jobsworth/agent.sqlite"
        if let url = StorageURL(text), url.database == nil { return url.files }
        note("storage", "must be sqlite:PATH, and not \(text)")
        return StoreFiles(database: "agent.sqlite")
    }

    fileprivate mutating func adminSocket(_ spec: JSONObject) -> String? {
        guard let text = text(spec, "admin", in: "") else { return nil }
        if text.hasPrefix("unix:"), text.utf8.count > 5 { return String(text.dropFirst(5)) }
        note("admin", "must be unix:PATH, and not \(text)")
        return nil
    }

    fileprivate mutating func address(_ object: JSONObject, _ name: String, in path: String) -> ListenAddress? {
        guard let text = text(object, name, in: path) else { return nil }
        if let address = ListenAddress(hostAndPort: text) { return address }
        note(path.isEmpty ? name : "\(path).\(name)", "must be HOST:PORT, as 127.0.0.1:8443, and not \(text)")
        return nil
    }

    fileprivate mutating func jwtIssuer(_ spec: JSONObject) -> ByteString? {
        guard let text = text(spec, "jwtIssuer", in: "") else { return nil }
        if text.hasPrefix("https://"), (try? IssuerIdentifier(ByteString(text))) != nil { return ByteString(text) }
        note("jwtIssuer", "must be an https URL, and not \(text)")
        return nil
    }

    fileprivate mutating func algorithm(_ spec: JSONObject) -> SigningAlgorithm? {
        guard let text = text(spec, "jwtAlgorithm", in: "") else { return nil }
        if let algorithm = SigningAlgorithm(rawValue: text) { return algorithm }
        note("jwtAlgorithm", "must be ES256 or RS256, and not \(text)")
        return nil
    }

    fileprivate mutating func bundleEndpoint(_ spec: JSONObject) -> AgentSettings.BundleEndpoint? {
        guard spec["bundleEndpoint"] != nil else { return nil }
        let object = members(
            spec["bundleEndpoint"],
            "bundleEndpoint",
            known: ["listen", "tlsCertificate", "tlsKey"]
        )
        let listen = address(object, "listen", in: "bundleEndpoint")
        if object["listen"] == nil { note("bundleEndpoint.listen", "is missing") }
        let certificate = required(object, "tlsCertificate", in: "bundleEndpoint")
        let key = required(object, "tlsKey", in: "bundleEndpoint")
        return listen.map { AgentSettings.BundleEndpoint(listen: $0, certificate: certificate, key: key) }
    }

    private mutating func maximumPublished(_ keys: JSONObject) -> Int {
        guard let text = text(keys, "maximumPublished", in: "keys") else { return 15 }
        if let count = Int(text), (6...100).contains(count) { return count }
        note("keys.maximumPublished", "must be from 6 to 100, and not \(text)")
        return 15
    }

    fileprivate mutating func schedule(
        _ spec: JSONObject,
        longest: Duration,
        refreshHint: Duration
    ) -> RotationSchedule? {
        let day: Int64 = 86_400
        let keys = members(
            spec["keys"],
            "keys",
            known: [
                "rotationInterval", "publicationLead", "gracePeriod", "refreshInterval", "clockSkew",
                "maximumPublished",
            ]
        )
        let interval = duration(keys, "rotationInterval", in: "keys") ?? .seconds(30 * day)
        let lead = duration(keys, "publicationLead", in: "keys") ?? .seconds(day)
        let grace = duration(keys, "gracePeriod", in: "keys") ?? .seconds(8 * day)
        let refresh = duration(keys, "refreshInterval", in: "keys") ?? .seconds(10)
        let skew = duration(keys, "clockSkew", in: "keys") ?? .seconds(300)
        let maximum = maximumPublished(keys)
        do throws(RotationScheduleError) {
            return try RotationSchedule(
                rotationInterval: interval,
                publicationLead: lead,
                gracePeriod: grace,
                refreshInterval: refresh,
                clockSkew: skew,
                jwksMaxAge: refreshHint,
                maximumPublished: maximum,
                maximumTokenLifetime: longest,
                purposes: AgentSettings.purposes
            )
        } catch {
            note("keys", error.explanation)
            return nil
        }
    }
}
