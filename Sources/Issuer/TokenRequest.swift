/// One token that is asked for.
package struct TokenRequest: Hashable, Sendable {
    /// Who asks: the job with its request token, or its registration for a named token.
    package enum Origin: Hashable, Sendable {
        case requestToken
        case namedToken
    }

    package let audiences: Audiences
    package let lifetime: Int64?
    package let origin: Origin

    package init(audiences: Audiences, lifetime: Int64? = nil, origin: Origin = .requestToken) {
        self.audiences = audiences
        self.lifetime = lifetime
        self.origin = origin
    }
}
