"""What a runner may say is narrower than a repository: bounds, sources, ends and rotations of its credential."""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
import time
import uuid

import jwt
import pytest

import harness
from harness import Runner, assert_error, bearer, facts, registration
from keyrings import ledger_file

FULL = ("--allow", "event_name=pull_request", "--deny", "environment", "--set", "runner_environment=self-hosted",
        "--max-duration", "2h", "--source", "127.0.0.0/8", "--valid", "90d")


def bounded(issuer, *options: str, name: str | None = None, pattern: str = "acme/*") -> Runner:
    name = name or f"bounded-{uuid.uuid4().hex[:8]}"
    credential = issuer.operator("runner", "add", name, "--repository", pattern, *options)
    return Runner(issuer, name, credential.strip())


def rotated(runner: Runner, *options: str) -> Runner:
    credential = runner.issuer.operator("runner", "rotate", runner.name, *options)
    assert credential.startswith("jwr_") and credential.count("\n") == 1, "not a credential alone"
    return Runner(runner.issuer, runner.name, credential.strip())


def pull_request(**changes: str) -> dict:
    number = uuid.uuid4().hex[:12]
    return facts(event_name="pull_request", repository_id=number, head_repository_id=number, **changes)


def call_from(issuer, source: str, method: str, target: str, *, host: str = harness.HOST, port: int | None = None,
              headers=(), body: bytes | None = None) -> harness.Answer:
    """A request from an address of our choice."""
    connection = http.client.HTTPConnection(host, port or issuer.port, timeout=20, source_address=(source, 0))
    try:
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        return harness.Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def post_from(runner: Runner, source: str, **options) -> harness.Answer:
    headers = {**bearer(runner.credential), "Content-Type": "application/json", **options.pop("headers", {})}
    return call_from(runner.issuer, source, "POST", "/v1/jobs", headers=headers,
                     body=json.dumps(registration()).encode(), **options)


def is_known(runner: Runner) -> bool:
    answer = runner.post(registration())
    if answer.status == 401:
        assert_error(answer, 401, error="invalid_token", reason="credential_invalid")
        return False
    assert answer.status == 201, answer
    return True


# --- what it may say -------------------------------------------------------------------------------------------------

def test_every_option_of_the_command_line_holds(issuer):
    runner = bounded(issuer, *FULL)
    refused = runner.post(registration(facts(event_name="push")))
    body = assert_error(refused, 403, error="access_denied", reason="fact_not_allowed")
    assert "job.event_name" in body["error_description"]
    assert_error(runner.post(registration()), 403, reason="fact_not_allowed")
    with_environment = registration(pull_request(environment="production"))
    body = assert_error(runner.post(with_environment), 403, reason="fact_not_allowed")
    assert "job.environment" in body["error_description"]
    body = assert_error(runner.post(registration(pull_request(), expires_in=7201)), 403, reason="duration_not_allowed")
    assert "expires_in" in body["error_description"]
    job = runner.register(registration(pull_request(), expires_in=7200))
    assert job.claims()["event_name"] == "pull_request"
    denied = [(record["operation"], record["reason"]) for record in issuer.audit(runner=runner.name, decision="deny")]
    assert denied == [("registration", "fact_not_allowed")] * 3 + [("registration", "duration_not_allowed")]


@pytest.mark.parametrize("lie", ["github-hosted", "self-hosted", "", None])
def test_what_is_set_wins_over_what_the_runner_says(issuer, lie):
    runner = bounded(issuer, "--set", "runner_environment=self-hosted", "--set", "actor=ci", name=None)
    stated = facts(actor="root")
    if lie is not None:
        stated["runner_environment"] = lie
    claims = runner.register(registration(stated)).claims()
    assert (claims["runner_environment"], claims["actor"]) == ("self-hosted", "ci")


def test_late_facts_are_held_to_the_same_bounds(issuer):
    runner = bounded(issuer, "--deny", "environment", "--deny", "sha=bad*", "--set", "runner_environment=self-hosted")
    job = runner.register()
    assert_error(runner.patch(job.id, {"job": {"environment": "production"}}), 403, reason="fact_not_allowed")
    assert_error(runner.patch(job.id, {"job": {"sha": "bad1"}}), 403, reason="fact_not_allowed")
    lie = runner.patch(job.id, {"job": {"runner_environment": "github-hosted", "sha": "0f" * 20}})
    assert lie.status == 200, lie
    assert lie.json()["job"]["runner_environment"] == "self-hosted"
    claims = job.claims()
    assert "environment" not in claims
    assert (claims["runner_environment"], claims["sha"]) == ("self-hosted", "0f" * 20)
    assert [record["reason"] for record in issuer.audit(runner=runner.name, operation="set_facts", decision="deny")] \
        == ["fact_not_allowed"] * 2


