// How long tokens live (CONTRACT "Lifetime 300 s by default", "the shortest lifetime wins"; threat A14).

import Issuer
import JOSE
import Testing

@Suite struct TokenProfilesTests {
    private let profiles = TokenProfiles(
        standard: TokenProfile(algorithm: .RS256, lifetime: 300),
        byAudience: [
            "short": TokenProfile(algorithm: .RS256, lifetime: 60),
            "long": TokenProfile(algorithm: .RS256, lifetime: 7200),
            "ec": TokenProfile(algorithm: .ES256, lifetime: 300),
        ],
        maximumLifetime: 3600
    )

    private func plan(_ audiences: [ByteString], asked: Int64? = nil) throws -> TokenPlan {
        let rules = StandingRules(ownURLs: OwnURLs([try Samples.issuer.get()]))
        let request = TokenRequest(audiences: try Audiences(audiences), lifetime: asked)
        return try TokenPlanner(rules: rules, profiles: profiles).plan(request, for: Samples.live())
    }

    @Test(
        arguments: [
            (["a"], nil, 300), (["short"], nil, 60), (["long"], nil, 7200),
            // The shortest wins, in any order.
            (["a", "short"], nil, 60), (["short", "a"], nil, 60), (["long", "a"], nil, 300),
            (["long", "short", "a"], nil, 60),
            // A named token gets what it asks for, up to the maximum; an audience configured for longer keeps that.
            (["a"], 1, 1), (["a"], 300, 300), (["a"], 900, 900), (["a"], 3600, 3600), (["a"], 3601, 3600),
            (["a"], 86_400, 3600), (["long"], 7200, 7200), (["long"], 86_400, 7200), (["long"], 60, 60),
            // A short profile is a limit, for a named token too.
            (["short"], 900, 60), (["a", "short"], 900, 60), (["short"], 30, 30),
        ] as [([ByteString], Int64?, Int64)]
    )
    func `a token lives this long`(audiences: [ByteString], asked: Int64?, lifetime: Int64) throws {
        let plan = try plan(audiences, asked: asked)
        #expect(plan.algorithm == .RS256)
        #expect(plan.lifetime == lifetime)
    }

    @Test(arguments: [["a", "ec"], ["ec", "a"], ["ec", "short"], ["a", "short", "long", "ec"]] as [[ByteString]])
    func `profiles with different algorithms disagree`(audiences: [ByteString]) {
        #expect(throws: Refusal(.audienceProfilesDisagree)) {
            try plan(audiences)
        }
    }

    @Test func `an audience is configured by its exact bytes`() throws {
        #expect(try plan(["SHORT"]).lifetime == 300)
        #expect(try plan(["ec/"]).algorithm == .RS256)
        #expect(try plan(["ec"]).algorithm == .ES256)
    }
}
