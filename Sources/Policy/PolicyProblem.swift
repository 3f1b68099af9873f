package import JOSE

/// One thing that is wrong with a policy: where, and how to mend it.
package struct PolicyProblem: Hashable, Sendable {
    /// As `rules[0].match.ref`.
    package let path: ByteString
    package let explanation: ByteString

    package init(_ path: ByteString, _ explanation: ByteString) {
        self.path = path
        self.explanation = explanation
    }
}
