package import JOSE
package import Policy

/// How tokens for an audience are made.
package struct TokenProfile: Hashable, Sendable {
    package let algorithm: SigningAlgorithm
    /// Seconds from `iat` to `exp`, 1…86400.
    package let lifetime: Int64
    /// What its relying party demands, where the operator said which kind it is.
    package let audience: AudienceProfile?

    package init(algorithm: SigningAlgorithm, lifetime: Int64, audience: AudienceProfile? = nil) {
        self.algorithm = algorithm
        self.lifetime = lifetime
        self.audience = audience
    }
}
