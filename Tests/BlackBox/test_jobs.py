"""The registration of jobs: who may say what, what comes back, and how a job ends."""

from __future__ import annotations

import re
import time
import uuid
from datetime import datetime, timezone

import pytest

import harness
from harness import assert_error, bearer, claims_of, facts, full_facts, poll, registration

REFUSED = (400, 403)


def new_reference() -> str:
    return f"buildbot.example/builds/{uuid.uuid4().hex}"


def instant(text: str) -> float:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), text
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def assert_ended(job) -> None:
    """No shape gives a token any more."""
    assert_error(job.ask(), 401)
    assert_error(job.issuer.call("POST", job.request_target, headers=bearer(job.request_token)), 401)
    assert_error(job.issuer.exchange(("audience", "a"), subject_token=job.request_token), 400,
                 error="invalid_request")


# --- what comes back

def test_a_registration_answers_201_with_the_shape_of_the_contract(issuer, runner):
    before = time.time()
    answer = runner.post({
        **registration(full_facts()), "audiences": ["sts.amazonaws.com", "sigstore"], "reference": new_reference(),
        "id_tokens": {"AWS_ID_TOKEN": {"aud": "sts.amazonaws.com", "expires_in": 900},
                      "VAULT_ID_TOKEN": {"aud": ["https://vault.example", "https://bao.example"]}},
        "expires_in": 3600})
    assert answer.status == 201, answer
    assert "no-store" in answer.header("Cache-Control")
    assert answer.header("Content-Type").split(";")[0] == "application/json"
    assert answer.header("Access-Control-Allow-Origin") is None
    body = answer.json()
    assert set(body) == {"id", "expires_at", "id_token_request", "id_tokens", "environment"}
    assert re.fullmatch(r"[A-Za-z0-9_-]{8,}", body["id"])
    assert -2 <= instant(body["expires_at"]) - before - 3600 <= 10
    request = body["id_token_request"]
    assert set(request) == {"url", "token"}
    base = f"{issuer.url}/v1/jobs/{body['id']}/id-token"
    assert request["url"] == f"{base}?api-version=1"
    assert re.fullmatch(r"jwj_[A-Za-z0-9._~-]{43,}", request["token"])
    assert set(body["id_tokens"]) == {"AWS_ID_TOKEN", "VAULT_ID_TOKEN"}
    assert body["environment"] == {
        "ACTIONS_ID_TOKEN_REQUEST_URL": request["url"], "ACTIONS_ID_TOKEN_REQUEST_TOKEN": request["token"],
        "SYSTEM_OIDCREQUESTURI": base, **body["id_tokens"]}


def test_named_tokens_carry_their_audiences_and_the_jobs_claims(runner):
    job = runner.register(registration(full_facts(), id_tokens={
        "AWS_ID_TOKEN": {"aud": "sts.amazonaws.com"},
        "ONE_ID_TOKEN": {"aud": ["https://one.example"]},
        "VAULT_ID_TOKEN": {"aud": ["https://vault.example", "https://bao.example"]}}))
    tokens = {name: claims_of(token) for name, token in job.body["id_tokens"].items()}
    assert tokens["AWS_ID_TOKEN"]["aud"] == "sts.amazonaws.com"
    assert tokens["ONE_ID_TOKEN"]["aud"] == "https://one.example"
    assert tokens["VAULT_ID_TOKEN"]["aud"] == ["https://vault.example", "https://bao.example"]
    assert len({claims["jti"] for claims in tokens.values()}) == 3
    for claims in tokens.values():
        assert claims["repo"].startswith("acme/widgets-")
        assert claims["sub"] == f"repo:{claims['repo']}:environment:production"


def test_a_job_that_asks_for_nothing_gets_no_token_at_all(runner):
    body = runner.post({"job": facts()}).json()
    assert "id_token_request" not in body
    assert not body.get("id_tokens")
    assert body.get("environment") in ({}, None)
    assert "jwj_" not in str(body) and "eyJ" not in str(body)


def test_named_tokens_alone_give_no_request_token(runner):
    answer = runner.post(registration(permissions=None, id_tokens={"A_TOKEN": {"aud": "a"}}))
    assert answer.status == 201, answer
    body = answer.json()
    assert "id_token_request" not in body
    assert set(body["environment"]) == set(body["id_tokens"]) == {"A_TOKEN"}


def test_the_four_required_facts_suffice(runner):
    job = runner.register(registration(facts()))
    assert job.answer.status == 201
    assert set(job.claims()) == harness.REGISTERED_CLAIMS | {"repo", "runner"} | set(harness.REQUIRED_FACTS)


def test_the_job_ends_an_hour_after_its_registration_by_default(runner):
    before = time.time()
    assert -2 <= instant(runner.register().body["expires_at"]) - before - 3600 <= 10


def test_every_registration_without_a_reference_is_a_new_job(runner):
    body = registration()
    first, second = runner.register(body), runner.register(body)
    assert first.id != second.id
    assert first.request_token != second.request_token


# --- who may register

