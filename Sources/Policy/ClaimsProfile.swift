/// Whose names the claims of a token bear.
package enum ClaimsProfile: String, Hashable, Sendable, CaseIterable {
    /// The facts under their own names.
    case gitHub = "github"
    /// GitLab's names, for relying parties that know GitLab's tokens only.
    case gitLab = "gitlab"
}
