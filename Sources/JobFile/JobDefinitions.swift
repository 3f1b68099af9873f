// A CI's own file of jobs, in GitLab's or GitHub's syntax, read for what it says about tokens and for nothing else.

package import JOSE

/// The jobs of a job file.
///
/// A file with a mapping `jobs:` is in GitHub's syntax, any other in GitLab's. What has no meaning for tokens is ignored,
/// and what cannot be followed is an error: a job never silently gets less, or more, than its file says.
package struct JobDefinitions: Sendable {
    private let tree: JSONObject
    private let gitHubJobs: JSONObject?

    /// Takes the tree of a YAML file in which every scalar is a string.
    package init(parsing tree: JSONValue) throws(JobFileError) {
        guard let object = tree.objectValue else { throw JobFileError(.mappingExpected, at: .top) }
        self.tree = object
        gitHubJobs = object["jobs"]?.objectValue
    }

    /// The jobs that can be run, in the order of the file.
    package var names: [ByteString] {
        gitHubJobs.map { $0.members.map(\.name) } ?? GitLabJobs(tree).names
    }

    /// What the file says about one job.
    package func definition(of name: ByteString) throws(JobFileError) -> JobDefinition {
        guard names.contains(name) else { throw JobFileError(.noSuchJob(known: names), at: .top) }
        if let gitHubJobs { return try GitHubJobs(tree, jobs: gitHubJobs).definition(of: name) }
        return try GitLabJobs(tree).definition(of: name)
    }
}