def test_no_credential_is_refused(issuer):
    answer = issuer.call("POST", "/v1/jobs", body=b"{}", headers={"Content-Type": "application/json"})
    assert_error(answer, 401)
    assert (answer.header("WWW-Authenticate") or "").lower().startswith("bearer")


@pytest.mark.parametrize("value", [
    "Bearer jwr_" + "A" * 43, "Bearer nonsense", "Bearer ", "Bearer", "bearer jwr_", "", "Basic dXNlcjpwYXNz",
    "Bearer jwr_" + "A" * 4000, "Token {credential}", "{credential}", "Bearer {credential}x", "Bearer {credential} x",
    "Bearer x {credential}", "Bearer {credential},Bearer {credential}", 'Bearer "{credential}"', "Bearer {upper}",
    "Bearer {padded}",
])
def test_a_credential_that_is_not_exactly_right_is_refused(issuer, runner, value):
    credential = runner.credential
    value = value.format(credential=credential, upper=credential.swapcase(), padded=credential + "=")
    answer = issuer.call("POST", "/v1/jobs", body=b"{}",
                         headers={"Authorization": value, "Content-Type": "application/json"})
    assert_error(answer, (400, 401))


def test_a_request_token_is_no_runner_credential(issuer, job):
    answer = issuer.call("POST", "/v1/jobs", body=b"{}",
                         headers={**bearer(job.request_token), "Content-Type": "application/json"})
    assert_error(answer, 401)


def test_a_runner_credential_is_no_request_token(issuer, runner, job):
    assert_error(job.ask(headers=bearer(runner.credential)), 401)
    assert_error(issuer.exchange(("audience", "a"), subject_token=runner.credential), 400, error="invalid_request")


def test_the_credential_is_taken_from_the_header_only(issuer, runner):
    for target in (f"/v1/jobs?token={runner.credential}", f"/v1/jobs?access_token={runner.credential}"):
        answer = issuer.call("POST", target, body=b"{}", headers={"Content-Type": "application/json"})
        assert_error(answer, (400, 401))
    answer = issuer.call("POST", "/v1/jobs", body=b"{}", headers={
        "Content-Type": "application/json", "Cookie": f"Authorization=Bearer {runner.credential}"})
    assert_error(answer, 401)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "HEAD", "TRACE"])
def test_another_method_on_the_collection_is_405(issuer, runner, method):
    answer = issuer.call(method, "/v1/jobs", headers=bearer(runner.credential))
    assert answer.status == 405
    if method != "HEAD":
        assert_error(answer, 405)
    assert "POST" in (answer.header("Allow") or "")


# --- what a registration may say

@pytest.mark.parametrize("name", harness.REQUIRED_FACTS)
@pytest.mark.parametrize("form", ["absent", "empty"])
def test_a_required_fact_must_be_there_and_not_empty(runner, name, form):
    job = facts()
    if form == "absent":
        del job[name]
    else:
        job[name] = ""
    body = assert_error(runner.post(registration(job)), 400, error="invalid_request")
    assert name in body["error_description"] + body["message"]


@pytest.mark.parametrize("name", harness.FACT_NAMES)
@pytest.mark.parametrize("value", [None, 42, 1.5, True, ["x"], {"x": "y"}], ids=str)
def test_a_fact_is_a_string(runner, name, value):
    assert_error(runner.post(registration({**full_facts(), name: value})), 400, error="invalid_request")


@pytest.mark.parametrize("name", [name for name in harness.FACT_NAMES if name not in harness.REQUIRED_FACTS])
def test_an_optional_fact_that_is_empty_is_no_claim(runner, name):
    claims = runner.register(registration({**facts(), name: ""})).claims()
    assert set(claims) == harness.REGISTERED_CLAIMS | {"repo", "runner"} | set(harness.REQUIRED_FACTS)


@pytest.mark.parametrize("name", [
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "azp", "act", "cnf", "nonce", "client_id", "scope", "url", "repo",
    "unknown", "Repository", "repository ", "repositor\u0443", "ISS", "iss\u0000", "enterprise", "at_hash", "amr",
    "https://aws.amazon.com/tags", "__proto__", "project_path", "Ref", "",
])
def test_an_unknown_fact_is_refused(runner, name):
    assert_error(runner.post(registration({**facts(), name: "x"})), 400, error="invalid_request")


@pytest.mark.parametrize("member", ["Job", "claims", "sub", "audience", "ttl", "id", "token", "repository", "jobs", ""])
def test_an_unknown_member_of_the_registration_is_refused(runner, member):
    assert_error(runner.post({**registration(), member: "x"}), 400, error="invalid_request")


def test_an_unknown_member_of_a_named_token_is_refused(runner):
    for member in ("sub", "claims", "audience", "ttl", "file"):
        body = registration(id_tokens={"A_TOKEN": {"aud": "a", member: "x"}})
        assert_error(runner.post(body), 400)


