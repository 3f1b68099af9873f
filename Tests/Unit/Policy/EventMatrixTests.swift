// Event × fork × protection × environment, whole: what each audience gets, and the subject (threat B01).

import JOSE
import Policy
import Testing

@Suite struct EventMatrixTests {
    private static let policy = """
        {"rules": [
          {"name": "cloud", "audiences": "cloud",
           "match": {"event_name": "push", "ref_protected": "true", "environment": "production", "fork": "false"}},
          {"name": "cache", "audiences": "cache"},
          {"name": "scan", "audiences": "scan", "match": {"fork": "true", "pull_request": "true"}},
          {"name": "comments", "deny": "**", "match": {"event_name": "issue_comment"}}],
         "environments": {"production": null}}
        """

    /// Event, origin, ref_protected, environment; then the audiences cloud, cache and scan, and what follows the
    /// repository in the subject.
    private static let golden = """
        push                own  true  production permit          permit          no_rule_matches environment:production
        push                own  true  -          no_rule_matches permit          no_rule_matches ref:refs/heads/main
        push                own  false production no_rule_matches permit          no_rule_matches environment:production
        push                own  false -          no_rule_matches permit          no_rule_matches ref:refs/heads/main
        push                fork true  production fork            fork            fork            pull_request
        push                fork true  -          fork            fork            fork            pull_request
        push                fork false production fork            fork            fork            pull_request
        push                fork false -          fork            fork            fork            pull_request
        schedule            own  true  production no_rule_matches permit          no_rule_matches environment:production
        schedule            own  true  -          no_rule_matches permit          no_rule_matches ref:refs/heads/main
        schedule            own  false production no_rule_matches permit          no_rule_matches environment:production
        schedule            own  false -          no_rule_matches permit          no_rule_matches ref:refs/heads/main
        schedule            fork true  production fork            fork            fork            pull_request
        schedule            fork true  -          fork            fork            fork            pull_request
        schedule            fork false production fork            fork            fork            pull_request
        schedule            fork false -          fork            fork            fork            pull_request
        pull_request        own  true  production no_rule_matches permit          no_rule_matches environment:production
        pull_request        own  true  -          no_rule_matches permit          no_rule_matches pull_request
        pull_request        own  false production no_rule_matches permit          no_rule_matches environment:production
        pull_request        own  false -          no_rule_matches permit          no_rule_matches pull_request
        pull_request        fork true  production fork            fork            permit          pull_request
        pull_request        fork true  -          fork            fork            permit          pull_request
        pull_request        fork false production fork            fork            permit          pull_request
        pull_request        fork false -          fork            fork            permit          pull_request
        pull_request_target own  true  production no_rule_matches permit          no_rule_matches environment:production
        pull_request_target own  true  -          no_rule_matches permit          no_rule_matches pull_request
        pull_request_target own  false production no_rule_matches permit          no_rule_matches environment:production
        pull_request_target own  false -          no_rule_matches permit          no_rule_matches pull_request
        pull_request_target fork true  production fork            fork            permit          pull_request
        pull_request_target fork true  -          fork            fork            permit          pull_request
        pull_request_target fork false production fork            fork            permit          pull_request
        pull_request_target fork false -          fork            fork            permit          pull_request
        merge_request_event own  true  production no_rule_matches permit          no_rule_matches environment:production
        merge_request_event own  true  -          no_rule_matches permit          no_rule_matches pull_request
        merge_request_event own  false production no_rule_matches permit          no_rule_matches environment:production
        merge_request_event own  false -          no_rule_matches permit          no_rule_matches pull_request
        merge_request_event fork true  production fork            fork            permit          pull_request
        merge_request_event fork true  -          fork            fork            permit          pull_request
        merge_request_event fork false production fork            fork            permit          pull_request
        merge_request_event fork false -          fork            fork            permit          pull_request
        issue_comment       own  true  production denied          denied          denied          environment:production
        issue_comment       own  true  -          denied          denied          denied          ref:refs/heads/main
        issue_comment       own  false production denied          denied          denied          environment:production
        issue_comment       own  false -          denied          denied          denied          ref:refs/heads/main
        issue_comment       fork true  production denied          denied          denied          pull_request
        issue_comment       fork true  -          denied          denied          denied          pull_request
        issue_comment       fork false production denied          denied          denied          pull_request
        issue_comment       fork false -          denied          denied          denied          pull_request
        """

    @Test(arguments: golden.split(separator: "\n").map(String.init))
    func `every mix is decided and named as the table says`(row: String) throws {
        let cells = row.split(separator: " ").map { ByteString(String($0)) }
        try #require(cells.count == 8)
        let isPullRequest = cells[0].hasPrefix("pull_request") || cells[0].hasPrefix("merge_request")
        let job = Samples.job(
            [.eventName: cells[0], .refProtected: cells[2], .environment: cells[3] == "-" ? nil : cells[3]],
            isPullRequest: isPullRequest,
            isFork: cells[1] == "fork"
        )
        let policy = try Samples.policy(Self.policy)
        for (audience, expected) in zip(["cloud", "cache", "scan"] as [ByteString], cells[4...6]) {
            #expect(Self.text(policy.decision(on: audience, for: job)) == expected, "\(audience)")
        }
        #expect(try SubjectForm.byName.subject(of: job) == "repo:acme/widgets:" + cells[7])
        #expect(try SubjectForm.immutable.subject(of: job) == "repo:acme@7/widgets@42:" + cells[7])
    }

    @Test func `the table has forty-eight rows`() {
        #expect(Self.golden.split(separator: "\n").count == 48)
    }

    private static func text(_ decision: Decision) -> ByteString {
        switch decision {
        case .permit: "permit"
        case .deny(.deniedByRule): "denied"
        case .deny(.fork): "fork"
        case .deny(.noRuleMatches): "no_rule_matches"
        case .deny: "else"
        }
    }
}
