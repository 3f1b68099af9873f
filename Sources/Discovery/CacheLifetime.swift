package import Keys

/// For how many seconds verifiers may keep what we publish.
package enum CacheLifetime {
    /// The metadata does not change while a server runs.
    package static let providerMetadata: Int64 = 3600

    /// The JWK Set may be kept until it is next to change, and never longer than the schedule says: that is also the
    /// time for which a revoked key may still be accepted.
    ///
    /// The answer is rendered anew at each refresh only: what is given out just before the next one must fit, too.
    package static func jwkSet(
        _ schedule: RotationSchedule,
        nextChangeAt: NumericDate?,
        at now: NumericDate
    ) -> Int64 {
        let longest = schedule.longestCopy.components.seconds
        guard let nextChangeAt else { return longest }
        let remaining = nextChangeAt.secondsSinceEpoch - now.secondsSinceEpoch
        return min(longest, max(1, remaining - schedule.refreshInterval.components.seconds))
    }
}