@pytest.mark.parametrize("permissions", [
    {"id-token": "admin"}, {"id-token": True}, {"id-token": None}, {"id-token": ""}, {"id-token": "WRITE"},
    {"id_token": "write"}, {"contents": "read"}, {"id-token": "write", "contents": "read"}, "write", ["write"], 1,
])
def test_a_permission_that_is_not_known_is_refused(runner, permissions):
    assert_error(runner.post(registration(permissions=permissions)), 400, error="invalid_request")


@pytest.mark.parametrize("audiences", [
    "sts.amazonaws.com", [1], [None], [["a"]], [""], {"a": "b"}, ["a b"], ["a\n"], ["ä"], ["x" * 256], 5, True,
])
def test_a_list_of_audiences_that_is_not_one_is_refused(runner, audiences):
    assert_error(runner.post(registration(audiences=audiences)), 400, error="invalid_request")


def test_large_ids_come_back_exactly(runner):
    for number in (2**31, 2**32 + 1, 2**53 + 1, 2**63 - 1):
        claims = runner.register(registration(full_facts(repository_id=str(number), run_id=str(number)))).claims()
        assert claims["repository_id"] == str(number)
        assert claims["run_id"] == str(number)


CONTROLS = [chr(code) for code in range(0x20)] + ["\x7f"]


@pytest.mark.parametrize("name", ["repository", "ref", "workflow", "environment", "actor", "run_id"])
def test_control_characters_are_refused(runner, name):
    for control in CONTROLS:
        value = f"acme/x{control}y" if name == "repository" else f"x{control}y"
        assert_error(runner.post(registration({**facts(), name: value})), REFUSED)


def test_a_lone_surrogate_is_refused(runner):
    for escape in (rb"\ud800", rb"\udfff", rb"\ud800x", rb"\ud800\ud800"):
        body = (b'{"job":{"repository":"acme/x","ref":"r","workflow":"' + escape + b'","run_id":"1"}}')
        assert_error(runner.post(body), 400, error="invalid_request")


def test_a_fact_that_is_far_too_long_is_refused(runner):
    for name in ("ref", "workflow", "environment", "actor", "sha", "job"):
        assert_error(runner.post(registration({**facts(), name: "x" * 5000})), REFUSED)


def test_whatever_is_registered_no_subject_is_longer_than_255_bytes(runner):
    for length in (60, 120, 180, 200, 215, 230, 250):
        answer = runner.post(registration(facts(ref="refs/heads/" + "x" * length)))
        if answer.status == 201:
            asked = harness.Job(runner.issuer, answer).ask()
            if asked.status == 200:
                assert len(claims_of(asked.json()["value"])["sub"]) <= 255
            else:
                assert_error(asked, 403)
        else:
            assert_error(answer, REFUSED)


def test_with_everything_as_long_as_it_may_be_a_token_stays_below_4_kib(runner):
    for length in (60, 100, 150, 200, 255):
        job = full_facts()
        for name in ("workflow", "sha", "workflow_sha", "job", "actor", "job_workflow_ref", "job_workflow_sha",
                     "run_number", "repository_visibility"):
            job[name] = "x" * length
        answer = runner.post(registration(job))
        if answer.status == 201:
            asked = harness.Job(runner.issuer, answer).ask()
            assert asked.status != 200 or len(asked.json()["value"]) <= 4096
        else:
            assert_error(answer, REFUSED)


@pytest.mark.parametrize("value", ["{{server.key}}", "${HOME}", "%s%n", "$(id)", "{{jwt.claim.x}}", "' OR 1=1--",
                                   "\"; DROP TABLE jobs; --", "../../etc/passwd", "<script>", "\\u0069ss"])
def test_a_value_is_never_looked_into(runner, value):
    for name in ("workflow", "environment", "actor", "job"):
        answer = runner.post(registration({**facts(), name: value}))
        if answer.status == 201:
            assert harness.Job(runner.issuer, answer).claims()[name] == value
        else:
            assert_error(answer, REFUSED)


# --- the bounds of a runner

@pytest.mark.parametrize("repository", [
    "other/widgets", "acmex/widgets", "Acme/widgets", "ACME/widgets", "acme", "acme/", "/acme/widgets",
    "acme/a/b", "acme//b", "xacme/widgets", "acm\u0435/widgets", "acme%2Fwidgets", " acme/widgets", "umbrella-x/y",
    "../acme/widgets", "acme\\widgets", "other/acme/widgets",
])
def test_a_repository_outside_the_patterns_is_refused(runner, repository):
    assert_error(runner.post(registration(facts(repository=repository))), REFUSED)


def test_a_pattern_matches_the_whole_name(issuer):
    runner = issuer.runner("acme/pre-*", "acme/exact")
    for repository, status in [("acme/pre-a", 201), ("acme/exact", 201), ("acme/exactly", 403), ("acme/xpre-a", 403),
                               ("acme/pre-a/b", 403), ("acme/Exact", 403)]:
        assert runner.post(registration(facts(repository=repository))).status == status, repository


