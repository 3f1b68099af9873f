package import JOSE

/// An issuer whose tokens are evidence, and what we ask of them.
package struct TrustedIssuer: Hashable, Sendable {
    package let keyLocation: KeyLocation
    /// One of them has to be in `aud`; never empty.
    package let audiences: [ByteString]
    package let requiredClaims: [RequiredClaim]
    package let algorithms: Set<SignatureAlgorithm>
    /// The longest time since `iat`, in seconds.
    package let maximumAge: Int64
    /// How much its clock and ours may differ, in seconds.
    package let clockSkew: Int64
    /// Whether a token is worth nothing some time after its first use.
    package let refusesReplay: Bool

    /// The issuer as configured: `iss` has to be these bytes.
    package var name: ByteString { keyLocation.issuer }

    package init(
        keyLocation: KeyLocation,
        audiences: [ByteString],
        requiredClaims: [RequiredClaim] = [],
        algorithms: Set<SignatureAlgorithm> = [.RS256, .ES256],
        maximumAge: Int64 = TokenVerifier.maximumAge,
        clockSkew: Int64 = 30,
        refusesReplay: Bool = false
    ) {
        self.keyLocation = keyLocation
        self.audiences = audiences
        self.requiredClaims = requiredClaims
        self.algorithms = algorithms
        self.maximumAge = maximumAge
        self.clockSkew = clockSkew
        self.refusesReplay = refusesReplay
    }
}
