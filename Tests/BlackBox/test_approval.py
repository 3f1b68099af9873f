"""Environments are approved, not claimed: a job waits, an operator approves in an approver's name, tokens follow."""

from __future__ import annotations

import calendar
import json
import os
import subprocess
import threading
import time

import pytest

import harness
from brokers import AGENT, Broker, started_as
from harness import (
    assert_error, bearer, binary, claims_of, clean_environment, facts, full_facts, in_parallel, poll, registration)

AUDIENCE = "https://vault.example"
POLICY = """\
environments:
  production: {refs: [refs/heads/main, refs/tags/*], approvers: [alice, bob]}
  canary: {approvers: [carol]}
  slow: {wait: %(wait)ss}
  both: {approvers: [carol], wait: %(wait)ss}
  preview:
rules:
  - {name: forks, match: {fork: "true", environment: canary}, audiences: [https://vault.example]}
  - {name: any, match: {fork: "false"}, audiences: ["https://*", api://AzureADTokenExchange]}
"""


def write_policy(directory, text: str = POLICY, wait: int = 4):
    file = directory / "policy.yml"
    draft = directory / "policy.draft"
    draft.write_text(text % {"wait": wait} if "%(" in text else text)
    draft.replace(file)
    return file


@pytest.fixture(scope="module")
def ruled(module_issuers):
    """An issuer with environments, and one runner of it."""
    issuer = module_issuers.make()
    issuer.arguments = ("--policy", str(write_policy(issuer.directory)))
    issuer.start()
    issuer.the_runner = issuer.runner("acme/*")
    return issuer


@pytest.fixture
def waiting(ruled):
    """A job that waits for the environment `production`."""
    job = ruled.the_runner.register(job=facts(environment="production"))
    assert job.body["status"] == "waiting_approval", job.answer
    return job


def approve(issuer, job, *arguments: str):
    return issuer.cli("approve", job.id, *arguments)


def shapes(job, audience: str = AUDIENCE) -> dict[str, harness.Answer]:
    """The job's request in every shape that there is."""
    call = job.issuer.call
    return {
        "github": job.ask(audience),
        "azure": call("POST", job.bare_target, headers=bearer(job.request_token)),
        "exchange": job.issuer.exchange(("audience", audience), subject_token=job.request_token),
        "buildkite": call("POST", f"/v1/jobs/{job.id}/oidc/tokens", body=json.dumps({"audience": audience}).encode(),
                          headers={"Authorization": f"Token {job.request_token}",
                                   "Content-Type": "application/json"}),
    }


def token_of(answer: harness.Answer) -> str:
    assert answer.status == 200, answer
    return next(value for value in answer.json().values() if isinstance(value, str) and value.startswith("eyJ"))


def test_a_waiting_job_gets_no_token_in_any_shape_until_it_is_approved(ruled, waiting):
    for shape, answer in shapes(waiting).items():
        body = assert_error(answer, 503, reason="waiting_approval")
        assert int(answer.header("Retry-After")) >= 1, shape
        assert "production" in body["error_description"]
    assert approve(ruled, waiting, "--as", "alice").returncode == 0
    for shape, answer in shapes(waiting).items():
        claims = claims_of(token_of(answer))
        assert claims["environment_approved_by"] == "alice", shape
        approved_at = calendar.timegm(time.strptime(claims["environment_approved_at"], "%Y-%m-%dT%H:%M:%SZ"))
        assert approved_at <= claims["iat"] <= approved_at + 60
        assert claims["sub"].endswith(":environment:production")


def test_an_approval_is_on_record_with_the_name_and_the_user_who_gave_it(ruled, waiting):
    assert approve(ruled, waiting, "--as", "bob").returncode == 0
    records = ruled.audit(operation="job_approve", job=waiting.id)
    assert [(record["decision"], record["approver"], record["peer_uid"]) for record in records] == [
        ("permit", "bob", os.getuid())]


