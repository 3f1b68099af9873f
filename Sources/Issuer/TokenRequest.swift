package import JOSE

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
    /// The connection that Azure's clients name (`serviceConnectionId`).
    package let serviceConnection: ByteString?

    package init(
        audiences: Audiences,
        lifetime: Int64? = nil,
        origin: Origin = .requestToken,
        serviceConnection: ByteString? = nil
    ) {
        self.audiences = audiences
        self.lifetime = lifetime
        self.origin = origin
        self.serviceConnection = serviceConnection
    }
}
