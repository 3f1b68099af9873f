// From a job and a request to a token (CONTRACT "The token"; threats B14, B15, B18, H16).

import Issuer
import JOSE
import Keys
import Policy
import Synchronization
import Testing

@Suite struct TokenIssuerTests {
    private let store = InMemoryStore()
    private let now = time(1_000_000)

    private func payload(_ token: ReleasedToken) throws -> JSONObject {
        let parts = token.compact.bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        try #require(parts.count == 3)
        return try #require(try JSONReader.read(Base64URL.decode(parts[1])).objectValue)
    }

    private func lifetime(_ token: ReleasedToken) throws -> Int64 {
        let claims = try payload(token)
        return try #require(claims["exp"]?.integerValue) - #require(claims["iat"]?.integerValue)
    }

    // MARK: Claims

    @Test func `the claims are those of the contract and no others`() async throws {
        let job = try Samples.live(facts: [
            ("repository_id", "9007199254740993"), ("repository_owner", "acme"), ("repository_owner_id", "7"),
            ("repository_visibility", "private"), ("ref_type", "branch"), ("ref_protected", "true"), ("sha", "0f"),
            ("workflow_ref", "acme/widgets/.ci/deploy.yml@refs/heads/main"), ("workflow_sha", "0e"),
            ("job_workflow_ref", ""), ("job", "release"), ("run_number", "5"), ("run_attempt", "1"),
            ("event_name", "push"), ("actor", "alice"), ("actor_id", "9"), ("environment", "production"),
            ("head_ref", ""), ("runner_environment", "self-hosted"),
        ])
        let issuer = try Samples.tokenIssuer(store, forgeURL: "https://forge.example")
        let token = try await issuer.issue(Samples.request("sts.amazonaws.com"), for: job, at: now)
        let claims = try payload(token)
        let jti = try #require(claims["jti"]?.stringValue)
        #expect(jti.count == 32)
        #expect(JobID(jti.bytes) != nil)
        #expect(jti == token.prepared.jti)
        let expected = JSONObject([
            ("iss", "https://ci.example.org"), ("sub", "repo:acme/widgets:environment:production"),
            ("repo", "acme/widgets"), ("repository", "acme/widgets"), ("repository_id", "9007199254740993"),
            ("repository_owner", "acme"), ("repository_owner_id", "7"), ("repository_visibility", "private"),
            ("ref", "refs/heads/main"), ("ref_type", "branch"), ("ref_protected", "true"), ("sha", "0f"),
            ("workflow", "deploy"), ("workflow_ref", "acme/widgets/.ci/deploy.yml@refs/heads/main"),
            ("workflow_sha", "0e"), ("job", "release"), ("run_id", "1001"), ("run_number", "5"), ("run_attempt", "1"),
            ("event_name", "push"), ("actor", "alice"), ("actor_id", "9"), ("environment", "production"),
            ("runner_environment", "self-hosted"), ("runner", "builder"), ("url", "https://forge.example"),
            ("aud", "sts.amazonaws.com"),
            ("exp", .integer(1_000_300)), ("iat", .integer(1_000_000)), ("nbf", .integer(999_940)),
            ("jti", .string(jti)),
        ])
        #expect(ByteString(claims.serialized) == ByteString(expected.serialized))
        #expect(claims.members.allSatisfy { TokenClaims.supported.contains($0.name) })
    }

