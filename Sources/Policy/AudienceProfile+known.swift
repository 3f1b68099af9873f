import JOSE

extension AudienceProfile {
    /// The relying parties that are known, each with where its row was read.
    package static let known: [AudienceProfile] = [
        AudienceProfile(
            "aws",
            sharesTokens: false,
            audiences: ["sts.amazonaws.com", "https://sts.amazonaws.com"],
            source: "AWS IAM User Guide, Create an OpenID Connect identity provider; several audiences would need azp"
        ),
        AudienceProfile(
            "azure",
            algorithms: [.RS256],
            sharesTokens: false,
            audiences: [
                "api://AzureADTokenExchange", "api://AzureADTokenExchangeUSGov", "api://AzureADTokenExchangeChina",
            ],
            source:
                "Microsoft Entra, Workload identity federation; ES256 is AADSTS5002738, sub has at most 600 characters"
        ),
        AudienceProfile(
            "gcp",
            maximumSubjectLength: 127,
            audiences: ["//iam.googleapis.com/*", "https://iam.googleapis.com/*"],
            source: "Google Cloud IAM, Workload Identity Federation: google.subject has at most 127 bytes, a token 24 h"
        ),
        AudienceProfile(
            "openbao",
            source: "OpenBao documentation, JWT/OIDC auth method: bound_audiences, bound_claims"
        ),
        AudienceProfile("kubernetes", source: "Kubernetes documentation, AuthenticationConfiguration: audiences, CEL"),
        AudienceProfile(
            "sigstore",
            algorithms: [.RS256],
            sharesTokens: false,
            demandedClaims: [
                "url", "job_workflow_ref", "job_workflow_sha", "sha", "event_name", "repository", "repository_id",
                "repository_owner", "repository_owner_id", "workflow", "workflow_ref", "workflow_sha", "ref", "run_id",
                "run_attempt", "runner_environment", "repository_visibility",
            ],
            audiences: ["sigstore"],
            source: "Fulcio, pkg/identity/github and ciprovider; without url certificates would name github.com"
        ),
        AudienceProfile(
            "pypi",
            algorithms: [.RS256],
            sharesTokens: false,
            claims: .gitLab,
            demandedClaims: ["project_path", "ci_config_ref_uri", "ref_path", "sha"],
            audiences: ["pypi", "testpypi"],
            source: "Warehouse, warehouse/oidc: RS256, strict_aud, custom issuers of GitLab's kind only"
        ),
        AudienceProfile(
            "crates",
            algorithms: [.RS256],
            sharesTokens: false,
            audiences: ["crates.io"],
            source: "crates.io, crates_io_trustpub: RS256, one audience, jti used once"
        ),
        AudienceProfile(
            "npm",
            algorithms: [.RS256],
            sharesTokens: false,
            audiences: ["npm:registry.npmjs.org"],
            source: "npm documentation, Trusted publishing; its algorithms are not said, RS256 is what GitHub's have"
        ),
        AudienceProfile(
            "snowflake",
            algorithms: [.RS256],
            sharesTokens: false,
            audiences: ["snowflakecomputing.com"],
            source: "Snowflake documentation, Workload identity federation: exact SUBJECT"
        ),
        AudienceProfile(
            "databricks",
            algorithms: [.RS256],
            sharesTokens: false,
            source: "Databricks documentation, OAuth token federation: subject_claim, one audience of the policy"
        ),
        AudienceProfile(
            "octo-sts",
            sharesTokens: false,
            audiences: ["octo-sts.dev"],
            source: "octo-sts, README: go-oidc, which takes what discovery lists"
        ),
        AudienceProfile(
            "spiffe",
            sharesTokens: false,
            maximumLifetime: 3600,
            audiences: ["spiffe://*"],
            source: "our own agent: it takes tokens whose audience is its trust domain, and no others"
        ),
    ]
}
