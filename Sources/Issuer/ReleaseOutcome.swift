/// What became of a token that was signed without a wait.
package enum ReleaseOutcome: Sendable {
    /// Its record is durable: it may leave.
    case released(ReleasedToken)
    case failed(IssuanceError)
    /// It was dropped, and another attempt may end otherwise: the key was withdrawn meanwhile, or the same was asked for
    /// a moment ago.
    case undecided
}