def test_a_refusal_for_the_bounds_says_so_and_is_audited(issuer):
    runner = issuer.runner("acme/*")
    body = assert_error(runner.post(registration(facts(repository="other/widgets"))), 403)
    denied = issuer.audit(decision="deny", runner=runner.name)
    assert [record["reason"] for record in denied] == [body["reason"]]


@pytest.mark.parametrize("pattern", ["*/widgets", "*", "ac*me/widgets", "", "/", "acme", "*/*"])
def test_a_pattern_without_a_literal_owner_is_refused(issuer, pattern):
    done = issuer.cli("runner", "add", f"r-{uuid.uuid4().hex[:8]}", "--repository", pattern)
    assert done.returncode in (1, 64), done
    assert done.stdout == "" and done.stderr.strip()


@pytest.mark.parametrize("changes", [
    {"repository_owner": "other"}, {"repository_owner": "acme/"}, {"repository_owner": "Acme"},
    {"repository_owner": "umbrella"},
    {"workflow_ref": "other/widgets/.ci/deploy.yml@refs/heads/main"}, {"workflow_ref": "acme"},
    {"workflow_ref": "acme/widgets-evil/.ci/x.yml@r"}, {"workflow_ref": "/acme/widgets/.ci/x.yml@r"},
], ids=str)
def test_a_fact_that_contradicts_the_repository_is_refused(runner, changes):
    job = {**facts(repository="acme/widgets"), **changes}
    assert_error(runner.post(registration(job)), REFUSED)


def test_a_workflow_ref_that_only_starts_with_the_name_is_refused(runner):
    job = facts()
    for separator in ("x/", "-x/", "", "@"):
        answer = runner.post(registration({**job, "workflow_ref": f"{job['repository']}{separator}.ci/x.yml@r"}))
        assert_error(answer, REFUSED)


# --- names are pinned to ids

def test_the_first_registration_pins_the_name_to_its_id(issuer, runner):
    first = full_facts()
    runner.register(registration(first))
    other_id = full_facts(repository=first["repository"])
    assert_error(runner.post(registration(other_id)), 403)
    runner.register(registration(first))
    issuer.operator("repository", "forget", first["repository"])
    runner.register(registration(other_id))
    assert_error(runner.post(registration(first)), 403)


def test_another_name_for_a_pinned_id_is_refused(runner):
    first = full_facts()
    runner.register(registration(first))
    assert_error(runner.post(registration(full_facts(repository_id=first["repository_id"]))), 403)


def test_another_owner_id_for_a_pinned_name_is_refused(runner):
    first = full_facts(repository_owner_id="7")
    runner.register(registration(first))
    changed = {**first, "repository_owner_id": "8"}
    assert_error(runner.post(registration(changed)), 403)


def test_a_rename_moves_the_pin(issuer, runner):
    old = full_facts()
    runner.register(registration(old))
    new = full_facts(repository_id=old["repository_id"])
    issuer.operator("repository", "rename", old["repository"], new["repository"])
    runner.register(registration(new))
    assert_error(runner.post(registration(old)), 403)


def test_the_list_of_repositories_shows_names_and_ids(issuer, runner):
    job = full_facts()
    runner.register(registration(job))
    lines = harness.strict_json(issuer.operator("repository", "list", "--json"))["repositories"]
    (found,) = [line for line in lines if line["repository"] == job["repository"]]
    assert found["repository_id"] == job["repository_id"]


def test_a_repository_that_is_not_known_cannot_be_forgotten(issuer):
    done = issuer.cli("repository", "forget", "acme/never-seen")
    assert done.returncode == 1
    assert done.stdout == "" and len(done.stderr.strip().splitlines()) == 1


def test_a_refused_registration_pins_nothing(issuer, runner):
    job = full_facts()
    assert_error(runner.post({**registration(job), "unknown": 1}), 400)
    assert_error(runner.post(registration(job, id_tokens={"PATH": {"aud": "a"}})), REFUSED)
    assert job["repository"] not in issuer.operator("repository", "list")
    runner.register(registration(full_facts(repository=job["repository"])))


def test_names_that_look_alike_are_different_repositories(runner):
    tail = uuid.uuid4().hex[:8]
    lower, upper = full_facts(repository=f"acme/a{tail}"), full_facts(repository=f"acme/A{tail}")
    tokens = [runner.register(registration(job)).claims() for job in (lower, upper)]
    assert [claims["repository_id"] for claims in tokens] == [lower["repository_id"], upper["repository_id"]]
    assert tokens[0]["sub"] == tokens[1]["sub"].replace(f"A{tail}", f"a{tail}") != tokens[1]["sub"]


# --- pull requests and forks

def pull_request(**changes: str) -> dict[str, str]:
    return full_facts(event_name="pull_request", head_ref="feature", base_ref="main", environment="", **changes)


FORKS = [
    {"event_name": "pull_request"}, {"event_name": "pull_request_target"}, {"event_name": "merge_request_event"},
    {"event_name": "push", "head_ref": "feature"}, {"event_name": "push", "base_ref": "main"},
    {"head_ref": "feature", "base_ref": "main", "environment": "production"},
    {"event_name": "pull_request", "ref": "refs/heads/main", "ref_protected": "true"},
]


