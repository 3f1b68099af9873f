import JOSE

extension TokenRequest {
    /// Claims that every token has, though they are no part of what is constant for a job.
    private static let perToken: Set<ByteString> = ["aud", "exp", "iat", "nbf", "jti"]

    /// What the caller demands is looked for among `claims`: no request makes a claim appear there.
    func refuseMissing(in claims: JSONObject) throws(Refusal) {
        for name in requiredClaims where claims[name] == nil && !Self.perToken.contains(name) {
            throw Refusal(.claimNotAvailable, name)
        }
    }
}
