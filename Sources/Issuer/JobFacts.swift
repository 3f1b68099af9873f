package import JOSE
package import Policy

/// What a runner stated of a job, each value checked by itself and against the others.
///
/// An empty optional fact is absent. Values are bytes: two names that only look alike stay two names.
package struct JobFacts: Hashable, Sendable {
    private let values: [FactName: ByteString]

    package subscript(_ name: FactName) -> ByteString? {
        values[name]
    }

    /// The facts that are there, in the order of the claims.
    package var present: [(name: FactName, value: ByteString)] {
        FactName.allCases.compactMap { name in values[name].map { (name, $0) } }
    }

    /// The facts as a policy sees them.
    package func description(runner: ByteString, serviceConnection: ByteString? = nil) -> JobDescription {
        JobDescription(
            facts: values,
            runner: runner,
            isPullRequest: isPullRequest,
            isFork: isFork,
            serviceConnection: serviceConnection
        )
    }

    /// Reads the member `job` of a registration.
    package init(parsing object: JSONObject) throws(Refusal) {
        try self.init(checking: Self.read(object))
    }

    /// These facts and those of `object`, which may only name facts that are still absent.
    ///
    /// What it says of the facts in `settled` is passed over.
    package func adding(
        _ object: JSONObject,
        besides settled: some Collection<FactName> = []
    ) throws(Refusal) -> JobFacts {
        var merged = values
        for (name, value) in try Self.read(object) where !settled.contains(name) {
            guard merged[name] == nil || merged[name] == value else { throw Refusal(.factAlreadySet, name) }
            merged[name] = value
        }
        return try JobFacts(checking: merged)
    }

    /// These facts with others in the place of those that `set` names.
    package func setting(_ set: [FactName: ByteString]) throws(Refusal) -> JobFacts {
        set.isEmpty ? self : try JobFacts(checking: values.merging(set) { $1 })
    }

    /// The facts as the JSON object that ``init(parsing:)`` reads.
    package var document: JSONObject {
        JSONObject(present.map { ($0.name.claimName, .string($0.value)) })
    }

    private init(checking values: [FactName: ByteString]) throws(Refusal) {
        self.values = values
        for name in FactName.required where values[name] == nil { throw Refusal(.factMissing, name) }
        guard repository.isWellFormed else { throw Refusal(.factInvalid, .repository) }
        if let owner = values[.repositoryOwner], owner != repository.owner {
            throw Refusal(.repositoryOwnerMismatch, .repositoryOwner)
        }
        if let workflowRef = values[.workflowRef], !workflowRef.hasPrefix(repository.name + "/") {
            throw Refusal(.workflowRefMismatch, .workflowRef)
        }
        try checkOrigin()
    }

    private static func read(_ object: JSONObject) throws(Refusal) -> [FactName: ByteString] {
        var values: [FactName: ByteString] = [:]
        for member in object.members {
            guard let name = FactName(rawValue: member.name.string) else {
                throw Refusal(.unknownMember, "job." + member.name)
            }
            guard case .string(let value) = member.value else { throw Refusal(.wrongType, "job." + member.name) }
            try check(value, for: name)
            if !value.isEmpty { values[name] = value }
        }
        return values
    }

    /// Refuses a value that the fact can't have, whatever the others are.
    static func check(_ value: ByteString, for name: FactName) throws(Refusal) {
        guard value.count <= name.maximumLength else { throw Refusal(.factTooLong, name) }
        guard value.bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw Refusal(.factInvalid, name) }
        if name.isIdentifying && value.bytes.contains(where: { "*?${}'\"`\\".utf8.contains($0) }) {
            throw Refusal(.factInvalid, name)
        }
    }
}

extension JobFacts {
    package var repository: RepositoryName {
        RepositoryName(values[.repository] ?? "")
    }

    /// Whether somebody asks for a merge here: such a job never has the subject of a ref.
    package var isPullRequest: Bool {
        if values[.headRef] != nil || values[.baseRef] != nil { return true }
        guard let event = values[.eventName] else { return false }
        return event.hasPrefix("pull_request") || event.hasPrefix("merge_request")
    }

    /// Whether the code comes from another repository than the one that the job is named after.
    package var isFork: Bool {
        guard let head = values[.headRepositoryID] else {
            return values[.headRepository] ?? repository.name != repository.name
        }
        return head != values[.repositoryID]
    }

    /// A pull request must say by id where its code comes from; one id can't have two names.
    private func checkOrigin() throws(Refusal) {
        if isPullRequest && values[.headRepositoryID] == nil {
            throw Refusal(.headRepositoryIDMissing, .headRepositoryID)
        }
        if let head = values[.headRepositoryID], head == values[.repositoryID],
            let name = values[.headRepository], name != repository.name
        {
            throw Refusal(.headRepositoryMismatch, .headRepository)
        }
    }
}
