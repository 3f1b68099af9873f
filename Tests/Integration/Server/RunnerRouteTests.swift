import Issuer
import JOSE
import Testing

@testable import Server

/// Paths are matched by their bytes: every other spelling of a path names nothing (threats C07).
@Suite struct RunnerRouteTests {
    private static let id = "0123456789abcdef0123456789abcdef"

    @Test func `the plain spelling of each path names its route`() throws {
        let id = try #require(JobID(Array(Self.id.utf8)))
        #expect(RunnerRoute("/v1/jobs") == .jobs)
        #expect(RunnerRoute("/token") == .tokenExchange)
        #expect(RunnerRoute(ByteString("/v1/jobs/\(Self.id)")) == .job(id))
        #expect(RunnerRoute(ByteString("/v1/jobs/\(Self.id)/heartbeat")) == .heartbeat(id))
        #expect(RunnerRoute(ByteString("/v1/jobs/\(Self.id)/id-token")) == .idToken(id))
        #expect(RunnerRoute(ByteString("/v1/jobs/\(Self.id)/oidc/tokens")) == .agentTokens(id))
    }

    @Test(arguments: [
        "", "/", "/v1", "/v1/", "/v1/jobs/", "//v1/jobs", "/v1//jobs", "/V1/jobs", "/v1/jobs;x", "/v1/%6aobs",
        "/v1/./jobs",
        "/v1/jobs/\(id)/", "/v1/jobs/\(id)/id-token/", "/v1/jobs/\(id)//id-token", "/v1/jobs/\(id)/ID-TOKEN",
        "/v1/jobs/\(id.uppercased())", "/v1/jobs/\(id)0", "/v1/jobs/\(id.dropLast())", "/v1/jobs/../jobs", "/token/",
        "/Token", "/v1/jobs/\(id)\u{0}", "/v1/jobs/\(id)/id-token%00",
        "/v1/jobs/\(id)/oidc", "/v1/jobs/\(id)/oidc/tokens/", "/v1/jobs/\(id)/oidc//tokens",
        "/v1/jobs/\(id)/OIDC/tokens",
    ])
    func `any other spelling names nothing`(path: String) {
        #expect(RunnerRoute(ByteString(path)) == nil)
    }
}
