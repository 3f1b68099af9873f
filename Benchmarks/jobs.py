"""The jobs of a run: what a runner says about each, and how tokens are asked for."""

from __future__ import annotations

JOBS = 1000
AUDIENCE = "sts.amazonaws.com"
RUNNER_PATTERN = "acme/*"
SUBJECT = "repo:acme/widgets:environment:production"

SHA = "0f3c5a9d7b1e2468ace013579bdf02468ace1357"
# The job of docs and contract, every fact given that a branch's job can have: 25 of them.
FACTS = {
    "repository": "acme/widgets", "repository_id": "42", "repository_owner": "acme", "repository_owner_id": "7",
    "repository_visibility": "private", "ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true",
    "sha": SHA, "workflow": "deploy", "workflow_ref": "acme/widgets/.ci/deploy.yml@refs/heads/main",
    "workflow_sha": SHA, "job_workflow_ref": "acme/widgets/.ci/release.yml@refs/heads/main",
    "job_workflow_sha": SHA, "job": "release", "run_id": "1001", "run_number": "5", "run_attempt": "1",
    "event_name": "push", "actor": "alice", "actor_id": "9", "environment": "production",
    "head_repository": "acme/widgets", "head_repository_id": "42", "runner_environment": "self-hosted",
}  # fmt: skip


def registration(run_id: str, lifetime: int = 86400) -> dict[str, object]:
    """The body of `POST /v1/jobs`."""
    return {"job": FACTS | {"run_id": run_id}, "permissions": {"id-token": "write"}, "expires_in": lifetime}