@pytest.mark.parametrize("changes", FORKS, ids=str)
def test_a_fork_gets_no_token(issuer, runner, changes):
    job = full_facts(head_repository="mallory/widgets", head_repository_id="666", **changes)
    answer = runner.post(registration(job))
    if answer.status == 201 and "id_token_request" in answer.json():
        registered = harness.Job(issuer, answer)
        assert_error(registered.ask(), 403, reason="fork")
        assert_error(issuer.exchange(("audience", "a"), subject_token=registered.request_token), (400, 403))
        assert_error(issuer.call("POST", registered.request_target, headers=bearer(registered.request_token)), 403)
    elif answer.status != 201:
        assert_error(answer, 403, reason="fork")


@pytest.mark.parametrize("changes", FORKS, ids=str)
def test_a_fork_gets_no_named_token(runner, changes):
    job = full_facts(head_repository="mallory/widgets", head_repository_id="666", **changes)
    assert_error(runner.post(registration(job, permissions=None, id_tokens={"A_TOKEN": {"aud": "a"}})), 403,
                 reason="fork")


@pytest.mark.parametrize("changes", FORKS, ids=str)
def test_a_pull_request_that_does_not_say_where_it_comes_from_is_refused(runner, changes):
    job = full_facts(**changes)
    for absent in ({"head_repository_id": ""}, {"head_repository_id": "", "head_repository": ""}):
        assert_error(runner.post(registration({**job, **absent})), REFUSED)


def test_a_pull_request_without_a_repository_id_gets_no_token(runner):
    job = {**facts(), "event_name": "pull_request", "head_repository_id": "5"}
    answer = runner.post(registration(job, permissions=None, id_tokens={"A_TOKEN": {"aud": "a"}}))
    assert_error(answer, REFUSED)


def test_a_pull_request_within_its_own_repository_is_named_as_one(runner):
    job = pull_request()
    claims = runner.register(registration(job)).claims()
    assert claims["sub"] == f"repo:{job['repository']}:pull_request"
    assert claims["head_ref"] == "feature" and claims["base_ref"] == "main"


# --- the reference: a retry is answered again

def test_the_same_reference_and_body_answer_200_with_the_same_job(runner):
    body = registration(reference=new_reference(), id_tokens={"A_TOKEN": {"aud": "a"}})
    first, second = runner.post(body), runner.post(body)
    assert (first.status, second.status) == (201, 200)
    one, two = first.json(), second.json()
    assert one["id"] == two["id"]
    assert one["id_token_request"] == two["id_token_request"]
    assert one["expires_at"] == two["expires_at"]
    assert set(one) == set(two)
    jtis = [claims_of(answer["id_tokens"]["A_TOKEN"])["jti"] for answer in (one, two)]
    assert jtis[0] != jtis[1], "named tokens are minted afresh"


@pytest.mark.parametrize("change", [
    {"expires_in": 60}, {"audiences": ["a"]}, {"permissions": None}, {"id_tokens": {"A_TOKEN": {"aud": "a"}}},
    {"lease": 60}, {"fact": ("sha", "0f")}, {"fact": ("ref", "refs/heads/other")}, {"fact": ("run_id", "1002")},
], ids=str)
def test_the_same_reference_with_another_body_is_409(runner, change):
    first = registration(reference=new_reference())
    job = runner.register(first)
    changed = {**first, "job": dict(first["job"]), **change}
    if fact := changed.pop("fact", None):
        changed["job"][fact[0]] = fact[1]
    changed = {name: value for name, value in changed.items() if value is not None}
    assert_error(runner.post(changed), 409)
    assert job.claims()["run_id"] == "1001"


def test_a_reference_of_an_ended_job_is_409(runner):
    body = registration(reference=new_reference())
    job = runner.register(body)
    assert runner.end(job.id).status == 204
    assert_error(runner.post(body), 409, reason="job_ended")


def test_a_reference_belongs_to_its_runner(issuer, runner):
    other = issuer.runner("acme/*")
    body = registration(reference=new_reference())
    mine, theirs = runner.register(body), other.register(body)
    assert theirs.answer.status == 201
    assert mine.id != theirs.id
    assert other.end_by_reference(body["reference"]).status == 204
    assert_ended(theirs)
    assert mine.ask().status == 200


@pytest.mark.parametrize("reference", [1, None, True, [], {}, "x" * 10_000, "a\nb", "a\u0000b"], ids=lambda x: str(x)[:9])
def test_a_reference_that_is_not_one_is_refused(runner, reference):
    body = {**registration(), "reference": reference}
    assert_error(runner.post(body), 400, error="invalid_request")


# --- facts that come later

def test_a_fact_may_be_set_before_the_first_token(runner):
    job = runner.register()
    assert runner.patch(job.id, {"job": {"sha": "ab" * 20, "actor": "alice"}}).status in (200, 204)
    claims = job.claims()
    assert claims["sha"] == "ab" * 20 and claims["actor"] == "alice"


