package import JOSE
package import Policy

/// The profiles of an issuer: one default, and one each for the audiences that are configured.
package struct TokenProfiles: Sendable {
    private let standard: TokenProfile
    private let byAudience: [ByteString: TokenProfile]
    /// The longest lifetime that a named token may ask for, in seconds.
    private let maximumLifetime: Int64
    /// The configured form of the subjects of which no rule says anything; nil for that of the claims.
    package let subject: SubjectForm?
    private let claims: ClaimsProfile

    /// `subject` is the default form; nil for that of `claims`.
    package init(
        standard: TokenProfile,
        byAudience: [ByteString: TokenProfile] = [:],
        maximumLifetime: Int64 = 3600,
        subject: SubjectForm? = nil,
        claims: ClaimsProfile = .gitHub
    ) {
        self.standard = standard
        self.byAudience = byAudience
        self.maximumLifetime = maximumLifetime
        self.subject = subject
        self.claims = claims
    }

    /// The longest lifetime, in seconds, that any token of this issuer can have.
    package var longestLifetime: Int64 {
        byAudience.values.map(\.lifetime).reduce(max(maximumLifetime, standard.lifetime), max)
    }

    /// What one audience's tokens are made by: the rule's word first, then the configuration's, then what the relying
    /// party is known to take.
    func terms(for audience: Audience, _ grant: Grant?, _ chosen: AudienceProfile?) -> TokenTerms {
        let configured = byAudience[audience.value]
        let demands = chosen ?? configured?.audience
        let known = demands ?? AudienceProfile.known(for: audience.value)
        let claims = grant?.claims ?? demands?.claims ?? self.claims
        // An audience that is configured has its own limit, any other the maximum.
        let longest = grant?.maximumLifetime ?? configured?.lifetime ?? max(maximumLifetime, standard.lifetime)
        let limit = min(longest, known?.maximumLifetime ?? longest)
        return TokenTerms(
            algorithm: algorithm(configured, grant, known),
            lifetime: min((configured ?? standard).lifetime, limit),
            longestLifetime: limit,
            sharesTokens: demands?.sharesTokens ?? true,
            form: TokenForm(
                subject: grant?.subject ?? defaultSubject(claims),
                maximumSubjectLength: known?.maximumSubjectLength ?? SubjectForm.maximumLength,
                claims: claims,
                additionalClaims: grant?.additionalClaims ?? [],
                sessionTags: grant?.sessionTags ?? [],
                demandedClaims: demands?.demandedClaims ?? []
            )
        )
    }

    /// What the operator says of this very audience stands; what a rule says of many does not make a relying party
    /// verify what it does not.
    private func algorithm(_ configured: TokenProfile?, _ grant: Grant?, _ known: AudienceProfile?) -> SigningAlgorithm
    {
        if grant?.algorithm == nil, let configured { return configured.algorithm }
        let asked = grant?.algorithm ?? standard.algorithm
        return known?.algorithm(preferred: asked) ?? asked
    }

    private func defaultSubject(_ claims: ClaimsProfile) -> SubjectForm {
        if claims == self.claims, let subject { return subject }
        switch claims {
        case .gitHub: return .byName
        case .gitLab: return .gitLab
        }
    }
}
