import Keys

extension RotationScheduleError {
    /// The inequality by the names of the configuration, and what would be enough.
    var explanation: String {
        switch self {
        case .publicationLeadTooShort(let least):
            "keys.publicationLead must be at least keys.refreshInterval + keys.jwksMaxAge + keys.clockSkew = \(least.components.seconds)s; else a key would sign before all caches hold it"
        case .gracePeriodTooShort(let least):
            "keys.gracePeriod must be at least keys.refreshInterval + the longest token lifetime + keys.clockSkew = \(least.components.seconds)s; else a key would be withdrawn while its tokens live"
        case .rotationIntervalTooShort(let lead):
            "keys.rotationInterval must be longer than keys.publicationLead = \(lead.components.seconds)s; else the next key is never ready in time"
        case .tooManyPublished(let needed):
            "this schedule publishes up to \(needed) keys at once, more than keys.maximumPublished; rotate less often, shorten keys.gracePeriod, or raise it if your relying parties read that many"
        }
    }
}
