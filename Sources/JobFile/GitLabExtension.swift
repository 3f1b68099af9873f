// GitLab's `extends:`: a job on top of others.

import JOSE

/// Puts a job together from those that it extends.
struct GitLabExtension {
    private let tree: JSONObject

    /// GitLab allows eleven levels.
    private static let maximumDepth = 11

    /// A job may extend several, each of which may do the same: so that a small file never means much work.
    private static let maximumJobs = 200

    init(_ tree: JSONObject) {
        self.tree = tree
    }

    /// The job with everything that it extends.
    func resolved(_ name: ByteString) throws(JobFileError) -> JSONObject {
        var jobs = 0
        return try resolved(name, depth: 0, jobs: &jobs)
    }

    /// Mappings merge key by key, anything else is replaced; of several parents the last has the last word, then the job.
    private func resolved(_ name: ByteString, depth: Int, jobs: inout Int) throws(JobFileError) -> JSONObject {
        let path = JobFilePath.top.key(name)
        jobs += 1
        guard depth <= Self.maximumDepth, jobs <= Self.maximumJobs else {
            throw JobFileError(.tooManyParents, at: path.key("extends"))
        }
        guard let job = tree[name]?.objectValue else { throw JobFileError(.mappingExpected, at: path) }
        var whole = JSONObject()
        for parent in try Self.parents(job["extends"], at: path.key("extends")) {
            guard tree[parent] != nil else { throw JobFileError(.parentUnknown(parent), at: path.key("extends")) }
            whole = Self.merged(whole, try resolved(parent, depth: depth + 1, jobs: &jobs))
        }
        return Self.merged(whole, job)
    }

    private static func parents(_ value: JSONValue?, at path: JobFilePath) throws(JobFileError) -> [ByteString] {
        switch value {
        case nil, .null: return []
        case .string(let name): return [name]
        case .array(let values):
            var names: [ByteString] = []
            for value in values {
                guard let name = value.stringValue else { throw JobFileError(.textOrListExpected, at: path) }
                names.append(name)
            }
            return names
        default: throw JobFileError(.textOrListExpected, at: path)
        }
    }

    private static func merged(_ below: JSONObject, _ above: JSONObject) -> JSONObject {
        var whole = below
        for member in above.members {
            if let object = member.value.objectValue, let other = whole[member.name]?.objectValue {
                whole[member.name] = .object(merged(other, object))
            } else {
                whole[member.name] = member.value
            }
        }
        return whole
    }
}
