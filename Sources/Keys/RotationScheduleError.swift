/// Which inequality of a ``RotationSchedule`` does not hold, and what would be enough.
package enum RotationScheduleError: Error, Hashable, Sendable {
    /// `publicationLead ≥ refreshInterval + jwksMaxAge + clockSkew`: else a key signs before all caches hold it.
    case publicationLeadTooShort(least: Duration)
    /// `gracePeriod ≥ refreshInterval + maxTokenLifetime + clockSkew`: else a key is withdrawn while its tokens live.
    case gracePeriodTooShort(least: Duration)
    /// `rotationInterval > publicationLead`: else the next key is never ready in time.
    case rotationIntervalTooShort(above: Duration)
    /// More keys would be published at once than `maximumPublished`.
    case tooManyPublished(needed: Int)
}