def test_several_values_of_one_fact_are_alternatives(issuer):
    runner = bounded(issuer, "--allow", "ref=refs/heads/main", "--allow", "ref=refs/heads/release-*")
    for ref, status in [("refs/heads/main", 201), ("refs/heads/release-1", 201), ("refs/heads/release-1/x", 403),
                        ("refs/tags/main", 403), ("refs/heads/mainx", 403)]:
        assert runner.post(registration(facts(ref=ref))).status == status, ref


def test_a_job_that_says_no_duration_lasts_as_long_as_its_runner_may_say(issuer):
    runner = bounded(issuer, "--max-duration", "90s")
    job = runner.register()
    claims = job.claims()
    assert claims["exp"] - claims["iat"] <= 90


def test_the_same_registration_again_is_the_same_job(issuer):
    runner = bounded(issuer, "--set", "actor=ci", "--max-duration", "15m")
    body = registration(facts(actor="root"), reference=uuid.uuid4().hex)
    first, second = runner.post(body), runner.post(body)
    assert (first.status, second.status) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize("options, named", [
    (("--allow", "environnement=x"), "unknown_member"),
    (("--deny", "runner"), "unknown_member"),
    (("--set", "environment=prod*"), "fact_invalid"),
    (("--set", "actor="), "fact_missing"),
    (("--set", "actor=x", "--deny", "actor"), "fact_not_allowed"),
    (("--max-duration", "25h"), "out_of_range"),
    (("--source", "10.2.3.4/16"), "source_invalid"),
    (("--source", "example.org"), "source_invalid"),
])
def test_bounds_that_cannot_hold_add_no_runner(issuer, options, named):
    name = f"wrong-{uuid.uuid4().hex[:8]}"
    done = issuer.cli("runner", "add", name, "--repository", "acme/*", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert named in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert name not in issuer.operator("runner", "list")


@pytest.mark.parametrize("options", [
    ("--allow", "actor"), ("--allow", "=x"), ("--set", "actor"), ("--set", "actor=a", "--set", "actor=b"),
    ("--max-duration", "soon"), ("--valid", "-1d"), ("--valid", "0"), ("--max-duration", "1.5h"),
])
def test_options_that_cannot_be_read_are_wrong_usage(issuer, options):
    done = issuer.cli("runner", "add", "never", "--repository", "acme/*", *options)
    assert (done.returncode, done.stdout) == (64, ""), done.stderr


def test_the_list_shows_the_bounds_and_the_ends(issuer):
    runner = bounded(issuer, *FULL)
    [row] = [row for row in json.loads(issuer.operator("runner", "list", "--json"))["runners"]
             if row["name"] == runner.name]
    assert row["bounds"] == {
        "allow": {"event_name": ["pull_request"]}, "deny": {"environment": True},
        "set": {"runner_environment": "self-hosted"}, "max_duration": 7200, "sources": ["127.0.0.0/8"],
        "valid_for": 90 * 86400}
    assert row["valid_until"].endswith("Z") and "former_valid_until" not in row
    [line] = [line for line in issuer.operator("runner", "list").splitlines() if line.startswith(runner.name + "\t")]
    assert "--allow event_name=pull_request --deny environment --set runner_environment=self-hosted" in line
    assert "--source 127.0.0.0/8" in line and row["valid_until"] in line
    rotated(runner, "--overlap", "1h")
    [row] = [row for row in json.loads(issuer.operator("runner", "list", "--json"))["runners"]
             if row["name"] == runner.name]
    assert row["former_valid_until"].endswith("Z")


# --- the claim -------------------------------------------------------------------------------------------------------

def test_a_token_names_the_runner_that_registered_its_job(issuer):
    runner = bounded(issuer, name="pr-builder")
    token = runner.register(registration(id_tokens={"NAMED": {"aud": "vault"}}))
    key = jwt.PyJWKSet.from_dict(issuer.jwks())[jwt.get_unverified_header(token.token())["kid"]]
    for text, audience in [(token.token(), "sts.amazonaws.com"), (token.environment["NAMED"], "vault")]:
        key = jwt.PyJWKSet.from_dict(issuer.jwks())[jwt.get_unverified_header(text)["kid"]]
        verified = jwt.decode(text, key.key, algorithms=[key.algorithm_name], audience=audience, issuer=issuer.url)
        assert verified["runner"] == "pr-builder"
    assert "runner" in issuer.discovery()["claims_supported"]


def test_no_registration_states_the_runner(issuer):
    runner = bounded(issuer)
    assert_error(runner.post(registration(facts(runner="other"))), 400, reason="unknown_member")


# --- where it may speak from -----------------------------------------------------------------------------------------

def test_a_credential_from_elsewhere_is_as_good_as_unknown(issuer):
    runner = bounded(issuer, "--source", "127.0.0.2", "--source", "10.0.0.0/8")
    unknown = Runner(issuer, "unknown", "jwr_" + "A" * 43)
    inside, outside, unknown = post_from(runner, "127.0.0.2"), post_from(runner, "127.0.0.1"), post_from(
        unknown, "127.0.0.1")
    assert inside.status == 201, inside
    assert_error(outside, 401, error="invalid_token", reason="credential_invalid")
    assert outside.body == unknown.body

    def named(answer):
        return sorted(name for name, _ in answer.fields)

    assert named(outside) == named(unknown)
    [record] = issuer.audit(runner=runner.name, operation="authentication")
    assert (record["decision"], record["reason"], record["source"]) == ("deny", "source_not_allowed", "127.0.0.1")


def test_no_header_moves_the_source(issuer):
    runner = bounded(issuer, "--source", "127.0.0.2")
    for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "X-Client-IP"]:
        value = "for=127.0.0.2" if header == "Forwarded" else "127.0.0.2"
        assert post_from(runner, "127.0.0.1", headers={header: value}).status == 401, header


