"""The shape of Buildkite's agent API, and the program that stands in for its agent."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time

import pytest

import harness
from harness import assert_error, claims_of, clean_environment, facts, full_facts, registration, run_cli
from standins import verify_through_discovery

AUDIENCE = "sts.amazonaws.com"
TAGS = "https://aws.amazon.com/tags"
JSON_TYPE = {"Content-Type": "application/json"}


def ask(job, document=None, *, scheme="Token", headers=None, query="", method="POST", job_id=None):
    """The agent's own request: a body with a line end, as Go's encoder makes it."""
    body = document if isinstance(document, bytes) else json.dumps(document or {"audience": AUDIENCE}).encode() + b"\n"
    fields = {"Authorization": f"{scheme} {job.request_token}", **JSON_TYPE} if headers is None else headers
    return job.issuer.call(method, f"/v1/jobs/{job_id or job.id}/oidc/tokens{query}", headers=fields, body=body)


def lifetime(answer) -> int:
    claims = claims_of(answer.json()["token"])
    return claims["exp"] - claims["iat"]


@pytest.fixture(scope="module")
def rich_job(runner):
    return runner.register(registration(full_facts(actor="dependabot[bot]"), expires_in=86_400))


# --- the endpoint

@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "Bearer", "bearer"])
def test_the_agents_request_gets_a_token(issuer, job, scheme):
    answer = ask(job, scheme=scheme)
    assert answer.status == 200, answer
    assert list(answer.json()) == ["token"]
    assert "no-store" in answer.header("Cache-Control")
    claims = verify_through_discovery(issuer.url, answer.json()["token"], AUDIENCE)
    moving = {"jti", "iat", "nbf", "exp"}
    plain = job.claims(AUDIENCE)
    assert {name: claims[name] for name in claims if name not in moving} == \
        {name: plain[name] for name in plain if name not in moving}
    assert issuer.audit(job=job.id, decision="permit", jti=claims["jti"])


@pytest.mark.parametrize("value", ["Basic {t}", "{t}", "Token{t}", 'Token token="{t}"', "Token {t} {t}", "Token"])
def test_another_scheme_is_refused(job, value):
    assert_error(ask(job, headers={"Authorization": value.format(t=job.request_token), **JSON_TYPE}), 401)


def test_a_dead_job_and_another_job_are_refused(runner, job):
    other = runner.register()
    assert_error(ask(job, job_id=other.id), 404, reason="not_found")
    assert_error(ask(job, job_id="0" * 32), 404, reason="not_found")
    runner.end(job.id)
    assert_error(ask(job), 401, reason="credential_invalid")


def test_the_runners_credential_gets_no_token(job, runner):
    headers = {"Authorization": f"Token {runner.credential}", **JSON_TYPE}
    assert_error(ask(job, headers=headers), 401)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_not_answered(job, method):
    answer = ask(job, method=method)
    assert answer.status == 405 and answer.header("Allow") == "POST"


def test_the_audience_is_the_callers_to_name(issuer, runner, job):
    assert_error(ask(job, {"claims": []}), 400, reason="audience_missing")
    assert_error(ask(job, {"audience": issuer.url}), 403, reason="audience_is_issuer")
    narrow = runner.register(registration(audiences=["sigstore"]))
    assert_error(ask(narrow), 403, reason="audience_not_allowed")
    assert ask(narrow, {"audience": "sigstore"}).status == 200
    closed = runner.register(registration(permissions=None, id_tokens={"T": {"aud": "a"}}))
    assert "id_token_request" not in closed.body


def test_a_body_of_another_type_is_refused(job):
    token = {"Authorization": f"Token {job.request_token}"}
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/msgpack"):
        assert_error(ask(job, headers={**token, "Content-Type": kind}), 415)
    assert_error(ask(job, headers=token), 415)
    assert_error(ask(job, query="?audience=a"), 400, reason="unknown_parameter")


@pytest.mark.parametrize("asked, lives", [(None, 300), (0, 300), (1, 1), (60, 60), (900, 900), (3600, 3600),
                                          (3601, 3600), (86_400, 3600)])
def test_a_lifetime_is_capped(rich_job, asked, lives):
    document = {"audience": AUDIENCE} if asked is None else {"audience": AUDIENCE, "lifetime": asked}
    assert lifetime(ask(rich_job, document)) == lives


@pytest.mark.parametrize("asked", ["-1", "86401", "1e9", "300.0", "-0", "1e2", '"300"', '"5m"', "null", "true", "[300]",
                                   "{}", "9223372036854775807", "99999999999999999999"])
def test_a_lifetime_that_is_no_number_of_seconds_is_refused(job, asked):
    assert_error(ask(job, f'{{"audience":"a","lifetime":{asked}}}'.encode()), 400)


@pytest.mark.parametrize("asked", ["NaN", "Infinity", "+1", "0x10", "01", "300s"])
def test_a_lifetime_that_is_no_json_is_refused(job, asked):
    assert_error(ask(job, f'{{"audience":"a","lifetime":{asked}}}'.encode()), 400, reason="malformed_json")


def test_a_lifetime_ends_with_the_job(runner):
    job = runner.register(registration(expires_in=120))
    assert lifetime(ask(job, {"audience": AUDIENCE, "lifetime": 3600})) <= 120


def test_an_audiences_own_limit_holds_for_what_is_asked(issuers, directory):
    file = directory / "c.yaml"
    file.write_text("tokens:\n  maximumLifetime: 600\n  audiences:\n    short: {lifetime: 60}\n    long: {lifetime: 1200}\n")
    job = issuers.start(arguments=("--config", str(file))).runner().register()
    for audience, asked, lives in (("short", 600, 60), ("long", 3000, 1200), ("a", 3000, 600), ("short", 0, 60)):
        assert lifetime(ask(job, {"audience": audience, "lifetime": asked})) == lives


def test_claims_that_the_token_has_may_be_demanded_and_others_not(job):
    answer = ask(job, {"audience": AUDIENCE, "claims": ["repository", "run_id", "sub", "jti", "repository"]})
    assert answer.status == 200, answer
    for name in ("sha", "nonsense", "organization_id", ""):
        refused = assert_error(ask(job, {"audience": AUDIENCE, "claims": ["ref", name]}), 403,
                               reason="claim_not_available")
        assert name in refused["message"]


def test_facts_become_session_tags(issuer, rich_job):
    answer = ask(rich_job, {"audience": AUDIENCE, "aws_session_tags": ["repository", "ref", "repository"]})
    claims = verify_through_discovery(issuer.url, answer.json()["token"], AUDIENCE)
    assert claims[TAGS] == {
        "principal_tags": {"repository": [claims["repository"]], "ref": ["refs/heads/main"]},
        "transitive_tag_keys": ["repository", "ref"]}
    assert TAGS in issuer.discovery()["claims_supported"]
    assert TAGS not in rich_job.claims(AUDIENCE)


def test_what_cannot_be_a_session_tag_is_refused_and_not_rewritten(rich_job, job):
    refused = assert_error(ask(rich_job, {"audience": AUDIENCE, "aws_session_tags": ["ref", "actor"]}), 403,
                           reason="session_tag_invalid")
    assert "actor" in refused["message"]
    for name in ("sub", "aud", "repo", "nonsense", "environment"):
        assert_error(ask(job, {"audience": AUDIENCE, "aws_session_tags": [name]}), 403, reason="claim_not_available")


def test_a_token_with_tags_stays_within_its_size(runner):
    long = {name: "x" * 240 for name in ("actor", "sha", "workflow_sha", "job", "run_number")}
    job = runner.register(registration(facts(**long)))
    assert ask(job).status == 200
    assert_error(ask(job, {"audience": AUDIENCE, "aws_session_tags": list(long)}), 400, reason="token_too_large")


@pytest.mark.parametrize("name", ["repository", "pipeline_id", "sub"])
def test_the_subject_is_not_the_callers_to_choose(issuer, job, name):
    assert_error(ask(job, {"audience": AUDIENCE, "subject_claim": name}), 403, reason="subject_claim_not_allowed")
    assert issuer.audit(job=job.id, decision="deny", reason="subject_claim_not_allowed")


# --- the program

@pytest.fixture
def programs(directory):
    folder = directory / "a folder of 'programs'"
    folder.mkdir()
    done = run_cli("shim", "buildkite", "install", str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return folder


def environment(job, programs, **more):
    given = {name: value for name, value in job.environment.items() if name.startswith("ACTIONS_")}
    return clean_environment(**{"PATH": f"{programs}:{os.environ['PATH']}", **given, **more})


def agent(job, programs, *arguments, **more):
    return subprocess.run(["buildkite-agent", "oidc", "request-token", *arguments], capture_output=True, text=True,
                          timeout=60, env=environment(job, programs, **more))


def test_the_program_is_a_script_that_anyone_may_run(programs):
    script = programs / "buildkite-agent"
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    first, second = script.read_text().splitlines()
    assert first == "#!/bin/sh" and str(harness.binary()) in second
    assert [path.name for path in programs.iterdir()] == ["buildkite-agent"]


def test_the_program_is_written_anew_over_its_own_and_over_no_other(programs):
    script = programs / "buildkite-agent"
    assert run_cli("shim", "buildkite", "install", str(programs)).returncode == 0
    script.write_text("#!/bin/sh\necho the real one\n")
    done = run_cli("shim", "buildkite", "install", str(programs))
    assert done.returncode == 1 and "not ours" in done.stderr
    assert "the real one" in script.read_text()
    script.unlink()
    target = programs / "target"
    script.symlink_to(target)
    assert run_cli("shim", "buildkite", "install", str(programs)).returncode == 1
    assert not target.exists()
    assert run_cli("shim", "buildkite", "install", str(programs / "nowhere")).returncode == 1


def test_the_program_prints_the_token_alone(issuer, job, programs):
    done = agent(job, programs, "--audience", AUDIENCE, "--skip-redaction")
    assert done.returncode == 0 and done.stderr == "", done
    assert done.stdout.count("\n") == 1
    assert verify_through_discovery(issuer.url, done.stdout.strip(), AUDIENCE)["aud"] == AUDIENCE


def test_id_detects_buildkite_and_gets_a_token(issuer, job, programs):
    done = subprocess.run([sys.executable, "-m", "id", "sigstore"], capture_output=True, text=True, timeout=60,
                          env=environment(job, programs, BUILDKITE="true"))
    assert done.returncode == 0, done.stderr
    assert verify_through_discovery(issuer.url, done.stdout.strip(), "sigstore")["repo"] == job.claims()["repo"]


def test_id_reports_the_programs_refusal(runner, job, programs):
    runner.end(job.id)
    done = subprocess.run([sys.executable, "-m", "id", "sigstore"], capture_output=True, text=True, timeout=60,
                          env=environment(job, programs, BUILDKITE="true"))
    assert done.returncode != 0 and "Buildkite agent encountered an error" in done.stderr + done.stdout


def test_the_programs_options_reach_the_issuer(rich_job, programs):
    done = agent(rich_job, programs, "--audience", AUDIENCE, "--lifetime", "900", "--claim", "sha,ref", "--claim", "job",
                 "--aws-session-tag", "repository,ref", "--aws-session-tag", "run_id")
    assert done.returncode == 0, done.stderr
    claims = claims_of(done.stdout.strip())
    assert claims["exp"] - claims["iat"] == 900
    assert claims[TAGS]["transitive_tag_keys"] == ["repository", "ref", "run_id"]


@pytest.mark.parametrize("arguments, reason", [
    (["--claim", "ref", "--claim", "sha,organization_slug"], "claim_not_available"),
    (["--aws-session-tag", "actor"], "session_tag_invalid"), (["--subject-claim", "repository"], "subject_claim_not_allowed"),
])
def test_the_program_says_why_there_is_no_token(rich_job, programs, arguments, reason):
    done = agent(rich_job, programs, "--audience", AUDIENCE, *arguments)
    assert done.returncode == 1 and done.stdout == "" and f"{reason}: " in done.stderr


def test_the_programs_variables_stand_for_options(rich_job, programs):
    variables = {"BUILDKITE_OIDC_TOKEN_AUDIENCE": "from-variable", "BUILDKITE_OIDC_TOKEN_CLAIMS": "sha,ref",
                 "BUILDKITE_OIDC_TOKEN_AWS_SESSION_TAGS": "ref"}
    claims = claims_of(agent(rich_job, programs, **variables).stdout.strip())
    assert claims["aud"] == "from-variable" and claims[TAGS]["principal_tags"] == {"ref": ["refs/heads/main"]}
    given = claims_of(agent(rich_job, programs, "--audience", "given", "--aws-session-tag", "sha", **variables).stdout.strip())
    assert given["aud"] == "given" and list(given[TAGS]["principal_tags"]) == ["sha"]
    for name, reason in (("BUILDKITE_OIDC_TOKEN_CLAIMS", "claim_not_available"),
                         ("BUILDKITE_OIDC_TOKEN_SUBJECT_CLAIM", "subject_claim_not_allowed")):
        assert reason in agent(rich_job, programs, "--audience", "a", **{name: "nonsense"}).stderr


def test_the_program_speaks_for_the_job_it_runs_in_alone(job, programs):
    assert agent(job, programs, "--audience", "a", "--job", job.id).returncode == 0
    assert agent(job, programs, "--audience", "a", "--job", "0199-4711", BUILDKITE_JOB_ID="0199-4711").returncode == 0
    done = agent(job, programs, "--audience", "a", "--job", "0199-4712", BUILDKITE_JOB_ID="0199-4711")
    assert done.returncode == 1 and "--job" in done.stderr


@pytest.mark.parametrize("arguments, code", [
    ([], 1), (["--audience", ""], 1), (["--audience", "a", "--lifetime", "-1"], 64),
    (["--audience", "a", "--lifetime", "soon"], 64), (["--audience", "a", "--format", "xml"], 64),
    (["--audience", "a", "--unknown"], 64),
])
def test_the_program_refuses_wrong_use(job, programs, arguments, code):
    done = agent(job, programs, *arguments)
    assert done.returncode == code and done.stdout == "" and done.stderr


def test_outside_a_job_the_program_says_so(job, programs):
    done = agent(job, programs, "--audience", "a", ACTIONS_ID_TOKEN_REQUEST_TOKEN=None)
    assert done.returncode == 1 and "ACTIONS_ID_TOKEN_REQUEST_TOKEN" in done.stderr
    for url in (job.request_url.replace("/id-token", "/other"), "nothing"):
        done = agent(job, programs, "--audience", "a", ACTIONS_ID_TOKEN_REQUEST_URL=url)
        assert done.returncode == 1 and job.request_token not in done.stderr


# --- the form that Google's libraries read

def test_the_program_answers_google(issuer, job, programs):
    done = agent(job, programs, "--audience", "a", "--format", "gcp")
    answer = json.loads(done.stdout)
    token = answer.pop("id_token")
    assert answer == {"version": 1, "success": True, "token_type": harness.JWT_TYPE} and done.stderr == ""
    assert verify_through_discovery(issuer.url, token, "a")


def test_with_an_output_file_the_answer_says_how_long_it_holds_and_is_kept_there(job, programs, directory):
    file = directory / "kept.json"
    done = agent(job, programs, "--audience", "a", "--format", "gcp", GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE=str(file))
    answer = json.loads(done.stdout)
    assert json.loads(file.read_text()) == answer
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert answer["expiration_time"] == claims_of(answer["id_token"])["exp"] > time.time()


@pytest.mark.parametrize("arguments, code", [
    (["--audience", "https://other.example"], "audience_not_allowed"), (["--audience", "sigstore", "--claim", "sha"],
                                                                        "claim_not_available"), ([], "failed")])
def test_a_refusal_is_told_to_google_as_its_contract_has_it(runner, programs, directory, arguments, code):
    job = runner.register(registration(audiences=["sigstore"]))
    file = directory / "kept.json"
    done = agent(job, programs, *arguments, "--format", "gcp", GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE=str(file))
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and done.stderr
    assert set(answer) == {"version", "success", "code", "message"}
    assert (answer["version"], answer["success"], answer["code"]) == (1, False, code)
    assert answer["message"] and not file.exists()
