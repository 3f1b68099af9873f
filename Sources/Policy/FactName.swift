package import JOSE

/// The facts that a runner may state of a job.
///
/// The name is the name of the claim, too.
package enum FactName: String, Hashable, Sendable, CaseIterable {
    case repository
    case repositoryID = "repository_id"
    case repositoryOwner = "repository_owner"
    case repositoryOwnerID = "repository_owner_id"
    case repositoryVisibility = "repository_visibility"
    case ref
    case refType = "ref_type"
    case refProtected = "ref_protected"
    case sha
    case workflow
    case workflowRef = "workflow_ref"
    case workflowSHA = "workflow_sha"
    case jobWorkflowRef = "job_workflow_ref"
    case jobWorkflowSHA = "job_workflow_sha"
    case job
    case runID = "run_id"
    case runNumber = "run_number"
    case runAttempt = "run_attempt"
    case eventName = "event_name"
    case actor
    case actorID = "actor_id"
    case environment
    case headRef = "head_ref"
    case baseRef = "base_ref"
    case headRepository = "head_repository"
    case headRepositoryID = "head_repository_id"
    case runnerEnvironment = "runner_environment"

    /// Without these there is no job.
    package static let required: [FactName] = [.repository, .ref, .workflow, .runID]

    package var claimName: ByteString {
        ByteString(rawValue)
    }

    /// The longest value in bytes.
    ///
    /// A workflow reference holds a repository, a path and a ref.
    package var maximumLength: Int {
        switch self {
        case .workflowRef, .jobWorkflowRef: 1024
        default: 255
        }
    }

    /// Facts that relying parties match with patterns: no byte that means something to a pattern or a template.
    package var isIdentifying: Bool {
        switch self {
        case .repository, .repositoryID, .repositoryOwner, .repositoryOwnerID, .ref, .environment, .headRepository,
            .headRepositoryID:
            true
        default: false
        }
    }
}
