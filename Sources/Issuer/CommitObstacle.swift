/// Why tokens may not leave as they are.
package enum CommitObstacle: Hashable, Sendable {
    /// They must be dropped; the refusal is recorded.
    case refused(RefusalReason)
    /// Nothing was recorded: the token at this place is a retry of one whose claims these were, and is to bear them.
    case repeats(index: Int, claims: [UInt8])
}
