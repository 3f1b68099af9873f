"""A real OpenBao server takes our tokens through discovery, and refuses those its role does not mean."""

from __future__ import annotations

import pytest

import harness
from harness import full_facts, registration
from openbao import AUDIENCE, bao  # noqa: F401  a fixture


@pytest.fixture(scope="module")
def es256_issuer(module_issuers):
    return module_issuers.start(arguments=("--algorithm", "ES256"))


@pytest.fixture(params=["RS256", "ES256"])
def trusted(request, bao):  # noqa: F811
    """An issuer that OpenBao trusts for one repository's main branch: its runner, the facts, and the mount."""
    issuer = request.getfixturevalue({"RS256": "issuer", "ES256": "es256_issuer"}[request.param])
    runner = issuer.runner("acme/*")
    job = full_facts()
    mount = f"jwt-{request.param.lower()}-{job['repository_id']}"
    bao.write(f"sys/auth/{mount}", type="jwt")
    bao.write(f"auth/{mount}/config", oidc_discovery_url=issuer.url, bound_issuer=issuer.url,
              jwt_supported_algs=[request.param])
    bao.write(f"auth/{mount}/role/deploy", role_type="jwt", user_claim="sub", bound_audiences=[AUDIENCE],
              bound_claims={"repo": job["repository"], "ref": "refs/heads/main"}, token_policies=["deploy"],
              token_ttl="60s", claim_mappings={"repo": "repo", "run_id": "run_id"})
    return runner, job, mount


def test_a_job_on_the_bound_ref_logs_in_and_reads_its_secret(bao, trusted):
    runner, job, mount = trusted
    answer = bao.login(mount, "deploy", runner.register(registration(job)).token(AUDIENCE))
    assert answer.status_code == 200, answer.text
    auth = answer.json()["auth"]
    assert auth["metadata"]["repo"] == job["repository"]
    secret = bao.call("GET", "secret/data/deploy", token=auth["client_token"])
    assert secret.json()["data"]["data"] == {"password": "for-main-only"}


def test_a_named_token_logs_in_as_well(bao, trusted):
    runner, job, mount = trusted
    registered = runner.register(registration(job, permissions=None, id_tokens={"VAULT_ID_TOKEN": {"aud": AUDIENCE}}))
    assert bao.login(mount, "deploy", registered.body["id_tokens"]["VAULT_ID_TOKEN"]).status_code == 200


@pytest.mark.parametrize("changes, names", [
    ({"ref": "refs/heads/other"}, "ref"),
    ({"ref": "refs/heads/main2"}, "ref"),
    ({"ref": "refs/tags/main", "ref_type": "tag"}, "ref"),
    ({"repository": "acme/elsewhere"}, "repo"),
], ids=str)
def test_a_token_for_another_ref_or_repository_is_refused_by_openbao(bao, trusted, changes, names):
    runner, job, mount = trusted
    other = full_facts(**changes) if "repository" in changes else {**job, **changes}
    if "repository" in changes:
        other = full_facts(repository=f"{changes['repository']}-{job['repository_id']}")
    answer = bao.login(mount, "deploy", runner.register(registration(other)).token(AUDIENCE))
    assert answer.status_code in (400, 403), answer.text
    assert names in answer.text


def test_a_token_for_another_audience_is_refused_by_openbao(bao, trusted):
    runner, job, mount = trusted
    answer = bao.login(mount, "deploy", runner.register(registration(job)).token("https://other.example"))
    assert answer.status_code in (400, 403)
    assert "aud" in answer.text


def test_a_changed_token_is_refused_by_openbao(bao, trusted):
    runner, job, mount = trusted
    head, body, signature = runner.register(registration(job)).token(AUDIENCE).split(".")
    claims = harness.strict_json(harness.unb64url(body))
    forged = harness.b64url(harness.json.dumps({**claims, "ref": "refs/heads/main", "sub": "repo:evil"}).encode())
    assert bao.login(mount, "deploy", f"{head}.{forged}.{signature}").status_code in (400, 403)


def test_one_mount_takes_both_algorithms_of_one_issuer(bao, issuer):
    """OpenBao accepts the discovery document and keys with both kinds in it, whichever it is told to allow."""
    runner, job = issuer.runner("acme/*"), full_facts()
    mount = f"jwt-both-{job['repository_id']}"
    bao.write(f"sys/auth/{mount}", type="jwt")
    bao.write(f"auth/{mount}/config", oidc_discovery_url=issuer.url, bound_issuer=issuer.url,
              jwt_supported_algs=["RS256", "ES256"])
    bao.write(f"auth/{mount}/role/deploy", role_type="jwt", user_claim="repository_id", bound_audiences=[AUDIENCE],
              bound_claims={"repository_id": job["repository_id"]}, bound_subject="", token_policies=["deploy"])
    assert bao.login(mount, "deploy", runner.register(registration(job)).token(AUDIENCE)).status_code == 200
