package import JOSE
package import Policy

/// What a token says of its job, beside what every token says.
package struct TokenForm: Hashable, Sendable {
    package let subject: SubjectForm
    /// In bytes.
    package let maximumSubjectLength: Int
    package let claims: ClaimsProfile
    package let additionalClaims: [ClaimTemplate]
    /// Facts that become AWS session tags.
    package let sessionTags: [FactName]
    /// Claims without which the relying party refuses the token.
    package let demandedClaims: [ByteString]

    package init(
        subject: SubjectForm,
        maximumSubjectLength: Int = SubjectForm.maximumLength,
        claims: ClaimsProfile = .gitHub,
        additionalClaims: [ClaimTemplate] = [],
        sessionTags: [FactName] = [],
        demandedClaims: [ByteString] = []
    ) {
        self.subject = subject
        self.maximumSubjectLength = maximumSubjectLength
        self.claims = claims
        self.additionalClaims = additionalClaims
        self.sessionTags = sessionTags
        self.demandedClaims = demandedClaims
    }

    func tagged(with facts: [FactName]) -> TokenForm {
        changing(sessionTags: sessionTags + facts.filter { !sessionTags.contains($0) })
    }

    func withSubject(_ subject: SubjectForm) -> TokenForm {
        changing(subject: subject)
    }

    private func changing(subject: SubjectForm? = nil, sessionTags: [FactName]? = nil) -> TokenForm {
        TokenForm(
            subject: subject ?? self.subject,
            maximumSubjectLength: maximumSubjectLength,
            claims: claims,
            additionalClaims: additionalClaims,
            sessionTags: sessionTags ?? self.sessionTags,
            demandedClaims: demandedClaims
        )
    }

    /// One form for two audiences; nil where they want different ones.
    func joined(with other: TokenForm) -> TokenForm? {
        guard subject == other.subject, claims == other.claims, additionalClaims == other.additionalClaims,
            Set(sessionTags) == Set(other.sessionTags)
        else { return nil }
        return TokenForm(
            subject: subject,
            maximumSubjectLength: min(maximumSubjectLength, other.maximumSubjectLength),
            claims: claims,
            additionalClaims: additionalClaims,
            sessionTags: sessionTags,
            demandedClaims: demandedClaims + other.demandedClaims.filter { !demandedClaims.contains($0) }
        )
    }
}