def test_the_first_approval_stands(ruled, waiting):
    assert approve(ruled, waiting, "--as", "bob").returncode == 0
    again = json.loads(ruled.operator("approve", waiting.id, "--as", "alice", "--json"))
    assert again["environment_approved_by"] == "bob"
    assert waiting.claims(AUDIENCE)["environment_approved_by"] == "bob"
    assert len(ruled.audit(operation="job_approve", job=waiting.id)) == 1


def test_of_many_approvals_at_once_one_stands_and_no_token_tells_of_another(ruled, waiting):
    stop = threading.Event()
    tokens: list[str] = []

    def ask():
        while not stop.is_set():
            answer = waiting.ask(AUDIENCE)
            if answer.status == 200:
                tokens.append(answer.json()["value"])
            else:
                assert_error(answer, 503)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    names = ["alice", "bob"] * 4
    in_parallel(lambda name: ruled.operator("approve", waiting.id, "--as", name), names, threads=8)
    poll(lambda: len(tokens) > 8, seconds=20)
    stop.set()
    for thread in asking:
        thread.join()
    approved = ruled.audit(operation="job_approve", job=waiting.id)
    assert len(approved) == 1
    assert {claims_of(token)["environment_approved_by"] for token in tokens} == {approved[0]["approver"]}
    permitted = [record["operation"] for record in ruled.audit(job=waiting.id) if record["decision"] == "permit"]
    assert permitted[:3] == ["registration", "job_approve", "token"]


def test_who_started_the_job_does_not_approve_it(ruled):
    job = ruled.the_runner.register(job=facts(environment="production", actor="Alice"))
    refused = approve(ruled, job, "--as", "alice")
    assert refused.returncode == 1 and "self_approval" in refused.stderr
    assert_error(job.ask(AUDIENCE), 503, reason="waiting_approval")
    assert ruled.audit(operation="job_approve", job=job.id)[0]["reason"] == "self_approval"
    assert approve(ruled, job, "--as", "bob").returncode == 0
    job.token(AUDIENCE)


def test_only_an_approver_of_the_environment_approves(ruled, waiting):
    for name in ("mallory", "carol", "alice ", "ALICE", ""):
        refused = approve(ruled, waiting, "--as", name)
        assert refused.returncode == 1 and "not_an_approver" in refused.stderr, name
    nameless = approve(ruled, waiting)
    assert nameless.returncode == 1 and "approver_missing" in nameless.stderr
    assert_error(waiting.ask(AUDIENCE), 503, reason="waiting_approval")


def test_an_only_approver_need_not_be_named(ruled):
    job = ruled.the_runner.register(job=facts(environment="canary"))
    assert approve(ruled, job).returncode == 0
    assert job.claims(AUDIENCE)["environment_approved_by"] == "carol"


def test_an_unknown_an_ended_and_a_free_job_are_not_approved(ruled, waiting):
    free = ruled.the_runner.register(job=facts(environment="preview"))
    assert "status" not in free.body
    assert "environment_approved_by" not in free.claims(AUDIENCE)
    assert "approval_not_needed" in approve(ruled, free, "--as", "alice").stderr
    ruled.the_runner.end(waiting.id)
    assert "job_ended" in approve(ruled, waiting, "--as", "alice").stderr
    for unknown in ("0" * 32, "x"):
        done = ruled.cli("approve", unknown, "--as", "alice")
        assert done.returncode == 1 and "not_found" in done.stderr


def test_the_list_shows_who_waits_and_for_whom(ruled, waiting):
    def listed():
        rows = json.loads(ruled.operator("approve", "--list", "--json"))["jobs"]
        return {row["id"]: row for row in rows}.get(waiting.id)

    row = listed()
    assert (row["environment"], row["approvers"], row["ref"]) == ("production", ["alice", "bob"], "refs/heads/main")
    line = next(line for line in ruled.operator("approve", "--list").splitlines() if line.startswith(waiting.id))
    assert line.split("\t")[3:5] == ["production", "alice bob"]
    ruled.operator("approve", waiting.id, "--as", "alice")
    assert listed() is None