def test_every_request_of_the_runner_must_come_from_there(issuer):
    runner = bounded(issuer, "--source", "127.0.0.2")
    reference = uuid.uuid4().hex
    headers = {**bearer(runner.credential), "Content-Type": "application/json"}
    job = call_from(issuer, "127.0.0.2", "POST", "/v1/jobs", headers=headers,
                    body=json.dumps(registration(reference=reference, lease=600)).encode()).json()
    plain = bearer(runner.credential)
    for method, target, fields, body, status in [
        ("PATCH", f"/v1/jobs/{job['id']}", headers, b'{"job":{"sha":"0f"}}', 200),
        ("POST", f"/v1/jobs/{job['id']}/heartbeat", plain, None, 200),
        ("DELETE", f"/v1/jobs/{job['id']}", plain, None, 204),
        ("DELETE", f"/v1/jobs?reference={reference}", plain, None, 204),
    ]:
        for source, expected in [("127.0.0.1", 401), ("127.0.0.2", status)]:
            answer = call_from(issuer, source, method, target, headers=fields, body=body)
            assert answer.status == expected, (method, target, source, answer)


def test_the_jobs_own_token_is_good_from_anywhere(issuer):
    runner = bounded(issuer, "--source", "127.0.0.2")
    job = harness.Job(issuer, post_from(runner, "127.0.0.2"))
    assert job.ask().status == 200


def test_an_ipv6_network_and_one_of_ipv4_are_told_apart(issuers):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.fail("this machine has no ::1")
    port = harness.free_port()
    issuer = issuers.start(arguments=("--runner-listen", f"[::]:{port}", "--runner-url", f"http://127.0.0.1:{port}"))
    six, four = bounded(issuer, "--source", "::1"), bounded(issuer, "--source", "127.0.0.1")
    for runner, host, status in [(six, "::1", 201), (six, "127.0.0.1", 401), (four, "::1", 401),
                                 (four, "127.0.0.1", 201)]:
        answer = post_from(runner, host, host=host, port=port)
        assert answer.status == status, (runner.name, host, answer)


def test_a_credential_from_elsewhere_does_not_fill_the_log(issuer):
    runner = bounded(issuer, "--source", "10.0.0.0/8")
    for _ in range(100):
        assert runner.post(registration()).status == 401
    assert len(issuer.audit(runner=runner.name, operation="authentication")) <= 12


# --- for how long ----------------------------------------------------------------------------------------------------

def test_a_credential_past_its_end_is_unknown_and_comes_back_by_a_rotation(issuer):
    runner = bounded(issuer, "--valid", "3s")
    assert is_known(runner)
    harness.poll(lambda: not is_known(runner), seconds=20, what="the credential's end")
    records = issuer.audit(runner=runner.name, operation="authentication")
    assert [record["reason"] for record in records] == ["credential_expired"]
    next_one = rotated(runner, "--valid", "1h")
    assert is_known(next_one) and not is_known(runner)


