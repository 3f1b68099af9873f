// What the tests register, sign with and ask for.

import Discovery
import Issuer
import JOSE
import Keys
import Policy

func time(_ seconds: Int64) -> NumericDate {
    NumericDate(secondsSinceEpoch: seconds)
}

enum Samples {
    /// The least that makes a job.
    static let least: [(ByteString, JSONValue)] = [
        ("repository", "acme/widgets"), ("ref", "refs/heads/main"), ("workflow", "deploy"), ("run_id", "1001"),
    ]

    /// The member `job` with some facts added, replaced or, where nil, left out.
    static func job(_ changes: [(ByteString, JSONValue?)] = []) -> JSONObject {
        var object = JSONObject(least)
        for (name, value) in changes { object[name] = value }
        return object
    }

    static func facts(_ changes: [(ByteString, JSONValue?)] = []) throws -> JobFacts {
        try JobFacts(parsing: job(changes))
    }

    /// A registration with some members added, replaced or left out.
    static func body(
        _ changes: [(ByteString, JSONValue?)] = [],
        facts: [(ByteString, JSONValue?)] = []
    ) -> JSONObject {
        var object = JSONObject([
            ("job", .object(job(facts))), ("permissions", .object(JSONObject([("id-token", "write")]))),
        ])
        for (name, value) in changes { object[name] = value }
        return object
    }

    static func registration(
        _ changes: [(ByteString, JSONValue?)] = [],
        facts: [(ByteString, JSONValue?)] = []
    ) throws -> JobRegistration {
        try JobRegistration(parsing: body(changes, facts: facts))
    }

    static func runner(
        _ id: Int64 = 1,
        patterns: [ByteString] = ["acme/*"],
        bounds: RunnerBounds = .none
    ) throws -> Runner {
        Runner(
            id: id,
            name: "builder",
            patterns: try patterns.map { try RepositoryPattern($0) },
            bounds: bounds,
            credentials: [],
            addedAt: time(0),
            revokedAt: nil
        )
    }

    static func live(
        _ changes: [(ByteString, JSONValue?)] = [],
        facts: [(ByteString, JSONValue?)] = [],
        at now: NumericDate = time(1_000_000)
    ) throws -> Job {
        var random = SystemRandomNumberGenerator()
        return try Job(
            id: .random(using: &random),
            runner: try runner(),
            registration: try registration(changes, facts: facts),
            at: now
        )
    }

    /// Made once a run: an RSA key takes its time.
    static let keys: Result<SigningKeys, any Error> = Result {
        let sealer = try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 7, count: 32))
        let maker = KeyMaker(sealer: sealer)
        var ring = KeyRing()
        for algorithm in SigningAlgorithm.allCases {
            let key = try maker.makeKey(.tokens(algorithm), preparedAt: time(0))
            ring = try ring.preparing(key).activating(key.kid, at: time(0))
        }
        return try SigningKeys(opening: ring, with: sealer)
    }

    static let issuer = Result { try IssuerIdentifier("https://ci.example.org") }

    static func tokenIssuer(
        _ store: InMemoryStore,
        form: SubjectForm? = nil,
        profiles: TokenProfiles? = nil,
        policy: PolicySet? = nil,
        forgeURL: ByteString? = nil
    ) throws -> TokenIssuer {
        let identifier = try issuer.get()
        return TokenIssuer(
            planner: TokenPlanner(
                rules: StandingRules(ownURLs: OwnURLs([identifier])),
                profiles: profiles
                    ?? TokenProfiles(standard: TokenProfile(algorithm: .ES256, lifetime: 300), subject: form),
                policy: policy
            ),
            claims: TokenClaims(issuer: identifier, forgeURL: forgeURL),
            auditLog: store,
            keys: try keys.get()
        )
    }

    static func request(_ audiences: ByteString...) throws -> TokenRequest {
        TokenRequest(audiences: try Audiences(audiences))
    }
}

extension JSONObject {
    /// `{name: value}`.
    init(_ name: ByteString, _ value: JSONValue) {
        self.init([(name, value)])
    }
}

extension JobFacts {
    /// The facts as a policy sees them, of some runner.
    var description: JobDescription {
        description(runner: "builder")
    }
}
