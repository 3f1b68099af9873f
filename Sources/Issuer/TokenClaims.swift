package import Discovery
package import JOSE
import Keys
import Policy

/// The claims of a job's tokens that do not change from one token of a form to the next.
package struct TokenClaims: Sendable {
    private let issuer: ByteString
    /// The forge that the repositories live on (`url`); Sigstore's certificates name it.
    private let forgeURL: ByteString?
    private let forgeHost: ByteString?

    package init(issuer: IssuerIdentifier, forgeURL: ByteString?) {
        self.issuer = issuer.value
        self.forgeURL = forgeURL
        forgeHost = forgeURL.flatMap(URLOrigin.split).map { $0.origin.host }
    }

    private static let approvedBy: ByteString = "environment_approved_by"
    private static let approvedAt: ByteString = "environment_approved_at"

    /// Every claim that a token can carry by itself.
    package static var supported: [ByteString] {
        let facts = FactName.allCases.map(\.claimName)
        return ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "repo"] + facts + [
            "runner", "url", Self.approvedBy, Self.approvedAt,
        ]
            + GitLabClaims.names.filter { !facts.contains($0) } + [SessionTags.claimName]
    }

    private func subject(of job: Job, _ form: TokenForm) throws(Refusal) -> ByteString {
        do throws(Denial) {
            return try form.subject.subject(of: job.description(), limit: form.maximumSubjectLength)
        } catch {
            throw Refusal(denied: error)
        }
    }

    /// The claims of one form; every value is there once, and none is empty.
    package func constant(for job: Job, _ form: TokenForm) throws(Refusal) -> JSONObject {
        var claims: [(ByteString, JSONValue)] = [
            ("iss", .string(issuer)),
            ("sub", .string(try subject(of: job, form))),
            ("repo", .string(job.facts.repository.name)),
        ]
        claims += named(job, form.claims).map { ($0, .string($1)) }
        claims.append(("runner", .string(job.runnerName)))
        if let given = job.approval?.given {
            claims.append((Self.approvedBy, .string(given.by)))
            claims.append((Self.approvedAt, .string(given.at.internetDate)))
        }
        if let forgeURL { claims.append(("url", .string(forgeURL))) }
        claims += try additional(job, form.additionalClaims).map { ($0, .string($1)) }
        var object = JSONObject(claims)
        if !form.sessionTags.isEmpty {
            object[SessionTags.claimName] = try SessionTags(form.sessionTags, of: job.facts).claim
        }
        if let missing = form.demandedClaims.first(where: { object[$0] == nil }) {
            throw Refusal(.claimDemanded, missing)
        }
        return object
    }

    private func named(_ job: Job, _ profile: ClaimsProfile) -> [(ByteString, ByteString)] {
        switch profile {
        case .gitHub: job.facts.present.map { ($0.name.claimName, $0.value) }
        case .gitLab:
            GitLabClaims.claims(of: job.description(), jobID: job.id.text, forge: forgeHost)
                + [("workflow", job.facts[.workflow] ?? "")]
        }
    }

    private func additional(_ job: Job, _ templates: [ClaimTemplate]) throws(Refusal) -> [(ByteString, ByteString)] {
        var claims: [(ByteString, ByteString)] = []
        for template in templates {
            do throws(Denial) {
                claims.append((template.name, try template.value(for: job.description())))
            } catch {
                throw Refusal(denied: error)
            }
        }
        return claims
    }
}
