// What a caller may say of a token beside its audience: names and a lifetime, never a value (threats A04, A14).

import Issuer
import JOSE
import Keys
import Policy
import Testing

@Suite struct TokenRequestTests {
    private let store = InMemoryStore()
    private let now = time(1_000_000)

    private func claims(_ request: TokenRequest, facts: [(ByteString, JSONValue?)] = []) async throws -> JSONObject {
        let job = try Samples.live(facts: facts, at: now)
        let token = try await Samples.tokenIssuer(store).issue(request, for: job, at: now)
        let parts = token.compact.bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return try #require(try JSONReader.read(Base64URL.decode(parts[1])).objectValue)
    }

    private func request(
        lifetime: Int64? = nil,
        claims: [ByteString] = [],
        tags: [FactName] = [],
        subject: FactName? = nil,
        connection: ByteString? = nil
    ) throws -> TokenRequest {
        TokenRequest(
            audiences: try Audiences(["a"]),
            lifetime: lifetime,
            requiredClaims: claims,
            sessionTags: tags,
            subjectClaim: subject,
            serviceConnection: connection
        )
    }

    @Test func `claims that are demanded change nothing in the token`() async throws {
        let plain = try await claims(request())
        let demanded = try await claims(
            request(claims: ["repository", "repo", "sub", "aud", "exp", "iat", "nbf", "jti", "iss", "run_id"])
        )
        #expect(plain.members.map(\.name) == demanded.members.map(\.name))
        for member in plain.members where member.name != "jti" { #expect(demanded[member.name] == member.value) }
    }

    @Test(arguments: ["actor", "environment", "url", "nonsense", "", "Repository"])
    func `a claim that the token has not is refused by its name`(name: String) async throws {
        let name = ByteString(name)
        await #expect(throws: IssuanceError.refused(Refusal(.claimNotAvailable, name))) {
            _ = try await claims(request(claims: ["repository", name], tags: [.repository]))
        }
        #expect(store.records.map(\.decision) == [.deny])
    }

    @Test func `session tags are one claim more, and the others stay as they are`() async throws {
        let plain = try await claims(request())
        var tagged = try await claims(request(tags: [.repository]))
        #expect(
            tagged["https://aws.amazon.com/tags"]
                == .object(
                    JSONObject([
                        ("principal_tags", .object(JSONObject("repository", .array(["acme/widgets"])))),
                        ("transitive_tag_keys", .array(["repository"])),
                    ])
                )
        )
        tagged["https://aws.amazon.com/tags"] = nil
        tagged["jti"] = plain["jti"]
        #expect(Set(tagged.members) == Set(plain.members))
    }

    @Test func `a token with its session tags is bounded, too`() async throws {
        let filler = JSONValue.string(ByteString(String(repeating: "a", count: 240)))
        let facts: [(ByteString, JSONValue?)] = ["actor", "sha", "workflow_sha", "job", "run_number"].map {
            ($0, filler)
        }
        _ = try await claims(request(), facts: facts)
        await #expect(throws: IssuanceError.refused(Refusal(.tokenTooLarge))) {
            _ = try await claims(request(tags: [.actor, .sha, .workflowSHA, .job, .runNumber]), facts: facts)
        }
    }

    @Test func `the subject is not the caller's to choose`() async throws {
        await #expect(throws: IssuanceError.refused(Refusal(.subjectClaimNotAllowed, ByteString("repository")))) {
            _ = try await claims(request(subject: .repository))
        }
    }

    @Test func `a service connection is in no claim`() async throws {
        let token = try await claims(request(connection: "production-subscription"))
        #expect(!ByteString(token.serialized).string.contains("subscription"))
    }

    // A14: the issuer caps what is asked for.
    @Test(arguments: [(nil, 300), (1, 1), (900, 900), (3600, 3600), (86_400, 3600)] as [(Int64?, Int64)])
    func `a lifetime that is asked for is capped as that of a named token is`(asked: Int64?, lives: Int64) async throws
    {
        let token = try await claims(request(lifetime: asked))
        #expect(try #require(token["exp"]?.integerValue) - #require(token["iat"]?.integerValue) == lives)
    }
}
