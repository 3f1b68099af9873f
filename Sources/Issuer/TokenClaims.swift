package import Discovery
package import JOSE

/// The claims of a job's tokens: which there are, and the part of them that is the same in every token of one job.
package struct TokenClaims: Sendable {
    private let issuer: ByteString
    private let subjectForm: SubjectForm
    /// The forge that the repositories live on (`url`); Sigstore's certificates name it.
    private let forgeURL: ByteString?

    package init(issuer: IssuerIdentifier, subjectForm: SubjectForm, forgeURL: ByteString?) {
        self.issuer = issuer.value
        self.subjectForm = subjectForm
        self.forgeURL = forgeURL
    }

    /// Every claim that a token can carry.
    package static var supported: [ByteString] {
        ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "repo"] + FactName.allCases.map(\.claimName)
            + ["url", SessionTags.claimName]
    }

    package func subject(of job: Job) throws(Refusal) -> ByteString {
        try subjectForm.subject(of: job.facts)
    }

    /// The claims that do not change from one token of the job to the next.
    package func constant(for job: Job) throws(Refusal) -> JSONObject {
        var claims: [(ByteString, JSONValue)] = [
            ("iss", .string(issuer)),
            ("sub", .string(try subject(of: job))),
            ("repo", .string(job.facts.repository.name)),
        ]
        claims += job.facts.present.map { ($0.name.claimName, .string($0.value)) }
        if let forgeURL { claims.append(("url", .string(forgeURL))) }
        return JSONObject(claims)
    }
}