def test_a_fact_cannot_be_set_after_the_first_token(runner):
    job = runner.register()
    before = job.claims()
    assert_error(runner.patch(job.id, {"job": {"sha": "ab" * 20}}), 409)
    after = job.claims()
    assert "sha" not in after
    assert {name: after[name] for name in after if name not in ("jti", "iat", "exp", "nbf")} == \
        {name: before[name] for name in before if name not in ("jti", "iat", "exp", "nbf")}


def test_a_named_token_is_a_first_token(runner):
    job = runner.register(registration(id_tokens={"A_TOKEN": {"aud": "a"}}))
    assert_error(runner.patch(job.id, {"job": {"sha": "ab" * 20}}), 409)


def test_a_fact_is_set_once(runner):
    job = runner.register(registration(facts(actor="alice")))
    assert runner.patch(job.id, {"job": {"sha": "ab" * 20}}).status in (200, 204)
    assert_error(runner.patch(job.id, {"job": {"sha": "cd" * 20}}), 409)
    assert_error(runner.patch(job.id, {"job": {"actor": "mallory"}}), 409)
    for name in harness.REQUIRED_FACTS:
        assert_error(runner.patch(job.id, {"job": {name: "acme/other"}}), (409, 403, 400))
    assert_error(runner.patch(job.id, {"job": {"actor_id": "9", "sha": "ef" * 20}}), 409)
    claims = job.claims()
    assert claims["sha"] == "ab" * 20 and claims["actor"] == "alice"
    assert "actor_id" not in claims, "a refused change leaves nothing behind"


@pytest.mark.parametrize("body", [
    {}, {"job": "x"}, {"job": {"sha": 1}}, {"job": {"unknown": "x"}}, {"job": {"iss": "x"}}, {"sha": "x"},
    {"job": {"sha": "x"}, "permissions": {"id-token": "write"}}, {"job": {"sha": "x"}, "expires_in": 5}, [], "x", None,
    {"job": {"sha": "a\nb"}}, b'{"job":{"sha":"a","sha":"b"}}', b"{", b"",
], ids=str)
def test_a_change_that_is_malformed_is_refused(runner, job, body):
    assert_error(runner.patch(job.id, body), 400, error="invalid_request")
    assert "sha" not in job.claims()


def test_a_late_fact_cannot_cross_the_bounds(runner):
    job = runner.register()
    for change in ({"workflow_ref": "other/x/.ci/y.yml@r"}, {"repository_owner": "other"}, {"head_ref": "feature"},
                   {"event_name": "pull_request"}):
        assert_error(runner.patch(job.id, {"job": change}), REFUSED)
    pinned = full_facts()
    runner.register(registration(pinned))
    assert_error(runner.patch(job.id, {"job": {"repository_id": pinned["repository_id"]}}), 403)
    assert set(job.claims()) == harness.REGISTERED_CLAIMS | {"repo", "runner"} | set(harness.REQUIRED_FACTS)


def test_a_late_fact_cannot_turn_a_job_into_a_fork_with_a_token(issuer, runner):
    number = full_facts()["repository_id"]
    job = runner.register(registration({**facts(), "repository_id": number}))
    answer = runner.patch(job.id, {"job": {"event_name": "pull_request", "head_repository_id": "666"}})
    if answer.status in (200, 204):
        assert_error(job.ask(), 403, reason="fork")
    else:
        assert_error(answer, REFUSED)


def test_a_fact_is_set_by_the_jobs_own_runner_only(issuer, runner, job):
    other = issuer.runner("acme/*")
    foreign = other.patch(job.id, {"job": {"sha": "ab"}})
    unknown = other.patch("0" * len(job.id), {"job": {"sha": "ab"}})
    assert_error(foreign, 404)
    assert_error(unknown, 404)
    assert foreign.body == unknown.body
    answer = issuer.call("PATCH", f"/v1/jobs/{job.id}", body=b'{"job":{"sha":"ab"}}',
                         headers={**bearer(job.request_token), "Content-Type": "application/json"})
    assert_error(answer, (401, 403))


def test_a_change_of_an_ended_job_is_409(runner, job):
    runner.end(job.id)
    assert_error(runner.patch(job.id, {"job": {"sha": "ab"}}), 409)


# --- deadline and lease

@pytest.mark.parametrize("value", [0, -1, 86401, 2**31, 2**63, 2**64, 1.5, -0.5, "3600", "5m", True, False, None, [], {},
                                   [3600]], ids=str)
def test_a_lifetime_outside_its_bounds_is_refused(runner, value):
    assert_error(runner.post({**registration(), "expires_in": value}), 400, error="invalid_request")


@pytest.mark.parametrize("number", [b"1e400", b"1e999999999", b"9" * 400, b"NaN", b"Infinity", b"0x10", b"01", b"+1",
                                    b"1.", b".5", b"1e", b"--1"], ids=lambda text: text[:12].decode())
