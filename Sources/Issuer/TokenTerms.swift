package import JOSE

/// How a token for one audience is made, or for several whose terms agree.
package struct TokenTerms: Hashable, Sendable {
    package let algorithm: SigningAlgorithm
    /// Seconds, where nothing is asked for.
    package let lifetime: Int64
    /// The most that may be asked for, in seconds.
    package let longestLifetime: Int64
    /// Whether a token may be for others, too.
    package let sharesTokens: Bool
    package let form: TokenForm

    package init(
        algorithm: SigningAlgorithm,
        lifetime: Int64,
        longestLifetime: Int64,
        sharesTokens: Bool = true,
        form: TokenForm
    ) {
        self.algorithm = algorithm
        self.lifetime = lifetime
        self.longestLifetime = longestLifetime
        self.sharesTokens = sharesTokens
        self.form = form
    }

    /// One token for all: one algorithm and form, the shortest lifetimes.
    static func joined(_ all: [TokenTerms]) throws(Refusal) -> TokenTerms {
        guard var joined = all.first else { throw Refusal(.audienceMissing) }
        for next in all.dropFirst() {
            guard joined.algorithm == next.algorithm, joined.sharesTokens, next.sharesTokens,
                let form = joined.form.joined(with: next.form)
            else { throw Refusal(.audienceProfilesDisagree) }
            joined = TokenTerms(
                algorithm: joined.algorithm,
                lifetime: min(joined.lifetime, next.lifetime),
                longestLifetime: min(joined.longestLifetime, next.longestLifetime),
                form: form
            )
        }
        return joined
    }

    /// The lifetime in seconds where `asked` is asked for; more than is permitted becomes what is permitted.
    func lifetime(asked: Int64?) -> Int64 {
        asked.map { min($0, longestLifetime) } ?? lifetime
    }
}