def test_named_tokens_come_with_the_same_registration_after_the_approval(ruled):
    body = registration(facts(environment="production"), reference="build/1", permissions=None,
                        id_tokens={"VAULT_ID_TOKEN": {"aud": AUDIENCE}})
    job = ruled.the_runner.register(body)
    for answer in (job.body, ruled.the_runner.register(body).body):
        assert answer["status"] == "waiting_approval" and answer["id"] == job.id
        assert answer["id_tokens"] == {} and answer["environment"] == {}
    assert not ruled.audit(operation="token", job=job.id)
    ruled.operator("approve", job.id, "--as", "alice")
    again = ruled.the_runner.register(body).body
    assert again["id"] == job.id and "status" not in again
    assert claims_of(again["environment"]["VAULT_ID_TOKEN"])["environment_approved_by"] == "alice"


def test_a_named_token_that_is_not_permitted_refuses_a_waiting_job_at_once(ruled):
    answer = ruled.the_runner.post(registration(facts(environment="production"),
                                                id_tokens={"T": {"aud": "not-permitted"}}))
    assert_error(answer, 403, reason="audience_not_allowed")


def test_undeclared_environments_and_other_refs_are_refused(ruled):
    post = ruled.the_runner.post
    assert_error(post(registration(facts(environment="prod"))), 403, reason="environment_not_declared")
    assert_error(post(registration(facts(environment="production", ref="refs/heads/dev"))), 403,
                 reason="environment_ref_not_allowed")
    pull_request = full_facts(event_name="pull_request", head_ref="x")
    assert_error(post(registration(pull_request)), 403, reason="environment_ref_not_allowed")
    fork = full_facts(event_name="pull_request", head_repository="evil/fork", head_repository_id="666")
    assert_error(post(registration(fork)), 403, reason="environment_ref_not_allowed")


def test_a_fork_waits_as_everybody_and_never_gets_the_subject_of_the_environment(ruled):
    job = ruled.the_runner.register(job=full_facts(
        event_name="pull_request", head_repository="evil/fork", head_repository_id="666", environment="canary"))
    assert_error(job.ask(AUDIENCE), 503, reason="waiting_approval")
    ruled.operator("approve", job.id)
    claims = job.claims(AUDIENCE)
    assert claims["sub"].endswith(":pull_request") and claims["environment_approved_by"] == "carol"


def test_a_wait_needs_no_approver_and_ends_by_itself(ruled):
    job = ruled.the_runner.register(job=facts(environment="slow"))
    assert job.body["status"] == "waiting_approval"
    body = assert_error(job.ask(AUDIENCE), 503, reason="waiting_approval")
    assert "until 20" in body["error_description"]
    assert "approval_not_needed" in approve(ruled, job, "--as", "alice").stderr
    claims = claims_of(poll(lambda: (lambda a: a.status == 200 and a.json()["value"])(job.ask(AUDIENCE)), seconds=20))
    assert "environment_approved_by" not in claims and "environment_approved_at" not in claims


def test_an_approval_does_not_shorten_the_wait(issuers):
    issuer = issuers.make()
    issuer.arguments = ("--policy", str(write_policy(issuer.directory, wait=3600)))
    issuer.start()
    job = issuer.runner().register(job=facts(environment="both"))
    issuer.operator("approve", job.id)
    assert_error(job.ask(AUDIENCE), 503, reason="waiting_approval")
    rows = json.loads(issuer.operator("approve", "--list", "--json"))["jobs"]
    assert [(row["id"], row["approval"]) for row in rows] == [(job.id, "given")]


