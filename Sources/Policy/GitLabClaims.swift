package import JOSE

/// The job's facts under GitLab's names (GitLab documentation, "ID token payload").
package enum GitLabClaims {
    package static let names: [ByteString] = [
        "namespace_id", "namespace_path", "project_id", "project_path", "project_visibility", "user_id", "user_login",
        "pipeline_id", "pipeline_source", "job_id", "ref", "ref_type", "ref_path", "ref_protected", "environment",
        "sha",
        "ci_config_ref_uri", "ci_config_sha", "runner_environment",
    ]

    /// The claims that the job has the facts for.
    ///
    /// `forge` is the host that repositories live on; without it there is no `ci_config_ref_uri`.
    package static func claims(
        of job: JobDescription,
        jobID: ByteString,
        forge: ByteString?
    ) -> [(ByteString, ByteString)] {
        let ref = ref(of: job)
        let values: [(ByteString, ByteString?)] = [
            ("namespace_id", job[.repositoryOwnerID]),
            ("namespace_path", namespace(job.repository)),
            ("project_id", job[.repositoryID]),
            ("project_path", job.repository.name),
            ("project_visibility", job[.repositoryVisibility]),
            ("user_id", job[.actorID]),
            ("user_login", job[.actor]),
            ("pipeline_id", job[.runID]),
            ("pipeline_source", job[.eventName]),
            ("job_id", jobID),
            // A ref that is no whole one could pass for a branch.
            ("ref", ref?.name ?? job[.ref].flatMap { $0.hasPrefix("refs/") ? $0 : nil }),
            ("ref_type", ref?.type),
            ("ref_path", job[.ref]),
            ("ref_protected", job[.refProtected]),
            ("environment", job[.environment]),
            ("sha", job[.sha]),
            ("ci_config_ref_uri", forge.flatMap { configuration(of: job, on: $0) }),
            ("ci_config_sha", job[.workflowSHA]),
            ("runner_environment", job[.runnerEnvironment]),
        ]
        return values.compactMap { name, value in value.map { (name, $0) } }
    }

    /// The short name of the ref and its type; nil for a ref that is neither branch nor tag.
    static func ref(of job: JobDescription) -> (type: ByteString, name: ByteString)? {
        guard let ref = job[.ref] else { return nil }
        for (type, prefix) in [("branch", "refs/heads/"), ("tag", "refs/tags/")] as [(ByteString, ByteString)]
        where ref.hasPrefix(prefix) && ref.count > prefix.count && job[.refType] ?? type == type {
            return (type, ByteString(ref.bytes.dropFirst(prefix.count)))
        }
        return nil
    }

    /// Everything before the last slash.
    private static func namespace(_ repository: RepositoryName) -> ByteString? {
        guard let slash = repository.name.bytes.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return ByteString(repository.name.bytes[..<slash])
    }

    /// As `HOST/acme/widgets//.ci/deploy.yml@refs/heads/main`.
    private static func configuration(of job: JobDescription, on forge: ByteString) -> ByteString? {
        let repository = job.repository.name
        guard let workflow = job[.workflowRef], workflow.hasPrefix(repository + "/") else { return nil }
        return forge + "/" + repository + "/" + ByteString(workflow.bytes.dropFirst(repository.count))
    }
}
