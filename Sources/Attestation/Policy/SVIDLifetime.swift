/// For how long an SVID is issued.
package struct SVIDLifetime: Hashable, Sendable {
    package let seconds: Int64
    /// Whether the policy would have given more, and the end of the workload's evidence does not.
    package let isShortened: Bool

    package init(seconds: Int64, isShortened: Bool) {
        self.seconds = seconds
        self.isShortened = isShortened
    }
}
