/// What holds for every token, with or without a policy: opt-in, nothing for forks, nothing for ourselves, and only
/// the audiences that the registration names.
package struct StandingRules: Sendable {
    private let ownURLs: OwnURLs

    package init(ownURLs: OwnURLs) {
        self.ownURLs = ownURLs
    }

    package func check(_ request: TokenRequest, for job: Job) throws(Refusal) {
        for audience in request.audiences.all where ownURLs.contains(audience) { throw Refusal(.audienceIsIssuer) }
        if job.facts.isFork { throw Refusal(.fork) }
        // The subject is what relying parties trust: only a policy may let a caller choose it.
        if let claim = request.subjectClaim { throw Refusal(.subjectClaimNotAllowed, claim.claimName) }
        guard request.origin == .requestToken else { return }
        guard job.registration.mayRequestTokens else { throw Refusal(.notOptedIn) }
        guard let allowed = job.registration.audiences else { return }
        for audience in request.audiences.all where !allowed.contains(audience) { throw Refusal(.audienceNotAllowed) }
    }
}
