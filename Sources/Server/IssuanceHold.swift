/// Why the runner plane stands still while the public plane goes on.
package enum IssuanceHold: Hashable, Sendable {
    /// The wall clock was moved: no time that we would write can be trusted.
    case clockUncertain
    /// The key ring was not read for longer than it may be.
    case keysStale
}
