package import JOSE

/// What a permitting rule allows; nil where the rule says nothing and the issuer's defaults hold.
package struct Grant: Hashable, Sendable {
    /// The rule's name.
    package let rule: ByteString
    /// The longest lifetime in seconds.
    package let maximumLifetime: Int64?
    package let algorithm: SigningAlgorithm?
    package let subject: SubjectForm?
    package let claims: ClaimsProfile?
    package let additionalClaims: [ClaimTemplate]
    /// Facts that go into the token as AWS session tags.
    package let sessionTags: [FactName]
    /// Facts that a request may have as the whole subject.
    package let subjectClaims: [FactName]
    /// How many tokens one job may have under this rule.
    package let maximumTokens: Int?

    package init(
        rule: ByteString,
        maximumLifetime: Int64? = nil,
        algorithm: SigningAlgorithm? = nil,
        subject: SubjectForm? = nil,
        claims: ClaimsProfile? = nil,
        additionalClaims: [ClaimTemplate] = [],
        sessionTags: [FactName] = [],
        subjectClaims: [FactName] = [],
        maximumTokens: Int? = nil
    ) {
        self.rule = rule
        self.maximumLifetime = maximumLifetime
        self.algorithm = algorithm
        self.subject = subject
        self.claims = claims
        self.additionalClaims = additionalClaims
        self.sessionTags = sessionTags
        self.subjectClaims = subjectClaims
        self.maximumTokens = maximumTokens
    }
}
