package import JOSE

/// An environment that jobs may name: from which refs, who approves it, and how long it waits.
package struct EnvironmentRule: Hashable, Sendable {
    /// Any ref where nothing is said.
    package let refs: [Pattern]?
    /// Any one of them approves; nobody needs to where there are none.
    package let approvers: [ByteString]
    /// Seconds from the registration before which no token is made.
    package let wait: Int64

    package init(refs: [Pattern]?, approvers: [ByteString], wait: Int64) {
        self.refs = refs
        self.approvers = approvers
        self.wait = wait
    }

    /// A merge request or a fork has no ref of its own here.
    package func allows(_ job: JobDescription) -> Bool {
        guard let refs else { return true }
        guard let ref = job[.ref], !job.isPullRequest, !job.isFork else { return false }
        return refs.contains { $0.matches(ref) }
    }
}
