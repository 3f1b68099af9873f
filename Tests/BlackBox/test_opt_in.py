"""A job gets a token only if it asks for one, unless the operator brings the old days back."""

from __future__ import annotations

import subprocess

import pytest

import harness
from harness import claims_of, facts, registration

JOB_JWTS = ["CI_JOB_JWT", "CI_JOB_JWT_V1", "CI_JOB_JWT_V2"]
NO_WISH = {"job": facts()}


def started(tmp_path, *lines: str) -> harness.Issuer:
    configuration = tmp_path / "jobsworth.yaml"
    configuration.write_text("tokens:\n" + "".join(f"  {line}\n" for line in lines))
    return harness.Issuer(harness.new_directory(), arguments=("--config", str(configuration))).start()


def test_a_job_that_asks_for_nothing_gets_nothing(runner):
    answer = runner.post(NO_WISH)
    assert answer.status == 201
    assert answer.json()["environment"] == {}


def test_without_opt_in_every_job_has_the_three_variables(tmp_path):
    issuer = started(tmp_path, "optIn: false", "jobJWTAudience: https://vault.example")
    try:
        job = issuer.runner("acme/*").register(NO_WISH)
        assert sorted(job.environment) == JOB_JWTS
        claims = [claims_of(job.environment[name]) for name in JOB_JWTS]
        assert {each["aud"] for each in claims} == {"https://vault.example"}
        assert len({each["jti"] for each in claims}) == 3
        assert len(issuer.audit(operation="token", decision="permit")) == 3
    finally:
        issuer.stop()


def test_a_token_of_that_name_that_the_job_asks_for_is_its_own(tmp_path):
    issuer = started(tmp_path, "optIn: false", "jobJWTAudience: https://vault.example")
    try:
        job = issuer.runner("acme/*").register(
            {"job": facts(), "id_tokens": {"CI_JOB_JWT": {"aud": "https://other.example"}}})
        assert claims_of(job.environment["CI_JOB_JWT"])["aud"] == "https://other.example"
        assert claims_of(job.environment["CI_JOB_JWT_V2"])["aud"] == "https://vault.example"
    finally:
        issuer.stop()


def test_a_fork_gets_none_of_them(tmp_path):
    issuer = started(tmp_path, "optIn: false", "jobJWTAudience: https://vault.example")
    try:
        fork = facts(event_name="pull_request", repository_id="1", head_repository_id="2")
        assert issuer.runner("acme/*").register({"job": fork}).environment == {}
    finally:
        issuer.stop()


@pytest.mark.parametrize("lines, said", [
    (["optIn: false"], "needs tokens.jobJWTAudience"),
    (["optIn: maybe"], "must be true or false"),
    (["jobJWTAudience: https://vault.example"], "means nothing without tokens.optIn: false"),
    (["optIn: false", "jobJWTAudience: a b"], "needs tokens.jobJWTAudience"),
])
def test_half_of_it_is_refused_at_the_start(tmp_path, lines, said):
    configuration = tmp_path / "jobsworth.yaml"
    configuration.write_text("tokens:\n" + "".join(f"  {line}\n" for line in lines))
    done = subprocess.run([str(harness.binary()), "serve", "--issuer", "http://127.0.0.1:1", "--config", str(configuration)],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 78
    assert said in done.stderr
