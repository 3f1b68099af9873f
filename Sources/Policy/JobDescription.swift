package import JOSE

/// What a policy sees of a job and of the request for its token.
package struct JobDescription: Hashable, Sendable {
    private let facts: [FactName: ByteString]
    package let runner: ByteString
    /// Whether somebody asks for a merge: such a job never has the subject of a ref.
    package let isPullRequest: Bool
    /// Whether the code comes from another repository than the one the job is named after.
    package let isFork: Bool
    package let serviceConnection: ByteString?

    package init(
        facts: [FactName: ByteString],
        runner: ByteString,
        isPullRequest: Bool,
        isFork: Bool,
        serviceConnection: ByteString? = nil
    ) {
        self.facts = facts
        self.runner = runner
        self.isPullRequest = isPullRequest
        self.isFork = isFork
        self.serviceConnection = serviceConnection
    }

    package var repository: RepositoryName {
        RepositoryName(facts[.repository] ?? "")
    }

    package subscript(_ fact: FactName) -> ByteString? {
        facts[fact]
    }

    /// Nil where the job has none; never empty.
    package subscript(_ attribute: Attribute) -> ByteString? {
        switch attribute {
        case .fact(let name): facts[name].flatMap { $0.isEmpty ? nil : $0 }
        case .runner: runner.isEmpty ? nil : runner
        case .fork: isFork ? "true" : "false"
        case .pullRequest: isPullRequest ? "true" : "false"
        case .serviceConnection: serviceConnection
        }
    }
}