def test_a_lifetime_that_is_no_number_is_refused(runner, number):
    text = harness.json.dumps(registration()).encode()[:-1] + b',"expires_in":' + number + b"}"
    assert_error(runner.post(text), 400, error="invalid_request")


@pytest.mark.parametrize("value", [1, 86400])
def test_a_lifetime_at_its_bounds_is_taken(runner, value):
    before = time.time()
    answer = runner.post(registration(expires_in=value))
    assert answer.status == 201, answer
    assert -2 <= instant(answer.json()["expires_at"]) - before - value <= 10


def test_a_job_is_dead_after_its_deadline(runner):
    job = runner.register(registration(expires_in=1))
    poll(lambda: job.ask().status == 401, seconds=8, what="the end of the job")
    assert_ended(job)
    assert_error(runner.heartbeat(job.id), (409, 404))


@pytest.mark.parametrize("value", [0, -1, "60", 1.5, True, None, [], 2**63], ids=str)
def test_a_lease_that_is_not_one_is_refused(runner, value):
    assert_error(runner.post({**registration(), "lease": value}), 400, error="invalid_request")


def test_a_lease_without_a_heartbeat_ends_the_job_and_is_audited(issuer, runner):
    job = runner.register(registration(lease=2))
    assert job.ask().status == 200
    poll(lambda: job.ask().status == 401, seconds=15, every=0.2, what="the end of the job")
    assert_ended(job)

    def lost():
        return [record for record in issuer.audit(job=job.id) if record.get("reason") == "lease_lost"]

    assert len(poll(lost, seconds=15, every=0.5, what="the audit record of the lost lease")) == 1


def test_heartbeats_keep_a_leased_job_alive(runner):
    job = runner.register(registration(lease=2))
    until = time.monotonic() + 4.5
    while time.monotonic() < until:
        assert runner.heartbeat(job.id).status in (200, 204)
        assert job.ask().status == 200
        time.sleep(0.4)


def test_a_heartbeat_is_the_runners_own(issuer, runner, job):
    other = issuer.runner("acme/*")
    assert_error(other.heartbeat(job.id), 404)
    assert_error(runner.heartbeat("0" * len(job.id)), 404)
    assert_error(issuer.call("POST", f"/v1/jobs/{job.id}/heartbeat"), 401)
    assert_error(issuer.get(f"/v1/jobs/{job.id}/heartbeat", headers=bearer(runner.credential)), 405)


# --- named tokens

@pytest.mark.parametrize("name", [
    "PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_X", "SYSTEM_X",
    "SYSTEM_OIDCREQUESTURI", "JOBSWORTH_ISSUER", "1A", "A-B", "A B", "A=B", "A.B", "Ä", "A\n", "A$B",
    "A" * 65, "A/B", "-",
])
def test_a_named_token_with_a_bad_name_is_refused_and_named(runner, name):
    answer = runner.post(registration(id_tokens={"GOOD": {"aud": "a"}, name: {"aud": "a"}}))
    body = assert_error(answer, REFUSED)
    if re.fullmatch(r"[A-Z_]{1,40}", name):
        assert name in body["error_description"] + body["message"]


def test_a_named_token_without_a_name_is_refused(runner):
    assert_error(runner.post(registration(id_tokens={"": {"aud": "a"}})), REFUSED)


@pytest.mark.parametrize("name", ["A", "_", "a", "_1", "Az_09", "A" * 64, "PATH_", "HOMER", "LDX", "MY_ACTIONS_"])
def test_a_named_token_with_a_good_name_is_given(runner, name):
    body = runner.register(registration(permissions=None, id_tokens={name: {"aud": "a"}})).body
    assert set(body["id_tokens"]) == {name}
    assert body["environment"] == body["id_tokens"]


def test_sixteen_named_tokens_are_given_and_seventeen_refused(runner):
    def named(count):
        return registration(id_tokens={f"T{number}": {"aud": f"https://{number}.example"} for number in range(count)})

    assert len(runner.register(named(16)).body["id_tokens"]) == 16
    assert_error(runner.post(named(17)), REFUSED)


@pytest.mark.parametrize("entry", [
    {}, {"aud": ""}, {"aud": []}, {"aud": None}, {"aud": 1}, {"aud": [1]}, {"aud": [""]}, {"aud": ["a", "a"]},
    {"aud": ["a", "b", "c", "d", "e"]}, {"aud": "a b"}, {"aud": "a\u0000"}, {"aud": "ä"}, {"aud": "x" * 256},
    {"aud": "a", "expires_in": 0}, {"aud": "a", "expires_in": -1}, {"aud": "a", "expires_in": "900"},
    {"aud": "a", "expires_in": 1.5}, {"aud": "a", "expires_in": True}, "a", ["a"], None, 1, {"aud": {"a": "b"}},
], ids=lambda entry: str(entry)[:40])
def test_a_named_token_that_is_malformed_refuses_the_registration_and_is_named(runner, entry):
    answer = runner.post(registration(id_tokens={"GOOD": {"aud": "a"}, "SPOILED_TOKEN": entry}))
    body = assert_error(answer, REFUSED)
    assert "SPOILED_TOKEN" in body["error_description"] + body["message"]