    @Test func `a token without a forge has no url`() async throws {
        let token = try await Samples.tokenIssuer(store).issue(Samples.request("a"), for: Samples.live(), at: now)
        #expect(
            try payload(token).members.map(\.name)
                == [
                    "iss", "sub", "repo", "repository", "ref", "workflow", "run_id", "runner", "aud", "exp", "iat",
                    "nbf", "jti",
                ]
        )
    }

    @Test func `every claim is announced once`() {
        #expect(Set(TokenClaims.supported).count == TokenClaims.supported.count)
        #expect(TokenClaims.supported.count == 10 + 27 + 13 + 3)
    }

    @Test func `several audiences are an array in the order asked for`() async throws {
        let token = try await Samples.tokenIssuer(store).issue(Samples.request("b", "a"), for: Samples.live(), at: now)
        #expect(try payload(token)["aud"] == .array(["b", "a"]))
    }

    @Test(arguments: SigningAlgorithm.allCases)
    func `the header is alg, kid and typ, and the signature is of the published key`(
        algorithm: SigningAlgorithm
    ) async throws {
        let profiles = TokenProfiles(standard: TokenProfile(algorithm: algorithm, lifetime: 300))
        let issuer = try Samples.tokenIssuer(store, profiles: profiles)
        let token = try await issuer.issue(Samples.request("a"), for: Samples.live(), at: now)
        let ring = try Samples.keys.get().ring
        let kid = try #require(ring.active(algorithm)?.kid)
        let name = ByteString(algorithm.rawValue)
        let header = try Base64URL.decode(token.compact.bytes.prefix { $0 != UInt8(ascii: ".") })
        #expect(ByteString(header) == "{\"alg\":\"" + name + "\",\"kid\":\"" + kid + "\",\"typ\":\"JWT\"}")
        #expect(token.kid == kid)
        let verified = try TokenVerifier(keys: ring.published).verify(
            UnverifiedToken(parsing: token.compact.bytes),
            issuer: "https://ci.example.org",
            audience: "a",
            at: now.secondsSinceEpoch,
            leeway: 0
        )
        #expect(verified.claims["sub"] == "repo:acme/widgets:ref:refs/heads/main")
    }

    // H16: 128 random bits, no counter.
    @Test func `no jti comes twice`() async throws {
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live()
        var seen: Set<ByteString> = []
        for _ in 0..<300 { seen.insert(try await issuer.issue(Samples.request("a"), for: job, at: now).prepared.jti) }
        #expect(seen.count == 300)
    }

    @Test func `nothing prints a signed token`() async throws {
        let token = try await Samples.tokenIssuer(store).issue(Samples.request("a"), for: Samples.live(), at: now)
        var dumped = ""
        dump([token], to: &dumped)
        for text in ["\(token)", String(reflecting: token), dumped] { #expect(!text.contains("eyJ")) }
    }

    // MARK: Time

    @Test(
        arguments: [
            // now − registration, lifetime: exp never past the job's end (3600 s after registration).
            (0, 300, 300), (3299, 300, 300), (3300, 300, 300), (3301, 300, 299), (3599, 300, 1), (0, 86_400, 3600),
            (3600, 300, 0), (9999, 300, -6399),
        ] as [(Int64, Int64, Int64)]
    )
    func `a token never outlives its job`(age: Int64, lifetime: Int64, expected: Int64) async throws {
        let profiles = TokenProfiles(standard: TokenProfile(algorithm: .ES256, lifetime: lifetime))
        let issuer = try Samples.tokenIssuer(store, profiles: profiles)
        let job = try Samples.live(at: now)
        let token = try await issuer.issue(Samples.request("a"), for: job, at: now.advanced(bySeconds: age))
        #expect(try self.lifetime(token) == expected)
        #expect(token.prepared.expiresAt <= job.expiresAt)
        let claims = try payload(token)
        #expect(claims["nbf"]?.integerValue == (claims["iat"]?.integerValue ?? 0) - 60)
        #expect(claims["iat"]?.integerValue == now.secondsSinceEpoch + age)
    }

    @Test func `a named token lives as long as it asks for, within the job`() throws {
        let job = try Samples.live([
            ("expires_in", .integer(1000)),
            (
                "id_tokens",
                .object(
                    JSONObject([
                        ("A", .object(JSONObject("aud", "a"))),
                        ("B", .object(JSONObject([("aud", "b"), ("expires_in", .integer(900))]))),
                        ("C", .object(JSONObject([("aud", "c"), ("expires_in", .integer(86_400))]))),
                    ])
                )
            ),
        ])
        let tokens = try Samples.tokenIssuer(store).namedTokens(of: job, at: now)
        let lifetimes = tokens.map { $0.expiresAt.secondsSinceEpoch - now.secondsSinceEpoch }
        #expect(lifetimes == [300, 900, 1000])
        // Signed, not yet recorded: nothing was committed.
        #expect(store.records.isEmpty)
    }

    // MARK: Size

    @Test(arguments: SigningAlgorithm.allCases)
    func `no token is longer than 4096 bytes`(algorithm: SigningAlgorithm) async throws {
        let issuer = try Samples.tokenIssuer(
            store,
            profiles: TokenProfiles(standard: TokenProfile(algorithm: algorithm, lifetime: 300))
        )
        var longest = 0
        var refused = 0
        for count in stride(from: 560, through: 1024, by: algorithm == .RS256 ? 37 : 13) {
            let text = JSONValue.string(ByteString(String(repeating: "w", count: count)))
            let filler = JSONValue.string(ByteString(String(repeating: "a", count: 255)))
            let job = try Samples.live(facts: [
                ("job_workflow_ref", text), ("actor", filler), ("sha", filler), ("workflow_sha", filler),
                ("job", filler),
                ("run_number", filler), ("job_workflow_sha", filler),
            ])
            do throws(IssuanceError) {
                longest = max(longest, try await issuer.issue(try request(), for: job, at: now).compact.count)
                #expect(refused == 0)
            } catch {
                #expect(error == .refused(Refusal(.tokenTooLarge)))
                refused += 1
            }
        }
        #expect(longest <= 4096)
        #expect(longest > (algorithm == .RS256 ? 3900 : 3600))
        #expect(refused > 0)
    }

    private func request() throws(IssuanceError) -> TokenRequest {
        do throws(Refusal) { return TokenRequest(audiences: try Audiences(["a"])) } catch { throw .refused(error) }
    }

    @Test func `a job that could never have a token is noticed before`() throws {
        let issuer = try Samples.tokenIssuer(store)
        let filler = JSONValue.string(ByteString(String(repeating: "a", count: 255)))
        let names: [ByteString] = [
            "actor", "sha", "workflow_sha", "job", "run_number", "job_workflow_sha", "run_attempt", "actor_id",
            "ref_type",
            "repository_visibility", "runner_environment", "event_name",
        ]
        let large = try Samples.live(facts: names.map { ($0, filler) })
        #expect(throws: Refusal(.tokenTooLarge)) { try issuer.checkClaims(of: large) }
        #expect(throws: Never.self) { try issuer.checkClaims(of: Samples.live()) }
        let immutable = try Samples.tokenIssuer(store, form: .immutable)
        #expect(throws: Refusal(.immutableIDMissing, .repositoryOwnerID)) {
            try immutable.checkClaims(of: Samples.live())
        }
        let long = try Samples.live(facts: [("ref", filler)])
        #expect(throws: Refusal(.subjectTooLong)) { try issuer.checkClaims(of: long) }
    }

    // MARK: Standing rules

    @Test(
        arguments: [
            ([], ["a"], nil),
            // Opt-in.
            ([("permissions", nil)], ["a"], .notOptedIn),
            ([("permissions", .object(JSONObject("id-token", "none")))], ["a"], .notOptedIn),
            // The registration's audiences are the only ones.
            ([("audiences", .array(["a", "b"]))], ["b", "a"], nil),
            ([("audiences", .array(["a"]))], ["b"], .audienceNotAllowed),
            ([("audiences", .array(["a"]))], ["a", "b"], .audienceNotAllowed),
            ([("audiences", .array([]))], ["a"], .audienceNotAllowed),
            ([("audiences", .array(["a"]))], ["A"], .audienceNotAllowed),
            // Nothing for ourselves, not even where the registration names us, and not among others.
            ([], ["https://ci.example.org"], .audienceIsIssuer),
            ([], ["a", "http://CI.example.org/token"], .audienceIsIssuer),
            ([("audiences", .array(["https://ci.example.org"]))], ["https://ci.example.org"], .audienceIsIssuer),
        ] as [([(ByteString, JSONValue?)], [ByteString], RefusalReason?)]
    )
    func `what holds without a policy holds`(
        registration: [(ByteString, JSONValue?)],
        audiences: [ByteString],
        reason: RefusalReason?
    ) async throws {
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live(registration)
        let request = TokenRequest(audiences: try Audiences(audiences))
        guard let reason else {
            _ = try await issuer.issue(request, for: job, at: now)
            return #expect(store.records.map(\.decision) == [.permit])
        }
        await #expect(throws: IssuanceError.refused(Refusal(reason))) {
            try await issuer.issue(request, for: job, at: now)
        }
        // A refusal is recorded, without a token's name.
        let record = try #require(store.records.first)
        #expect(store.records.count == 1)
        #expect(record.decision == .deny)
        #expect(record.reason.string == reason.rawValue)
        #expect(record.audiences == audiences)
        #expect(record.jti == nil)
    }

    @Test(
        arguments: [[], [("event_name", "pull_request")], [("environment", "production")]]
            as [[(ByteString, JSONValue?)]]
    )
    func `a fork gets no token, named or asked for`(more: [(ByteString, JSONValue?)]) async throws {
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live(
            [("id_tokens", .object(JSONObject("T", .object(JSONObject("aud", "a")))))],
            facts: [("repository_id", "42"), ("head_repository_id", "43")] + more
        )
        await #expect(throws: IssuanceError.refused(Refusal(.fork))) {
            try await issuer.issue(Samples.request("a"), for: job, at: now)
        }
        #expect(throws: Refusal(.fork, "id_tokens.T")) {
            try issuer.namedTokens(of: job, at: now)
        }
    }

    @Test func `a named token needs no permission, and is refused for ourselves`() throws {
        let issuer = try Samples.tokenIssuer(store)
        func tokens(_ audience: JSONValue) throws -> Int {
            let entry = JSONObject("T", .object(JSONObject("aud", audience)))
            let job = try Samples.live([
                ("permissions", nil), ("audiences", .array(["other"])), ("id_tokens", .object(entry)),
            ])
            return try issuer.namedTokens(of: job, at: now).count
        }
        #expect(try tokens("a") == 1)
        #expect(throws: Refusal(.audienceIsIssuer, "id_tokens.T")) {
            try tokens(.array(["a", "https://ci.example.org:443/v1"]))
        }
    }

    // MARK: The record comes first

    @Test func `a token leaves only with its record`() async throws {
        let job = try Samples.live()
        let token = try await Samples.tokenIssuer(store).issue(Samples.request("a", "b"), for: job, at: now)
        #expect(
            store.records == [
                AuditRecord(
                    at: now,
                    operation: .token,
                    decision: .permit,
                    reason: "ok",
                    runner: "builder",
                    job: job.id,
                    repository: "acme/widgets",
                    subject: "repo:acme/widgets:ref:refs/heads/main",
                    audiences: ["a", "b"],
                    jti: token.prepared.jti,
                    kid: token.kid,
                    expiresAt: time(1_000_300)
                )
            ]
        )
    }

    @Test(
        arguments: [
            (.jobEnded, .unauthenticated), (.runnerRevoked, .unauthenticated),
            // The caller may ask again.
            (.keyWithdrawn, .store(.unavailable)), (.factsChanged, .store(.unavailable)),
        ] as [(RefusalReason, IssuanceError)]
    )
    func `what the commit refuses does not leave`(reason: RefusalReason, error: IssuanceError) async throws {
        store.refuseCommits(reason)
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live()
        await #expect(throws: error) { try await issuer.issue(Samples.request("a"), for: job, at: now) }
        // A key that stopped signing is tried again with the next one, a few times.
        #expect(Set(store.records.map(\.reason.string)) == [reason.rawValue])
        #expect(store.records.count == (reason == .keyWithdrawn ? 5 : 1))
    }

    @Test func `a token whose key was withdrawn waits for newer keys, and is refused once`() async throws {
        store.refuseCommits(.keyWithdrawn)
        let issuer = try Samples.tokenIssuer(store)
        let asked = Mutex<[Int64]>([])
        issuer.renewKeys { [store] version in
            // Longer than any number of attempts would wait.
            for _ in 0..<1000 { await Task.yield() }
            asked.withLock { $0.append(version) }
            store.refuseCommits(nil)
        }
        let token = try await issuer.issue(Samples.request("a"), for: Samples.live(), at: now)
        #expect(store.records.map(\.reason.string) == ["key_withdrawn", "ok"])
        #expect(store.records.last?.jti == token.prepared.jti)
        #expect(asked.withLock { $0 } == [try Samples.keys.get().ring.version])
    }

    @Test(arguments: [StoreError.unavailable, .overloaded])
    func `no record, no token`(error: StoreError) async throws {
        store.fail(error)
        let issuer = try Samples.tokenIssuer(store)
        let job = try Samples.live()
        await #expect(throws: IssuanceError.store(error)) {
            try await issuer.issue(Samples.request("a"), for: job, at: now)
        }
        // A refusal stands even where it cannot be recorded.
        await #expect(throws: IssuanceError.refused(Refusal(.audienceIsIssuer))) {
            try await issuer.issue(Samples.request("https://ci.example.org"), for: job, at: now)
        }
    }

    @Test func `without an active key there is no token`() async throws {
        let issuer = try Samples.tokenIssuer(store)
        #expect(issuer.canSign)
        let sealer = try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 7, count: 32))
        issuer.use(try SigningKeys(opening: KeyRing(), with: sealer))
        #expect(!issuer.canSign)
        let job = try Samples.live()
        await #expect(throws: IssuanceError.noSigningKey) {
            try await issuer.issue(Samples.request("a"), for: job, at: now)
        }
        #expect(store.records.isEmpty)
    }
}