def test_waiting_and_approval_outlive_a_restart(issuers):
    issuer = issuers.make()
    issuer.arguments = ("--policy", str(write_policy(issuer.directory)))
    issuer.start()
    runner = issuer.runner()
    first, second = (runner.register(job=facts(environment="production")) for _ in range(2))
    issuer.operator("approve", first.id, "--as", "alice")
    approved_at = first.claims(AUDIENCE)["environment_approved_at"]
    issuer.kill()
    refused = issuer.cli("approve", second.id, "--as", "alice")
    assert refused.returncode == 1 and "issuer_not_running" in refused.stderr
    issuer.start()
    claims = first.claims(AUDIENCE)
    assert (claims["environment_approved_by"], claims["environment_approved_at"]) == ("alice", approved_at)
    assert_error(second.ask(AUDIENCE), 503, reason="waiting_approval")
    issuer.operator("approve", second.id, "--as", "bob")
    assert second.claims(AUDIENCE)["environment_approved_by"] == "bob"


def test_a_later_policy_approves_nothing_and_may_ask_for_more(issuers):
    issuer = issuers.make()
    file = write_policy(issuer.directory)
    issuer.arguments = ("--policy", str(file))
    issuer.start()
    runner = issuer.runner()
    waits, free = (runner.register(job=facts(environment=name)) for name in ("production", "preview"))
    free.token(AUDIENCE)
    looser = POLICY.replace(", approvers: [alice, bob]", "").replace("preview:", "preview: {approvers: [dora]}")
    write_policy(issuer.directory, looser)
    poll(lambda: free.ask(AUDIENCE).status == 503, seconds=20)
    # What the registration asked for stays; whom to ask is the policy's of today, and it names nobody.
    assert_error(waits.ask(AUDIENCE), 503, reason="waiting_approval")
    assert "not_an_approver" in approve(issuer, waits, "--as", "alice").stderr
    issuer.operator("approve", free.id)
    assert free.claims(AUDIENCE)["environment_approved_by"] == "dora"
    write_policy(issuer.directory, POLICY.replace("  preview:\n", ""))
    poll(lambda: free.ask(AUDIENCE).status == 403, seconds=20)
    assert_error(free.ask(AUDIENCE), 403, reason="environment_not_declared")


def test_a_late_environment_begins_to_wait_then(ruled):
    job = ruled.the_runner.register()
    patched = ruled.the_runner.patch(job.id, {"job": {"environment": "production"}})
    assert patched.status == 200 and patched.json()["status"] == "waiting_approval"
    assert_error(job.ask(AUDIENCE), 503, reason="waiting_approval")
    ruled.operator("approve", job.id, "--as", "alice")
    assert job.claims(AUDIENCE)["environment_approved_by"] == "alice"


def test_a_fact_that_comes_after_the_approval_takes_it_back(ruled, waiting):
    ruled.operator("approve", waiting.id, "--as", "alice")
    patched = ruled.the_runner.patch(waiting.id, {"job": {"actor": "alice"}})
    assert patched.status == 200 and patched.json()["status"] == "waiting_approval"
    assert_error(waiting.ask(AUDIENCE), 503, reason="waiting_approval")
    assert "self_approval" in approve(ruled, waiting, "--as", "alice").stderr
    ruled.operator("approve", waiting.id, "--as", "bob")
    assert waiting.claims(AUDIENCE)["environment_approved_by"] == "bob"


def test_who_asks_without_end_does_not_fill_the_log(ruled, waiting):
    with harness.Connection(ruled.port) as connection:
        for _ in range(300):
            assert_error(waiting.ask(AUDIENCE, connection=connection), 503)
    assert len(ruled.audit(job=waiting.id, reason="waiting_approval", decision="deny")) <= 20


def test_without_a_policy_an_environment_is_claimed_as_before(runner):
    job = runner.register(job=facts(environment="anything"))
    assert "status" not in job.body
    assert "environment_approved_by" not in job.claims()


