"""The examples of docs/callers.md work as they stand."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

import harness
from harness import AZURE_AUDIENCE
from standins import StandIn, self_made_certificate, verify_through_discovery
from test_documents import credential, run_script  # noqa: F401  a fixture

PAGE = (Path(__file__).resolve().parents[2] / "docs/callers.md").read_text("utf-8")
AUDIENCES = {"GitHub": ["sigstore", "sts.amazonaws.com"], "GitLab": ["sigstore"], "Buildkite": ["sigstore", "sts.amazonaws.com"]}


def blocks(kind: str, heading: str | None = None) -> str:
    """The fenced blocks of a kind, under one heading or before the first."""
    text = PAGE.split("\n## ")[0] if heading is None else re.split(rf"\n## {heading}\n", PAGE)[1].split("\n## ")[0]
    return "\n".join(re.findall(rf"```{kind}\n(.*?)```", text, re.S))


@pytest.fixture
def run(issuer, directory, credential):  # noqa: F811
    """Runs what the page says for one caller, in a job that was started as the page says."""
    programs = directory / "bin"
    programs.mkdir()
    # A link would not be in the virtual environment.
    (programs / "python3").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (programs / "python3").chmod(0o755)

    def run(script: str, **environment: str):
        done = run_script(blocks("sh") + script, directory, JOBSWORTH_ISSUER=issuer.url,
                          JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential), **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("caller", AUDIENCES)
def test_the_commands_give_tokens(issuer, run, caller):
    tokens = re.findall(r"eyJ[\w.-]+", run(blocks("sh", caller)))
    claims = [verify_through_discovery(issuer.url, token, audience) for token, audience in zip(tokens, AUDIENCES[caller])]
    assert len(tokens) == len(claims) == len(AUDIENCES[caller])
    assert {claim["sub"] for claim in claims} == {"repo:acme/widgets:ref:refs/heads/main"}
    if caller == "Buildkite":
        assert claims[1]["exp"] - claims[1]["iat"] == 900
        assert list(claims[1]["https://aws.amazon.com/tags"]["principal_tags"]) == ["repository", "ref"]


def test_the_program_for_azure_gets_an_access_token(issuer, run, directory):
    def entra(_, form):
        assert verify_through_discovery(issuer.url, form["client_assertion"], AZURE_AUDIENCE)
        return 200, "application/json", json.dumps({"token_type": "Bearer", "expires_in": 3600, "access_token": "from-entra"})

    certificate, key, _ = self_made_certificate(directory, "entra")
    with StandIn(entra, tls=(certificate, key)) as stand_in:
        program = blocks("python", "Azure").replace(
            "    tenant_id", f"    authority='{stand_in.url}', connection_verify='{certificate}',\n"
                             "    disable_instance_discovery=True, tenant_id")
        assert run(f"python3 - <<'PROGRAM'\n{program}\nPROGRAM\n") == "from-entra\n"


def test_the_file_for_google_gets_an_access_token(issuer, run, directory):
    document = json.loads(blocks("json", "Google"))

    def sts(_, form):
        assert form["audience"] == document["audience"]
        verify_through_discovery(issuer.url, form["subject_token"], "https:" + document["audience"])
        return 200, "application/json", json.dumps({
            "access_token": "from-google", "issued_token_type": harness.ACCESS_TOKEN_TYPE, "token_type": "Bearer",
            "expires_in": 3600})

    with StandIn(sts) as stand_in:
        file = directory / "google.json"
        file.write_text(json.dumps({**document, "token_url": stand_in.url + "/v1/token"}))
        program = ("import google.auth.pluggable, google.auth.transport.requests\n"
                   f"c = google.auth.pluggable.Credentials.from_file('{file}', scopes=['x'])\n"
                   "c.refresh(google.auth.transport.requests.Request())\nprint(c.token)")
        assert run(f"python3 - <<'PROGRAM'\n{program}\nPROGRAM\n",
                   GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1") == "from-google\n"
