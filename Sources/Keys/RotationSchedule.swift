import JOSE

/// How long keys wait, sign and stay, with the inequalities that keep every verifier able to verify.
///
/// Whole seconds count; a schedule that could break a verifier can't be made.
package struct RotationSchedule: Hashable, Sendable {
    /// Time between activations.
    package let rotationInterval: Duration
    /// How long a key is published before it may sign.
    package let publicationLead: Duration
    /// How long a retiring key stays published.
    package let gracePeriod: Duration
    /// How old an issuer's view of the ring may be.
    package let refreshInterval: Duration
    /// Tolerated difference between clocks.
    package let clockSkew: Duration
    /// For how long, at most, verifiers may keep the JWK Set.
    package let jwksMaxAge: Duration
    /// The most published keys: some relying parties read no more than ten of a JWK Set.
    package let maximumPublished: Int

    /// - Throws: ``RotationScheduleError``, the first inequality that does not hold for tokens of at most
    ///   `maximumTokenLifetime`, or for keys of these `purposes`.
    package init(
        rotationInterval: Duration = .seconds(30 * 86_400),
        publicationLead: Duration = .seconds(86_400),
        gracePeriod: Duration = .seconds(2 * 86_400),
        refreshInterval: Duration = .seconds(10),
        clockSkew: Duration = .seconds(300),
        jwksMaxAge: Duration = .seconds(300),
        maximumPublished: Int = 10,
        maximumTokenLifetime: Duration,
        purposes: [KeyPurpose] = KeyPurpose.allTokens
    ) throws(RotationScheduleError) {
        self.rotationInterval = rotationInterval
        self.publicationLead = publicationLead
        self.gracePeriod = gracePeriod
        self.refreshInterval = refreshInterval
        self.clockSkew = clockSkew
        self.jwksMaxAge = jwksMaxAge
        self.maximumPublished = maximumPublished
        let leastLead = refreshInterval + jwksMaxAge + clockSkew
        guard publicationLead >= leastLead else { throw .publicationLeadTooShort(least: leastLead) }
        let leastGrace = refreshInterval + maximumTokenLifetime + clockSkew
        guard gracePeriod >= leastGrace else { throw .gracePeriodTooShort(least: leastGrace) }
        guard rotationInterval > publicationLead else { throw .rotationIntervalTooShort(above: publicationLead) }
        let keysAtOnce = keysAtOnce(of: purposes)
        guard keysAtOnce <= maximumPublished else { throw .tooManyPublished(needed: keysAtOnce) }
    }

    /// For how long a copy of the JWK Set may be kept: as configured, and never more than half the publication lead, so
    /// that every cache holds a key well before it signs.
    package var longestCopy: Duration {
        .seconds(max(1, min(jwksMaxAge.components.seconds, publicationLead.components.seconds / 2)))
    }

    /// The most keys that this schedule publishes at once: of each purpose the active one, its standby, and those
    /// that retire.
    package func keysAtOnce(of purposes: [KeyPurpose]) -> Int {
        let interval = max(1, rotationInterval.components.seconds)
        let retiring = (gracePeriod.components.seconds + interval - 1) / interval
        return purposes.count * (2 + Int(retiring))
    }
}
