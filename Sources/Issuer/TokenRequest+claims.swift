import JOSE

extension TokenRequest {
    /// Claims that every token has, though they are no part of what is constant for a job.
    private static let perToken: Set<ByteString> = ["aud", "exp", "iat", "nbf", "jti"]

    /// The claims of this one token: `constant`, which all tokens of the job share, and the session tags asked for.
    ///
    /// What the caller demands is looked for in `constant` alone: no request makes a claim appear there.
    func claims(with constant: JSONObject, of job: Job) throws(Refusal) -> JSONObject {
        for name in requiredClaims where constant[name] == nil && !Self.perToken.contains(name) {
            throw Refusal(.claimNotAvailable, name)
        }
        guard !sessionTags.isEmpty else { return constant }
        var claims = constant
        claims[SessionTags.claimName] = try SessionTags(sessionTags, of: job.facts).claim
        return claims
    }
}
