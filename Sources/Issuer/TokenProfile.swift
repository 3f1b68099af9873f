package import JOSE

/// How tokens for an audience are made.
package struct TokenProfile: Hashable, Sendable {
    package let algorithm: SigningAlgorithm
    /// Seconds from `iat` to `exp`, 1…86400.
    package let lifetime: Int64

    package init(algorithm: SigningAlgorithm, lifetime: Int64) {
        self.algorithm = algorithm
        self.lifetime = lifetime
    }
}
