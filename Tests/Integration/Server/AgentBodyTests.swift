import Issuer
import JOSE
import Policy
import Testing

@testable import Server

/// What Buildkite's agent may send for a token, and what it may not (threats A04, A12, A14).
@Suite struct AgentBodyTests {
    private func request(_ body: String) throws(Refusal) -> TokenRequest {
        try TokenRequest(agentBody: Array(body.utf8))
    }

    @Test func `all members are read`() throws {
        let request = try request(
            """
            {"audience":"a","lifetime":900,"claims":["sha","sub"],"aws_session_tags":["repository","run_id"],\
            "subject_claim":"repository_id"}
            """
        )
        let expected = TokenRequest(
            audiences: try Audiences(["a"]),
            lifetime: 900,
            requiredClaims: ["sha", "sub"],
            sessionTags: [.repository, .runID],
            subjectClaim: .repositoryID
        )
        #expect(request == expected)
    }

    @Test(
        arguments: [
            (#"{"audience":"a"}"#, nil), (#"{"audience":"a","lifetime":0}"#, nil),
            (#"{"audience":"a","lifetime":1}"#, 1), (#"{"audience":"a","lifetime":86400}"#, 86_400),
        ] as [(String, Int64?)]
    )
    func `no lifetime and none to speak of are the issuer's default`(body: String, lifetime: Int64?) throws {
        let request = try request(body)
        #expect(request.lifetime == lifetime)
        #expect(request.origin == .requestToken)
    }

    @Test(
        arguments: [
            (#"{}"#, .audienceMissing, "audience"), (#"{"audience":""}"#, .audienceInvalid, ""),
            (#"{"audience":["a"]}"#, .wrongType, "audience"), (#"{"audience":null}"#, .wrongType, "audience"),
            (#"{"audience":"a b"}"#, .audienceInvalid, ""),
            (#"{"audience":"a","audience":"b"}"#, .duplicateMember, "audience"),
            (#"{"audience":"a","repository":"victim"}"#, .unknownMember, "repository"),
            (#"{"audience":"a","Audience":"b"}"#, .unknownMember, "Audience"),
            (#"{"audience":"a","lifetime":-1}"#, .outOfRange, "lifetime"),
            (#"{"audience":"a","lifetime":86401}"#, .outOfRange, "lifetime"),
            (#"{"audience":"a","lifetime":1e9}"#, .wrongType, "lifetime"),
            (#"{"audience":"a","lifetime":300.0}"#, .wrongType, "lifetime"),
            (#"{"audience":"a","lifetime":"300"}"#, .wrongType, "lifetime"),
            (#"{"audience":"a","lifetime":NaN}"#, .malformedJSON, ""),
            (#"{"audience":"a","lifetime":99999999999999999999}"#, .wrongType, "lifetime"),
            (#"{"audience":"a","claims":"sha"}"#, .wrongType, "claims"),
            (#"{"audience":"a","claims":{"repository":"victim"}}"#, .wrongType, "claims"),
            (#"{"audience":"a","claims":[["sha"]]}"#, .wrongType, "claims"),
            (#"{"audience":"a","aws_session_tags":[1]}"#, .wrongType, "aws_session_tags"),
            (#"{"audience":"a","aws_session_tags":["sub"]}"#, .claimNotAvailable, "sub"),
            (#"{"audience":"a","aws_session_tags":["repo:victim"]}"#, .claimNotAvailable, "repo:victim"),
            (#"{"audience":"a","subject_claim":["ref"]}"#, .wrongType, "subject_claim"),
            (#"{"audience":"a","subject_claim":"pipeline_id"}"#, .subjectClaimNotAllowed, "pipeline_id"),
            (#"["audience"]"#, .wrongType, ""), (#"{"audience":"a"}{}"#, .malformedJSON, ""), ("", .malformedJSON, ""),
            (#"audience=a"#, .malformedJSON, ""),
        ] as [(String, RefusalReason, String)]
    )
    func `anything else is refused`(body: String, reason: RefusalReason, about: String) {
        #expect(throws: Refusal(reason, ByteString(about))) { try request(body) }
    }

    @Test func `a list has at most 64 names`() throws {
        func body(_ count: Int) -> String {
            #"{"audience":"a","claims":["# + Array(repeating: #""sha""#, count: count).joined(separator: ",") + "]}"
        }
        #expect(try request(body(64)).requiredClaims.count == 64)
        #expect(throws: Refusal(.tooMany, ByteString("claims"))) { try request(body(65)) }
    }
}
