package import JOSE

/// A claim that an issuer's token must make, and the values that will do.
package struct RequiredClaim: Hashable, Sendable {
    package let path: ClaimPath
    /// One of them must match; never none.
    package let patterns: [ClaimPattern]

    package init(path: ClaimPath, patterns: [ClaimPattern]) {
        self.path = path
        self.patterns = patterns
    }

    /// A claim that is absent, or no single value, satisfies nothing, not even `*`.
    package func isSatisfied(by claims: JSONObject) -> Bool {
        guard let value = path.value(in: claims).flatMap(ClaimPath.text) else { return false }
        return patterns.contains { $0.matches(value) }
    }
}
