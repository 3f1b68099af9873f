package import JOSE
package import Policy

/// One token that is asked for.
package struct TokenRequest: Hashable, Sendable {
    /// Who asks: the job with its request token, or its registration for a named token.
    package enum Origin: Hashable, Sendable {
        case requestToken
        case namedToken
    }

    package let audiences: Audiences
    /// The lifetime asked for in seconds, 1…86400; nil for the issuer's default.
    package let lifetime: Int64?
    package let origin: Origin
    /// Claims without which the caller does not want the token: names only, for a caller sets nothing.
    package let requiredClaims: [ByteString]
    /// Facts that the token is to carry as AWS session tags, too.
    package let sessionTags: [FactName]
    /// The fact that the caller would have as the subject.
    package let subjectClaim: FactName?
    /// The Azure service connection that the token is for: a fact for the policy, and no claim.
    package let serviceConnection: ByteString?

    package init(
        audiences: Audiences,
        lifetime: Int64? = nil,
        origin: Origin = .requestToken,
        requiredClaims: [ByteString] = [],
        sessionTags: [FactName] = [],
        subjectClaim: FactName? = nil,
        serviceConnection: ByteString? = nil
    ) {
        self.audiences = audiences
        self.lifetime = lifetime
        self.origin = origin
        self.requiredClaims = requiredClaims
        self.sessionTags = sessionTags
        self.subjectClaim = subjectClaim
        self.serviceConnection = serviceConnection
    }
}