def test_a_job_file_of_the_jobs_own_branch_only_narrows(ruled, directory):
    """Whatever the file says of environments and audiences, the policy on the server decides."""
    file = directory / ".gitlab-ci.yml"
    credential = directory / "credential"
    credential.touch(mode=0o600)
    credential.write_text(ruled.the_runner.credential)

    def start(named: str, audience: str = AUDIENCE, **stated: str):
        file.write_text(f"deploy:\n  environment: {named}\n  script: [make]\n"
                        f"  id_tokens:\n    T: {{aud: {audience}}}\n")
        given = [part for pair in facts(**stated).items() for part in ("--fact", "=".join(pair))]
        return harness.run_cli("job", "start", "--issuer", ruled.url, "--file", str(file), "--job", "deploy",
                               "--credential-file", str(credential), *given)

    done = start("production")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == "waiting_approval" and answer["id_tokens"] == {}
    assert done.stderr.count("\n") == 1 and "waits for its environment" in done.stderr
    assert "environment_not_declared" in start("of-my-own").stderr
    assert "environment_ref_not_allowed" in start("production", ref="refs/heads/mine").stderr
    assert "audience_not_allowed" in start("production", "of-my-own").stderr
    # What the runner stated is not the file's to change.
    assert start("preview", environment="production").returncode == 78


@pytest.fixture
def wrapped(ruled, directory):
    """`job exec` for a job of an environment, running."""
    credential = directory / "credential"
    credential.touch(mode=0o600)
    credential.write_text(ruled.the_runner.credential)
    started = []

    def make(environment: str, *command: str, by: tuple | None = None, lease: int = 3, **popen) -> subprocess.Popen:
        given = [part for pair in facts(environment=environment).items() for part in ("--fact", "=".join(pair))]
        by = by or ("--issuer", ruled.url, "--credential-file", str(credential), "--i-trust-the-job")
        process = subprocess.Popen(
            [str(binary()), "job", "exec", *by, *given, "--permission", "id-token=write", "--id-token",
             f"VAULT_ID_TOKEN={AUDIENCE}", "--lease", str(lease), "--", *command],
            env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)
        started.append(process)
        return process

    yield make
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def job_of(process: subprocess.Popen) -> str:
    line = process.stderr.readline().decode()
    assert "waits for its environment" in line, line
    return line.split("job ")[1].split(" ")[0]


def test_job_exec_starts_its_command_after_the_approval_with_the_named_tokens(ruled, wrapped):
    process = wrapped("production", "sh", "-c", "printf %s \"$VAULT_ID_TOKEN\"")
    job = job_of(process)
    # Longer than its lease: it is kept while it waits.
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(4)
    ruled.operator("approve", job, "--as", "bob")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert claims_of(out.decode())["environment_approved_by"] == "bob"


def test_job_exec_ends_when_its_job_ends_while_it_waits(ruled, wrapped):
    process = wrapped("production", "true")
    ruled.the_runner.end(job_of(process))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and b"job_ended" in err


def test_job_exec_that_waits_is_stopped_by_a_signal_and_ends_its_job(ruled, wrapped):
    process = wrapped("production", "true")
    job = job_of(process)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + 15
    assert "job_ended" in ruled.cli("approve", job, "--as", "alice").stderr


def test_job_exec_waits_through_the_broker_too(ruled, wrapped):
    broker = Broker(ruled, credential=ruled.the_runner.credential)
    try:
        broker.start()
        by = ("--broker", str(broker.socket), "--i-trust-the-job")
        process = wrapped("canary", "sh", "-c", "printf %s \"$VAULT_ID_TOKEN\"", by=by, cwd="/", **started_as(AGENT))
        ruled.operator("approve", job_of(process))
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert claims_of(out.decode())["environment_approved_by"] == "carol"
    finally:
        broker.end()


def test_job_exec_that_waits_outlives_a_restart_of_the_issuer(ruled, wrapped):
    process = wrapped("canary", "sh", "-c", "printf %s \"$VAULT_ID_TOKEN\"", lease=120)
    job = job_of(process)
    ruled.kill()
    # At least one question finds nobody there.
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    ruled.start()
    ruled.operator("approve", job)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert claims_of(out.decode())["environment_approved_by"] == "carol"
