package import JOSE

/// What one kind of relying party demands of the tokens it is shown.
package struct AudienceProfile: Hashable, Sendable {
    package let name: ByteString
    /// What it verifies, our preference first.
    package let algorithms: [SigningAlgorithm]
    /// The longest subject that it takes, in bytes.
    package let maximumSubjectLength: Int
    /// Whether a token may be for others, too.
    package let sharesTokens: Bool
    /// The longest lifetime that it takes, in seconds.
    package let maximumLifetime: Int64
    package let claims: ClaimsProfile
    /// Claims without which it refuses the token.
    package let demandedClaims: [ByteString]
    /// Audiences that are its own, wherever it runs; a final `*` stands for anything.
    package let audiences: [ByteString]
    /// Where the row was read.
    package let source: ByteString

    init(
        _ name: ByteString,
        algorithms: [SigningAlgorithm] = [.RS256, .ES256],
        maximumSubjectLength: Int = SubjectForm.maximumLength,
        sharesTokens: Bool = true,
        maximumLifetime: Int64 = 86_400,
        claims: ClaimsProfile = .gitHub,
        demandedClaims: [ByteString] = [],
        audiences: [ByteString] = [],
        source: ByteString
    ) {
        self.name = name
        self.algorithms = algorithms
        self.maximumSubjectLength = maximumSubjectLength
        self.sharesTokens = sharesTokens
        self.maximumLifetime = maximumLifetime
        self.claims = claims
        self.demandedClaims = demandedClaims
        self.audiences = audiences
        self.source = source
    }

    package static func named(_ name: ByteString) -> AudienceProfile? {
        known.first { $0.name == name }
    }

    /// The profile of an audience that is the same wherever the relying party runs.
    ///
    /// Nobody chose it, so only its algorithms and lengths hold: a token beyond them is refused there anyway.
    package static func known(for audience: ByteString) -> AudienceProfile? {
        known.first { $0.audiences.contains { Pattern.isPrefixed(audience, by: $0) } }
    }

    /// The algorithm for this relying party, `preferred` if it takes it.
    package func algorithm(preferred: SigningAlgorithm) -> SigningAlgorithm {
        algorithms.contains(preferred) ? preferred : algorithms.first ?? preferred
    }
}

extension Pattern {
    fileprivate static func isPrefixed(_ audience: ByteString, by known: ByteString) -> Bool {
        known.hasSuffix("*") ? audience.hasPrefix(ByteString(known.bytes.dropLast())) : audience == known
    }
}
