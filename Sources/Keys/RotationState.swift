package import JOSE

/// The ring with all that a rotation rests on, read in one piece.
package struct RotationState: Hashable, Sendable {
    package var ring: KeyRing
    /// The rules in force; nil where no issuer ever ran on this store.
    package var rules: RotationRules?
    /// For each key that ever signed, an instant by which all its tokens have expired.
    package var tokensExpireBy: [ByteString: NumericDate]
    /// For each publication place, since when each key was seen there.
    package var sightings: [ByteString: [ByteString: NumericDate]]
    /// Standbys whose private half does not open, or whose certificate expires too soon: they can never sign.
    package var unusable: Set<ByteString> = []

    package init(
        ring: KeyRing,
        rules: RotationRules? = nil,
        tokensExpireBy: [ByteString: NumericDate] = [:],
        sightings: [ByteString: [ByteString: NumericDate]] = [:]
    ) {
        self.ring = ring
        self.rules = rules
        self.tokensExpireBy = tokensExpireBy
        self.sightings = sightings
    }

    /// The standbys that can sign next for `purpose`, oldest first.
    package func usableStandbys(for purpose: KeyPurpose) -> [SigningKey] {
        ring.standbys(for: purpose).filter { !unusable.contains($0.kid) }
    }
}
