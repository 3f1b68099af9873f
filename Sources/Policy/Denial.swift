package import JOSE

/// Why a policy, or one of its templates, says no.
package enum Denial: Error, Hashable, Sendable {
    /// No rule gives this audience to anybody.
    case audienceNotNamed
    /// Rules give this audience, but none of them to this job.
    case noRuleMatches
    /// The rule of this name refuses it.
    case deniedByRule(ByteString)
    /// The job is a fork, and no rule that names forks gives it the audience.
    case fork
    case environmentNotDeclared
    case environmentRefNotAllowed
    /// A template needs what the job has not.
    case attributeMissing(Attribute)
    /// A merge request or a fork has no subject made of this.
    case subjectUnavailable(Attribute)
    /// The immutable form needs this id.
    case idMissing(FactName)
    case subjectTooLong
}
