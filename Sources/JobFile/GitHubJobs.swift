// GitHub's syntax: `permissions:` at the top or in a job.

import JOSE

/// The jobs of a workflow file.
struct GitHubJobs {
    private let tree: JSONObject
    private let jobs: JSONObject

    init(_ tree: JSONObject, jobs: JSONObject) {
        self.tree = tree
        self.jobs = jobs
    }

    func definition(of name: ByteString) throws(JobFileError) -> JobDefinition {
        let path = JobFilePath.top.key("jobs").key(name)
        guard let job = jobs[name]?.objectValue else { throw JobFileError(.mappingExpected, at: path) }
        return JobDefinition(
            mayRequestTokens: try mayRequestTokens(job, at: path),
            environment: try JobDefinition.environment(job["environment"], at: path),
            path: path
        )
    }

    /// A job's own `permissions:` replace the file's as a whole.
    private func mayRequestTokens(_ job: JSONObject, at path: JobFilePath) throws(JobFileError) -> Bool {
        if let own = job["permissions"] { return try Self.allow(own, at: path.key("permissions")) }
        return try Self.allow(tree["permissions"] ?? .null, at: JobFilePath.top.key("permissions"))
    }

    private static func allow(_ permissions: JSONValue, at path: JobFilePath) throws(JobFileError) -> Bool {
        switch permissions {
        case .null, .string("read-all"): return false
        case .string("write-all"): return true
        case .object(let object):
            switch object["id-token"] {
            case nil, .string("none"), .string("read"): return false
            case .string("write"): return true
            default: throw JobFileError(.permissionUnknown, at: path.key("id-token"))
            }
        default: throw JobFileError(.mappingExpected, at: path)
        }
    }
}
