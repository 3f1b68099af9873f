// The relying parties that are known, as data (reference: each row's source).

import JOSE
import Policy
import Testing

@Suite struct AudienceProfileTests {
    @Test func `each has a name of its own, a source, and takes RS256`() {
        #expect(Set(AudienceProfile.known.map(\.name)).count == AudienceProfile.known.count)
        for profile in AudienceProfile.known {
            #expect(!profile.source.isEmpty)
            #expect(profile.algorithms.first == .RS256, "\(profile.name)")
            #expect((1...255).contains(profile.maximumSubjectLength))
            #expect((1...86_400).contains(profile.maximumLifetime))
            #expect(AudienceProfile.named(profile.name) == profile)
            for audience in profile.audiences where !audience.hasSuffix("*") {
                #expect(AudienceProfile.known(for: audience) == profile)
            }
        }
        let audiences = AudienceProfile.known.flatMap(\.audiences)
        #expect(Set(audiences).count == audiences.count)
        for name in ["aws", "azure", "gcp", "openbao", "kubernetes", "sigstore", "pypi", "spiffe"] as [ByteString] {
            #expect(AudienceProfile.named(name) != nil)
        }
    }

    @Test(
        arguments: [
            ("sts.amazonaws.com", "aws"), ("api://AzureADTokenExchange", "azure"),
            ("//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q", "gcp"),
            ("https://iam.googleapis.com/projects/1", "gcp"), ("sigstore", "sigstore"), ("testpypi", "pypi"),
            ("spiffe://example.org", "spiffe"), ("sts.amazonaws.com.evil", nil), ("STS.amazonaws.com", nil),
            ("sigstore/", nil), ("", nil), ("https://bao.example", nil),
        ] as [(ByteString, ByteString?)]
    )
    func `an audience is known by its exact bytes`(audience: ByteString, name: ByteString?) {
        #expect(AudienceProfile.known(for: audience)?.name == name)
    }

    @Test(arguments: [SigningAlgorithm.RS256, .ES256])
    func `an algorithm that it does not verify becomes one that it does`(preferred: SigningAlgorithm) {
        for profile in AudienceProfile.known {
            #expect(profile.algorithms.contains(profile.algorithm(preferred: preferred)))
        }
        #expect(AudienceProfile.named("aws")?.algorithm(preferred: preferred) == preferred)
        #expect(AudienceProfile.named("azure")?.algorithm(preferred: preferred) == .RS256)
    }

    // B19: 127 at Google, 255 elsewhere.
    @Test func `a template that can never fit is refused when it is loaded`() throws {
        func problems(_ length: Int, _ audience: String) throws -> [ByteString] {
            let subject = String(repeating: "w", count: length) + ":{{repository}}"
            let rule = #"{"name": "one", "audiences": \#(quoted(audience)), "subject": \#(quoted(subject))}"#
            return try Samples.problems(#"{"rules": [\#(rule)], "audiences": {"mine": {"profile": "gcp"}}}"#).map(
                \.path
            )
        }
        for google in ["//iam.googleapis.com/projects/1", "mine"] {
            #expect(try problems(125, google) == [])
            #expect(try problems(126, google) == ["rules[0].subject"])
        }
        #expect(try problems(126, "elsewhere") == [])
        #expect(try problems(253, "elsewhere") == [])
        #expect(try problems(254, "elsewhere") == ["rules[0].subject"])
        #expect(try problems(254, "*") == ["rules[0].subject"])
    }

    @Test func `a subject that does not fit a limit is refused, never cut`() throws {
        let job = Samples.job([.ref: "refs/heads/" + ByteString(String(repeating: "r", count: 127 - 33))])
        #expect(try SubjectForm.byName.subject(of: job, limit: 127).count == 127)
        for form in [SubjectForm.byName, .immutable, .gitLab, try SubjectForm("t:{{repository}}:{{ref}}:xxxxxxxxxx")] {
            #expect(throws: Denial.subjectTooLong) { try form.subject(of: job, limit: 100) }
        }
    }

    @Test func `a rule that asks for what the relying party refuses is refused when it is loaded`() throws {
        let problems = try Samples.problems(
            """
            {"rules": [{"name": "a", "audiences": "sigstore", "algorithm": "ES256"},
                       {"name": "b", "audiences": "spiffe://example.org", "lifetime": "2h"},
                       {"name": "c", "audiences": ["x", "mine"], "algorithm": "ES256"},
                       {"name": "d", "audiences": "sts.amazonaws.com", "algorithm": "ES256", "lifetime": "2h"}],
             "audiences": {"mine": {"profile": "pypi"}}}
            """
        )
        #expect(problems.map(\.path) == ["rules[0].algorithm", "rules[1].lifetime", "rules[2].algorithm"])
    }
}
