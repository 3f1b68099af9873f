/// The outcome of a policy for one audience.
package enum Decision: Hashable, Sendable {
    case permit(Grant)
    case deny(Denial)
}
