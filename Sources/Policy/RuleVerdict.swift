/// What one rule makes of one request.
package enum RuleVerdict: Hashable, Sendable {
    case otherAudience
    /// The first condition that does not hold.
    case mismatch(Condition)
    /// Everything holds, but the job is a fork and the rule does not name forks.
    case forkNotNamed
    case permits(Grant)
    case denies
}
