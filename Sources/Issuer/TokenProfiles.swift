package import JOSE

/// The profiles of an issuer: one default, and one each for the audiences that are configured.
package struct TokenProfiles: Sendable {
    private let standard: TokenProfile
    private let byAudience: [ByteString: TokenProfile]
    /// The longest lifetime that a named token may ask for, in seconds.
    private let maximumLifetime: Int64

    package init(standard: TokenProfile, byAudience: [ByteString: TokenProfile] = [:], maximumLifetime: Int64 = 3600) {
        self.standard = standard
        self.byAudience = byAudience
        self.maximumLifetime = maximumLifetime
    }

    /// The longest lifetime, in seconds, that any token of this issuer can have.
    package var longestLifetime: Int64 {
        byAudience.values.map(\.lifetime).reduce(max(maximumLifetime, standard.lifetime), max)
    }

    /// The profile for all of `audiences` together: one algorithm, the shortest lifetime.
    ///
    /// `asked` is the lifetime that a named token asks for; more than its audiences allow becomes what they allow.
    package func profile(for audiences: Audiences, asked: Int64?) throws(Refusal) -> TokenProfile {
        let profiles = audiences.all.map { byAudience[$0.value] ?? standard }
        guard let first = profiles.first, profiles.allSatisfy({ $0.algorithm == first.algorithm }) else {
            throw Refusal(.audienceProfilesDisagree)
        }
        let shortest = profiles.map(\.lifetime).min() ?? first.lifetime
        return TokenProfile(algorithm: first.algorithm, lifetime: asked.map { min($0, longest(audiences)) } ?? shortest)
    }

    /// An audience that is configured has its own limit, any other the maximum.
    private func longest(_ audiences: Audiences) -> Int64 {
        let limits = audiences.all.map { byAudience[$0.value]?.lifetime ?? max(maximumLifetime, standard.lifetime) }
        return limits.min() ?? standard.lifetime
    }
}