def test_both_credentials_are_good_for_the_overlap(issuer):
    first = bounded(issuer)
    second = rotated(first, "--overlap", "4s")
    assert is_known(first) and is_known(second)
    harness.poll(lambda: not is_known(first), seconds=20, what="the overlap's end")
    assert is_known(second)
    [record] = issuer.audit(runner=first.name, operation="runner_rotate")
    assert (record["decision"], record["reason"]) == ("permit", "ok")


def test_jobs_go_on_across_a_rotation(issuer):
    first = bounded(issuer)
    job = first.register(reference="r")
    second = rotated(first, "--overlap", "0")
    assert not is_known(first)
    assert job.ask().status == 200
    assert second.heartbeat(job.id).status == 200
    assert second.end_by_reference("r").status == 204


def test_a_third_credential_drops_the_first(issuer):
    first = bounded(issuer)
    second = rotated(first)
    third = rotated(first)
    assert [is_known(runner) for runner in (first, second, third)] == [False, True, True]


def test_both_credentials_survive_a_restart_and_neither_a_revocation(issuers):
    issuer = issuers.start()
    first = bounded(issuer, "--deny", "environment")
    second = rotated(first, "--overlap", "1h")
    for end in (issuer.stop, issuer.kill):
        end()
        issuer.start()
        assert is_known(first) and is_known(second)
        assert_error(first.post(registration(facts(environment="x"))), 403, reason="fact_not_allowed")
    issuer.operator("runner", "revoke", first.name)
    assert not is_known(first) and not is_known(second)
    issuer.stop()
    issuer.start()
    assert not is_known(first) and not is_known(second)


def test_an_overlap_ends_while_nobody_runs(issuers):
    issuer = issuers.start()
    first = bounded(issuer)
    issuer.stop()
    second = rotated(first, "--overlap", "1s")  # without an owner, on the file itself
    time.sleep(2)
    issuer.start()
    assert not is_known(first) and is_known(second)


def test_a_rotation_without_overlap_outlives_a_restored_backup(issuers, directory):
    issuer = issuers.start()
    first = bounded(issuer)
    backup = directory / "backup"
    issuer.operator("backup", str(backup))
    rotated(first, "--overlap", "0")
    issuer.stop()
    done = issuer.cli("restore", str(backup), "--accept-loss")
    assert done.returncode == 0, done.stderr
    issuer.start()
    assert not is_known(first)


@pytest.mark.parametrize("runs", [True, False], ids=["while the issuer runs", "while nobody runs"])
def test_a_credential_whose_overlap_is_over_outlives_no_restored_backup(issuers, directory, runs):
    issuer = issuers.start()
    first = bounded(issuer)
    backup = directory / "backup"
    issuer.operator("backup", str(backup))
    if runs:
        rotated(first, "--overlap", "1s")
        ledger = harness.poll(lambda: ledger_of(issuer), seconds=20, what="the ledger's line")
        issuer.stop()
        issuer.start()
        assert ledger_of(issuer) == ledger, "a start enters it again"
        issuer.stop()
    else:
        rotated(first, "--overlap", "1h")
        issuer.stop()
        with sqlite3.connect(issuer.database) as store:  # an hour passes
            store.execute("UPDATE runner SET former_valid_until = 1 WHERE former_valid_until IS NOT NULL")
        store.close()
    done = issuer.cli("restore", str(backup), "--accept-loss")
    assert done.returncode == 0, done.stderr
    issuer.start()
    assert not is_known(first)


def ledger_of(issuer) -> list[str]:
    file = ledger_file(issuer)
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("options", [("--overlap", "31d"), ("--overlap", "soon"), ("--valid", "0")])
def test_a_rotation_that_cannot_be_read_is_wrong_usage(issuer, options):
    done = issuer.cli("runner", "rotate", "shared", *options)
    assert (done.returncode, done.stdout) == (64, ""), done.stderr


def test_nobody_is_rotated_who_is_not_there(issuer):
    done = issuer.cli("runner", "rotate", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not_found" in done.stderr


def test_a_runner_has_no_more_live_jobs_than_it_may(issuer):
    runner = bounded(issuer, "--max-live-jobs", "2")
    first = runner.register()
    runner.register()
    refused = runner.post(registration())
    assert_error(refused, 429, error="temporarily_unavailable", reason="too_many_live_jobs")
    assert int(refused.header("Retry-After")) >= 1
    assert runner.end(first.id).status == 204
    runner.register()