def test_one_refused_entry_refuses_the_whole_registration(issuer, runner):
    reference = new_reference()
    body = registration(reference=reference, id_tokens={
        "GOOD": {"aud": "https://good.example"}, "OWN_TOKEN": {"aud": issuer.url}})
    refused = assert_error(runner.post(body), 403)
    assert "OWN_TOKEN" in refused["error_description"] + refused["message"]
    assert runner.post(registration(reference=reference)).status == 201, "the refused registration left a job behind"
    assert not [record for record in issuer.audit(decision="permit")
                if "https://good.example" in (record.get("audience") or [])], "a token nobody got was recorded"


def test_a_named_token_lives_no_longer_than_asked_and_no_longer_than_its_job(runner):
    job = runner.register(registration(expires_in=120, id_tokens={
        "SHORT": {"aud": "a", "expires_in": 60}, "LONG": {"aud": "a", "expires_in": 900}, "PLAIN": {"aud": "a"}}))
    tokens = {name: claims_of(token) for name, token in job.body["id_tokens"].items()}
    assert tokens["SHORT"]["exp"] - tokens["SHORT"]["iat"] <= 60
    for claims in tokens.values():
        assert claims["iat"] < claims["exp"] <= instant(job.body["expires_at"])


# --- the end of a job

def test_the_runner_ends_a_job_by_its_id(runner, job):
    assert job.ask().status == 200
    answer = runner.end(job.id)
    assert (answer.status, answer.body) == (204, b"")
    assert_ended(job)
    assert runner.end(job.id).status == 204
    assert_ended(job)


def test_the_runner_ends_a_job_by_its_reference(runner):
    reference = new_reference() + "?x=1&y=ä/%"
    job = runner.register(registration(reference=reference))
    assert runner.end_by_reference(reference).status == 204
    assert_ended(job)
    assert runner.end_by_reference(reference).status == 204


def test_a_job_ends_itself_with_its_request_token(issuer, job):
    for _ in range(3):
        answer = issuer.call("DELETE", f"/v1/jobs/{job.id}", headers=bearer(job.request_token))
        assert answer.status == 204, answer
        assert_ended(job)


def test_a_foreign_runner_cannot_end_a_job_nor_learn_that_it_is_there(issuer, job):
    other = issuer.runner("acme/*")
    foreign, unknown = other.end(job.id), other.end("0" * len(job.id))
    assert_error(foreign, 404)
    assert_error(unknown, 404)
    assert foreign.body == unknown.body
    assert job.ask().status == 200


def test_another_jobs_request_token_opens_nothing(issuer, runner, job):
    other = runner.register()
    answer = issuer.call("DELETE", f"/v1/jobs/{job.id}", headers=bearer(other.request_token))
    assert_error(answer, (401, 403, 404))
    answer = issuer.get(job.request_target + "&audience=a", headers=bearer(other.request_token))
    assert_error(answer, (401, 403, 404))
    unknown = issuer.get(f"/v1/jobs/{'0' * len(job.id)}/id-token?api-version=1&audience=a",
                         headers=bearer(other.request_token))
    assert (unknown.status, unknown.body) == (answer.status, answer.body)
    assert job.ask().status == 200 and other.ask().status == 200


@pytest.mark.parametrize("target", ["/v1/jobs", "/v1/jobs?reference=", "/v1/jobs?reference=a&reference=b",
                                    "/v1/jobs?other=a", "/v1/jobs/"])
def test_an_end_without_one_name_is_refused(issuer, runner, target):
    assert_error(issuer.call("DELETE", target, headers=bearer(runner.credential)), (400, 404, 405))


def test_an_end_without_a_credential_is_refused(issuer, job):
    assert_error(issuer.call("DELETE", f"/v1/jobs/{job.id}"), 401)
    assert job.ask().status == 200


def test_a_dead_an_unknown_and_a_spoiled_request_token_are_answered_alike(issuer, runner, job):
    alive, dead = job, runner.register()
    runner.end(dead.id)
    token = alive.request_token
    flipped = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    answers = [dead.ask()] + [alive.ask(headers=bearer(value)) for value in (
        flipped, token[:-1], token + "A", "jwj_" + "A" * 60, "jwj_", "x", token.replace("jwj_", "jwr_"), token[4:])]
    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}
    for answer in answers:
        assert_error(answer, 401)
        assert (answer.header("WWW-Authenticate") or "").lower().startswith("bearer")
    assert alive.ask().status == 200


def test_a_job_leaves_one_permit_for_each_of_its_tokens_and_none_for_its_refusals(issuer, runner, job):
    jtis = {job.claims()["jti"], job.claims()["jti"]}
    runner.end(job.id)
    assert job.ask().status == 401
    permits = issuer.audit(job=job.id, decision="permit")
    assert sorted(record["jti"] for record in permits if record.get("jti")) == sorted(jtis)
