"""Who may get which token: a policy file under the real issuer, its reload, its one-time grants, and its explanation."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import harness
from harness import Connection, assert_error, call, claims_of, facts, header_of, registration, run_cli

POLICY = """\
rules:
  - name: no comments
    match: {event_name: issue_comment}
    deny: "**"
  - name: release
    match: {event_name: push, ref_protected: "true", ref: [refs/heads/main, "refs/tags/*"]}
    audiences: npm:registry.npmjs.org
    lifetime: 2m
    tokens: 1
  - name: thrice
    audiences: [thrice, thrice-too]
    tokens: 3
  - name: cloud
    match: {repository: "acme/*", pull_request: "false"}
    audiences: "https://*.cloud.example"
    algorithm: ES256
    lifetime: 10m
    claims: {team: "{{repository_owner}}", where: "{{repository}}:{{ref}}"}
  - name: forks
    match: {fork: "true", pull_request: "true"}
    audiences: scan
  - name: connection
    match: {service_connection: [1234-a, "5678-*"]}
    audiences: api://AzureADTokenExchange
  - name: one runner
    match: {runner: trusted}
    audiences: inside
  - name: tags
    match: {actor: "*"}
    audiences: sts.amazonaws.com
    sessionTags: [repository, actor]
  - name: choice
    audiences: choice
    sessionTags: ref
    subjectClaims: [repository_id, workflow_ref]
  - name: own subject
    audiences: own
    subject: "own:{{repository_id}}:{{job}}"
  - name: ids
    audiences: ids
    subject: immutable
  - name: package index
    audiences: pypi
    profile: gitlab
  - name: usual
    match: {head_ref: null}
    audiences: usual
  - name: ourselves
    audiences: "http://**"
audiences:
  own: {profile: gcp}
environments:
  production: {refs: refs/heads/main}
  staging:
"""

AUDIENCES = (
    "npm:registry.npmjs.org", "https://a.cloud.example", "https://a/b.cloud.example", "scan", "inside", "usual", "own",
    "ids", "choice", "nobody", "sts.amazonaws.com", "pypi", "thrice",
)


def own(**changes: str) -> dict:
    """A job of a repository of its own, with ids."""
    number = uuid.uuid4().hex[:12]
    return facts(**{"repository_id": number, "repository_owner": "acme", "repository_owner_id": "7",
                    "event_name": "push", "ref_protected": "true", "job": "build", **changes})


def pull_request(**changes: str) -> dict:
    job = own(event_name="pull_request", head_ref="feature", base_ref="main")
    return {**job, "head_repository_id": job["repository_id"], **changes}


def fork(**changes: str) -> dict:
    return pull_request(head_repository="mallory/widgets", head_repository_id="666", **changes)


@pytest.fixture(scope="module")
def policy_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(POLICY)
    return file


@pytest.fixture(scope="module")
def ruled(module_issuers, policy_file):
    return module_issuers.start(arguments=("--policy", str(policy_file)))


@pytest.fixture(scope="module")
def builder(ruled):
    return ruled.runner("acme/*")


@pytest.fixture(scope="module")
def trusted(ruled):
    return ruled.runner("acme/*", name="trusted")


def record_of(issuer, job, decision: str) -> dict:
    records = [record for record in issuer.audit(job=job.id, decision=decision) if record["operation"] == "token"]
    assert records, f"no {decision} in the audit log"
    return records[-1]


def metric(issuer, name: str) -> float:
    lines = call(issuer.metrics_port, "GET", "/metrics").text.splitlines()
    (value,) = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(name)]
    return float(value)


# --- what the rules give ---------------------------------------------------------------------------------------------

def test_the_rule_that_decides_says_how_and_the_audit_log_names_it(ruled, builder):
    job = builder.register(registration(own(actor="alice")))
    token = job.token("https://a.cloud.example")
    claims = claims_of(token)
    assert header_of(token)["alg"] == "ES256"
    assert (claims["team"], claims["where"]) == ("acme", f"{claims['repository']}:refs/heads/main")
    assert claims["exp"] - claims["iat"] == 300
    permit = record_of(ruled, job, "permit")
    assert (permit["rule"], permit["reason"], permit["jti"]) == (["cloud"], "ok", claims["jti"])
    tags = claims_of(job.token("sts.amazonaws.com"))["https://aws.amazon.com/tags"]["principal_tags"]
    assert tags == {"repository": [claims["repository"]], "actor": ["alice"]}
    assert claims_of(job.token("own"))["sub"] == f"own:{claims['repository_id']}:build"
    name = claims["repository"].split("/")[1]
    assert claims_of(job.token("ids"))["sub"] == f"repo:acme@7/{name}@{claims['repository_id']}:ref:refs/heads/main"
    index = claims_of(job.token("pypi"))
    assert (index["project_path"], index["ref_path"]) == (claims["repository"], "refs/heads/main")
    assert index["sub"] == f"project_path:{claims['repository']}:ref_type:branch:ref:main"


REFUSED = {
    "an audience of nobody": (own, "nobody", "audience_not_allowed", None),
    "an audience of a job that this is not": (lambda: own(ref_protected="false"), "npm:registry.npmjs.org",
                                              "no_rule_matches", None),
    "a segment more than the star": (own, "https://a/b.cloud.example", "audience_not_allowed", None),
    "a rule that denies": (lambda: own(event_name="issue_comment"), "usual", "denied_by_rule", ["no comments"]),
    "a rule that denies an audience of nobody": (lambda: own(event_name="issue_comment"), "x", "denied_by_rule",
                                                 ["no comments"]),
    "a fork": (fork, "usual", "fork", None),
    "a fork with a rule for itself, elsewhere": (fork, "thrice", "fork", None),
    "a pull request": (pull_request, "https://a.cloud.example", "no_rule_matches", None),
    "a present fact that must be absent": (pull_request, "usual", "no_rule_matches", None),
    "another runner": (own, "inside", "no_rule_matches", None),
    "no connection": (own, "api://AzureADTokenExchange", "no_rule_matches", None),
    "the issuer itself": (own, "{issuer}", "audience_is_issuer", None),
    "something below the issuer": (own, "{issuer}/x", "audience_is_issuer", None),
    "an absent fact of a template": (lambda: {name: value for name, value in own().items() if name != "job"}, "own",
                                     "fact_needed", None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_rule_permits_is_refused_with_the_reason_of_the_audit_log(ruled, builder, case):
    make, audience, reason, rule = REFUSED[case]
    job = builder.register(registration(make()))
    answer = job.ask(audience.replace("{issuer}", ruled.url))
    assert_error(answer, (400, 403), reason=reason)
    denied = record_of(ruled, job, "deny")
    assert (denied["reason"], denied.get("rule")) == (reason, rule)
    assert "alarm" not in denied


def test_a_fork_gets_what_a_rule_that_names_forks_gives(builder):
    claims = builder.register(registration(fork())).claims("scan")
    assert claims["sub"] == f"repo:{claims['repository']}:pull_request"
    assert claims["head_repository_id"] == "666"
    assert_error(builder.register(registration(pull_request())).ask("scan"), 403, reason="no_rule_matches")


def test_the_runner_and_azures_connection_are_matched(ruled, builder, trusted):
    assert trusted.register(registration(own())).claims("inside")["runner"] == "trusted"
    job = builder.register(registration(own()))

    def azure(query: str):
        return ruled.call("POST", f"{job.bare_target}?api-version=7.1{query}", headers=harness.bearer(job.request_token))

    for name in ("1234-a", "5678-x", "5678-"):
        answer = azure(f"&serviceConnectionId={name}")
        assert answer.status == 200, answer
        assert "service_connection" not in claims_of(answer.json()["oidcToken"])
    for query in ("", "&serviceConnectionId=1234", "&serviceConnectionId=1234-A", "&serviceConnectionId=5678-a%2Fb"):
        assert_error(azure(query), 403, reason="no_rule_matches")


def test_a_caller_may_choose_only_what_the_rule_lets_it(ruled, builder):
    job = builder.register(registration(own(workflow_ref="")))

    def ask(**document):
        return ruled.call("POST", f"/v1/jobs/{job.id}/oidc/tokens", body=json.dumps(document).encode(),
                          headers={"Authorization": f"Token {job.request_token}", "Content-Type": "application/json"})

    answer = ask(audience="choice", subject_claim="repository_id")
    assert answer.status == 200, answer
    claims = claims_of(answer.json()["token"])
    assert claims["sub"] == f"repository_id:{claims['repository_id']}"
    for name in ("repository", "ref", "sub", "actor"):
        assert_error(ask(audience="choice", subject_claim=name), 403, reason="subject_claim_not_allowed")
    assert_error(ask(audience="usual", subject_claim="repository_id"), 403, reason="subject_claim_not_allowed")
    assert_error(ask(audience="choice", subject_claim="workflow_ref"), (400, 403), reason="fact_needed")
    assert ask(audience="choice", aws_session_tags=["ref"]).status == 200
    assert_error(ask(audience="choice", aws_session_tags=["actor"]), (400, 403), reason="claim_not_available")
    answer = ask(audience="https://a.cloud.example", lifetime=86_400)
    claims = claims_of(answer.json()["token"])
    assert claims["exp"] - claims["iat"] == 600, "longer than the rule's lifetime"


def test_the_registrations_audiences_still_narrow(builder):
    job = builder.register(registration(own(), audiences=["usual"]))
    assert job.ask("usual").status == 200
    assert_error(job.ask("ids"), 403, reason="audience_not_allowed")


def test_named_tokens_are_for_what_the_rules_permit_or_nothing_is_registered(ruled, builder):
    named = {"A_TOKEN": {"aud": "usual"}, "NPM_TOKEN": {"aud": "npm:registry.npmjs.org", "expires_in": 900}}
    answer = builder.post(registration(own(), permissions=None, id_tokens=named))
    assert answer.status == 201, answer
    claims = claims_of(answer.json()["id_tokens"]["NPM_TOKEN"])
    assert claims["exp"] - claims["iat"] == 120, "longer than the rule's lifetime"
    reference = uuid.uuid4().hex
    refused = registration(own(ref_protected="false"), id_tokens=named, reference=reference)
    body = assert_error(builder.post(refused), 403, reason="no_rule_matches")
    assert "id_tokens.NPM_TOKEN" in body["message"]
    assert builder.post(registration(own(), reference=reference)).status == 201, "something of it was registered"


@pytest.mark.parametrize("environment, ref, reason", [
    ("production", "refs/heads/main", None), ("staging", "refs/heads/x", None),
    ("production", "refs/heads/x", "environment_ref_not_allowed"), ("Production", "refs/heads/main",
                                                                    "environment_not_declared"),
    ("other", "refs/heads/main", "environment_not_declared"),
])
def test_an_environment_is_declared_and_for_its_refs(builder, environment, ref, reason):
    answer = builder.post(registration(own(environment=environment, ref=ref)))
    if reason is None:
        assert answer.status == 201, answer
    else:
        assert_error(answer, 403, reason=reason)


def test_a_subject_too_long_for_google_is_refused_when_the_job_is_registered(builder):
    long = "j" * 120
    assert_error(builder.post(registration(own(job=long), audiences=["own"])), 400, reason="subject_too_long")
    assert builder.post(registration(own(), audiences=["own"])).status == 201
    # Where the registration does not say for whom, the token is refused.
    assert_error(builder.register(registration(own(job=long))).ask("own"), 400, reason="subject_too_long")


# --- one-time grants -------------------------------------------------------------------------------------------------

def test_a_one_time_grant_repeats_itself_for_ten_seconds_and_then_alarms(ruled, builder):
    job = builder.register(registration(own()))
    first = job.token("npm:registry.npmjs.org")
    begun = time.monotonic()
    assert claims_of(job.token("npm:registry.npmjs.org")) == claims_of(first)
    reasons = [record["reason"] for record in ruled.audit(job=job.id, decision="permit") if record.get("jti")]
    assert reasons == ["ok", "repeat"]
    # It survives a restart.
    ruled.stop()
    ruled.start()
    if time.monotonic() < begun + 9:
        assert claims_of(job.token("npm:registry.npmjs.org")) == claims_of(first)
    time.sleep(max(0.0, begun + 11.5 - time.monotonic()))
    alarms = metric(ruled, 'jobsworth_alarms_total{reason="grant_used"}')
    for _ in range(2):
        assert_error(job.ask("npm:registry.npmjs.org"), 403, reason="grant_used")
    denied = record_of(ruled, job, "deny")
    assert (denied["reason"], denied["alarm"], denied["audience"]) == ("grant_used", True, ["npm:registry.npmjs.org"])
    assert metric(ruled, 'jobsworth_alarms_total{reason="grant_used"}') == alarms + 2
    # Another job of the same repository has a grant of its own; this one has its other rules.
    assert job.ask("usual").status == 200
    again = builder.register(registration({**own(), "repository": claims_of(first)["repository"],
                                           "repository_id": claims_of(first)["repository_id"]}))
    assert claims_of(again.token("npm:registry.npmjs.org"))["jti"] != claims_of(first)["jti"]


def test_fifty_at_once_get_one_token(ruled, builder):
    job = builder.register(registration(own()))
    answers = harness.in_parallel(lambda _: job.ask("npm:registry.npmjs.org"), range(50), threads=50)
    counted = Counter(answer.status for answer in answers)
    assert set(counted) <= {200, 429, 503} and counted[200] > 10, counted
    claims = {json.dumps(claims_of(answer.json()["value"])) for answer in answers if answer.status == 200}
    assert len(claims) == 1, f"{len(claims)} different tokens"


def test_three_tokens_are_three_over_all_audiences_of_the_rule(builder):
    job = builder.register(registration(own()))
    assert job.claims("thrice")["jti"] == job.claims("thrice")["jti"]
    answer = job.issuer.exchange(("subject_token", job.request_token), ("audience", "thrice"),
                                 ("audience", "thrice-too"))
    assert answer.status == 200, answer
    assert job.ask("thrice-too").status == 200
    swapped = [("audience", "thrice-too"), ("audience", "thrice")]
    assert_error(job.issuer.exchange(("subject_token", job.request_token), *swapped), (400, 403), reason="grant_used")
    # A repeat of what it has is still a repeat.
    assert job.ask("thrice").status == 200


# --- the reload ------------------------------------------------------------------------------------------------------

ONLY = 'rules:\n  - {{name: one, audiences: "{audience}"}}\n'


@pytest.fixture
def reloading(issuers, directory):
    file = directory / "policy.yaml"
    file.write_text(ONLY.format(audience="before"))
    issuer = issuers.start(arguments=("--policy", str(file)))
    return issuer, file, issuer.runner("acme/*").register()


@pytest.mark.parametrize("how", ["by its change", "by SIGHUP", "by a rename"])
def test_a_changed_policy_is_taken_over(reloading, directory, how):
    issuer, file, job = reloading
    assert (job.ask("before").status, job.ask("after").status) == (200, 403)
    if how == "by a rename":
        (directory / "draft").write_text(ONLY.format(audience="after"))
        (directory / "draft").rename(file)
    else:
        file.write_text(ONLY.format(audience="after"))
    if how == "by SIGHUP":
        issuer.process.send_signal(signal.SIGHUP)
    harness.poll(lambda: job.ask("after").status == 200, seconds=10, what="the new policy")
    assert_error(job.ask("before"), 403, reason="audience_not_allowed")
    assert "policy reloaded" in issuer.output()


BROKEN = {
    "one wrong rule beside a good one": ONLY.format(audience="after") + "  - {name: two, audience: x}\n",
    "no YAML": "rules: [",
    "nothing": "",
    "a key that is a bomb of aliases": "".join(
        [f"- &a{n} [{'x' if n == 0 else f'*a{n - 1}'}, {'x' if n == 0 else f'*a{n - 1}'}]\n" for n in range(40)]
    ) + "- {? *a39 : x}\n",
    "as deep as it can be": "[" * 999 + "]" * 999,
    "NUL": "rules: []\x00",
    "a mebibyte and more": "# " + "x" * (1 << 20),
}


def test_a_broken_policy_leaves_the_old_one_in_force(reloading):
    issuer, file, job = reloading
    for count, (what, text) in enumerate(BROKEN.items(), start=1):
        file.write_text(text)
        issuer.process.send_signal(signal.SIGHUP)
        harness.poll(lambda: metric(issuer, "jobsworth_policy_failures_total") >= count, seconds=10, what=what)
        assert job.ask("before").status == 200
        assert_error(job.ask("after"), 403, reason="audience_not_allowed")
    assert "policy not reloaded, the old one stays" in issuer.output()
    file.unlink()
    failures = metric(issuer, "jobsworth_policy_failures_total")
    harness.poll(lambda: metric(issuer, "jobsworth_policy_failures_total") > failures, seconds=10, what="the missing file")
    assert job.ask("before").status == 200
    file.write_text(ONLY.format(audience="after"))
    harness.poll(lambda: job.ask("after").status == 200, seconds=10, what="the mended policy")


def test_an_issuer_does_not_start_with_a_broken_policy(issuers, directory):
    file = directory / "policy.yaml"
    file.write_text("rules:\n- {name: one, audiences: x, lifetime: soon}\n")
    issuer = issuers.make(arguments=("--policy", str(file)))
    process = issuer.spawn()
    assert process.wait(harness.START_DEADLINE) == 78
    assert f"{file}:2: rules[0].lifetime" in issuer.output()


# --- policy check and explain ----------------------------------------------------------------------------------------

def check(directory, text: str | bytes, timeout: float = 30):
    file = directory / "policy.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return run_cli("policy", "check", str(file), timeout=timeout)


def test_a_sound_policy_is_said_to_be_sound(directory):
    done = check(directory, POLICY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "14 rules, 2 environments, sound" in done.stdout


def test_all_that_is_wrong_is_said_with_its_lines(directory):
    done = check(directory, """\
rules:
  - name: one
    audiences: x
    match:
      reff: y
    lifetime: 2w
  - name: one
    audiences: sigstore
    algorithm: ES256
    claims:
      "\\u0069ss": "{{ref}}"
      "sub\\0": "{{ref}}"
      team: static
      other: "{{env.HOME}}"
environments:
  production:
    ref: x
""")
    assert done.returncode == 78 and done.stdout == ""
    places = done.stderr.splitlines()
    wanted = [
        ":5: rules[0].match.reff", ":6: rules[0].lifetime", ":7: rules[1].name", ":9: rules[1].algorithm",
        ":11: rules[1].claims.iss", ":12: rules[1].claims.sub", ":13: rules[1].claims.team",
        ":14: rules[1].claims.other", ":17: environments.production.ref",
    ]
    assert len(places) == len(wanted), done.stderr
    for place in wanted:
        assert any(place in line for line in places), f"{place} is not in\n{done.stderr}"


def nested(count: int, entry: str) -> str:
    return "".join(entry.format(n=number, before=number - 1) for number in range(1, count))


HOSTILE = {
    "a million brackets": "[" * 1_000_000,
    "a million braces": "{a: " * 250_000,
    "dashes": "- " * 500_000,
    "questions": "? " * 500_000,
    "aliases of aliases": "a0: &a0 [x, x]\n" + nested(40, "a{n}: &a{n} [*a{before}, *a{before}]\n"),
    "aliases as keys": "- &a0 {a: b}\n" + nested(40, "- &a{n} {{? *a{before} : *a{before}, x: *a{before}}}\n"),
    "lists of aliases as keys": "- &a0 [x, x]\n" + nested(40, "- &a{n} [*a{before}, *a{before}]\n") + "- {[*a39, *a39]: 1}",
    "two equal bombs as keys": "- &a0 [x, x]\n" + nested(40, "- &a{n} [*a{before}, *a{before}]\n")
                               + "- &b0 [x, x]\n" + nested(40, "- &b{n} [*b{before}, *b{before}]\n")
                               + "- {? *a39 : 1, ? *b39 : 2}",
    "merges of merges": "m0: &m0 {a: b}\n" + nested(40, "m{n}: &m{n} {{<<: [*m{before}, *m{before}]}}\n"),
    "itself": "a: &a [*a]",
    "a key of itself": "a: &a {? *a : 1}",
    "mappings as keys of mappings": "- " + "\n- ".join("{" * 990 + "a: b" + "}" * 990 for _ in range(500)),
    "ninety thousand keys": "".join(f"k{number}: v\n" for number in range(90_000)),
    "one key a hundred thousand times": "a: 1\n" * 100_000,
    "half a million values": "[" + "a," * 500_000 + "]",
    "NUL": "rules: []\0",
    "no UTF-8": b"rules: [\xff]",
    "UTF-16": "rules: []".encode("utf-16"),
    "two documents": "rules: []\n---\nrules: []\n",
    "foreign tags": "rules: !!python/object/apply:os.system [id]",
    "a directive": "%YAML 9.9\n---\nrules: []\n",
    "two mebibytes": "#" * (2 << 20),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_file_traps_or_stalls_the_check(directory, what):
    done = check(directory, HOSTILE[what], timeout=60)
    assert done.returncode == 78, (done.returncode, done.stderr[:300])
    assert done.stderr.startswith("jobsworth: "), done.stderr[:300]
    # Only what is a key of a key of a key may cost more than it is worth.
    assert "takes too long" not in done.stderr or what == "mappings as keys of mappings"


EXPLAINED = {
    "a push": own, "an unprotected push": lambda: own(ref_protected="false"), "a tag": lambda: own(ref="refs/tags/v1"),
    "a pull request": pull_request, "a fork": fork, "a comment": lambda: own(event_name="issue_comment"),
    "a job of few words": facts, "a staging job": lambda: own(environment="staging", actor="alice"),
    "a long name": lambda: own(actor="a" * 255),
}


@pytest.mark.parametrize("what", EXPLAINED)
def test_the_explanation_is_what_the_issuer_does(ruled, builder, policy_file, directory, what):
    body = registration(EXPLAINED[what]())
    job = builder.register(body)
    file = directory / "job.json"
    file.write_text(json.dumps(body))

    def explained(audience: str):
        return run_cli("policy", "explain", "--policy", str(policy_file), "--job", str(file), "--audience", audience,
                       "--runner", builder.name, "--json")

    with ThreadPoolExecutor(2) as pool:
        explanations = list(pool.map(explained, AUDIENCES))
    for audience, done in zip(AUDIENCES, explanations):
        said, answer = json.loads(done.stdout), job.ask(audience)
        assert done.returncode == (0 if answer.status == 200 else 1), (audience, done.stdout, answer)
        if answer.status != 200:
            assert (said["decision"], said["reason"]) == ("deny", answer.json()["reason"]), audience
            continue
        token = answer.json()["value"]
        claims = claims_of(token)
        assert said["decision"] == "permit"
        assert said["algorithm"] == header_of(token)["alg"]
        assert said["lifetime"] == claims["exp"] - claims["iat"]
        varying = {"iss", "aud", "exp", "iat", "nbf", "jti", "job_id"}
        assert {name: value for name, value in said["claims"].items() if name not in varying} == \
            {name: value for name, value in claims.items() if name not in varying}
        assert said["rules"] == record_of(ruled, job, "permit")["rule"]


def test_the_explanation_says_what_each_rule_made_of_it(policy_file):
    body = json.dumps(registration(own(ref_protected="false")))
    done = run_cli("policy", "explain", "--policy", str(policy_file), "--job", "-", "--audience",
                   "npm:registry.npmjs.org", stdin=body)
    assert done.returncode == 1
    assert done.stdout.startswith("deny: no_rule_matches")
    assert 'rule "release": ref_protected is false, and must be true' in done.stdout
    assert 'rule "cloud": is for other audiences' in done.stdout
    done = run_cli("policy", "explain", "--policy", str(policy_file), "--job", "-", "--audience", "usual", stdin=body)
    assert done.returncode == 0 and done.stdout.startswith("permit: RS256, 300 s, sub repo:acme/")


@pytest.mark.parametrize("arguments, code", [
    (("policy", "check"), 64), (("policy", "check", "/nowhere.yaml"), 78),
    (("policy", "explain", "--policy", "POLICY", "--audience", "a"), 64),
    (("policy", "explain", "--policy", "POLICY", "--job", "/nowhere.json", "--audience", "a"), 1),
    (("policy", "explain", "--policy", "POLICY", "--job", "POLICY", "--audience", "a"), 1),
    (("policy", "explain", "--policy", "/nowhere.yaml", "--job", "POLICY", "--audience", "a"), 78),
])
def test_a_wrong_call_says_what_is_wrong(policy_file, arguments, code):
    done = run_cli(*[str(policy_file) if argument == "POLICY" else argument for argument in arguments])
    assert done.returncode == code, done.stderr
    assert done.stdout == "" and done.stderr


ROOT = Path(__file__).resolve().parents[2]
PAGES = {name: (ROOT / "docs" / name).read_text("utf-8") for name in ("policy.md", "claims.md")}
EXAMPLES = [example for page in PAGES.values() for example in re.findall(r"```yaml\n(.*?)```", page, re.S)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_pages_examples_are_sound(directory, example):
    done = check(directory, example)
    assert done.returncode == 0, done.stderr


def test_the_policys_page_does_what_it_says(directory):
    (directory / "policy.yaml").write_text(EXAMPLES[0])
    job = {**own(ref="refs/tags/v1"), "repository": "acme/widgets"}
    (directory / "job.json").write_text(json.dumps(registration(job)))
    (commands,) = [block for block in re.findall(r"```sh\n(.*?)```", PAGES["policy.md"], re.S) if "policy check" in block]
    checked, explained = [run_cli(*shlex.split(line)[1:], cwd=directory) for line in commands.splitlines()]
    assert checked.returncode == 0 and checked.stdout.endswith("sound\n"), checked.stderr
    assert explained.returncode == 0, explained.stderr
    assert explained.stdout.startswith("permit: RS256, 120 s, at most 1 a job, sub repo:acme/widgets:ref:refs/tags/v1")
    for changed in ({"ref_protected": "false"}, {"ref": "refs/tags/a/b"}, {"repository": "acme/other"},
                    {"event_name": "issue_comment"}):
        (directory / "job.json").write_text(json.dumps(registration({**job, **changed})))
        assert run_cli(*shlex.split(commands.splitlines()[1])[1:], cwd=directory).returncode == 1, changed


def test_every_member_of_a_rule_is_documented(directory):
    members = set(re.findall(r"^\| `([a-zA-Z]+)` \|", PAGES["policy.md"], re.M))
    assert members == {"lifetime", "algorithm", "profile", "subject", "claims", "sessionTags", "subjectClaims", "tokens"}
    done = check(directory, "rules:\n- name: one\n  deny: x\n" + "".join(f"  {name}: x\n" for name in sorted(members)))
    assert done.stderr.count("means nothing in a rule that denies") == len(members), done.stderr


# --- values ----------------------------------------------------------------------------------------------------------

SYNTAXES = (
    "{{ref}}", "{{{{ref}}}}", "${ref}", "$(id)", "`id`", "%s", "%7B%7Bref%7D%7D", "{%ref%}", "<%= ref %>", "#{ref}",
    "{{server.key}}", "{{jwt.claim.x}}", "{{env.HOME}}", "}}{{", "\\u007b\\u007bref}}", "*", "**", "a:b", "a b", "é", "e\u0301",
    "\u202e", "\ue000", "'\"", "<script>", "&a", "!tag", "\u2028", "%", "::",
)


@pytest.fixture(scope="module")
def templated(module_issuers, tmp_path_factory):
    file = tmp_path_factory.mktemp("templates") / "policy.yaml"
    file.write_text("""\
rules:
  - name: one
    match: {workflow: "**"}
    audiences: a
    subject: "t:{{repository}}:{{workflow}}"
    claims: {alone: "{{workflow}}", beside: "{{workflow}}:{{repository}}"}
""")
    return module_issuers.start(arguments=("--policy", str(file)))


def test_hostile_values_stand_as_they_are_in_every_template(templated):
    runner = templated.runner("acme/*")
    subjects = set()
    for value in SYNTAXES:
        claims = runner.register(registration(facts(workflow=value, repository="acme/widgets"))).claims("a")
        escaped = "".join(chr(byte) if 0x21 <= byte <= 0x7E and chr(byte) not in "%:" else f"%{byte:02X}"
                          for byte in value.encode())
        assert claims["workflow"] == claims["alone"] == value
        assert claims["sub"] == f"t:acme/widgets:{escaped}"
        assert claims["beside"] == f"{escaped}:acme/widgets"
        subjects.add(claims["sub"])
    assert len(subjects) == len(SYNTAXES)


# --- the race of the end (A08) ---------------------------------------------------------------------------------------

ROUNDS = 150
RACERS = 4


def test_no_token_is_recorded_after_the_end_is_acknowledged(issuers):
    """Racers on kept connections ask while the end arrives; `JOBSWORTH_RACES` says how many rounds."""
    rounds = int(os.environ.get("JOBSWORTH_RACES", ROUNDS))
    issuer = issuers.start()
    runner = issuer.runner("acme/*")
    jobs = [runner.register() for _ in range(rounds)]
    gate = threading.Barrier(RACERS + 1)
    tokens: list[list[tuple[float, str]]] = [[] for _ in range(rounds)]
    acknowledged = [0.0] * rounds
    statuses: Counter = Counter()
    failures: list[str] = []

    def race(number: int) -> None:
        try:
            with Connection(issuer.port, timeout=30) as connection:
                for index, job in enumerate(jobs):
                    gate.wait(60)
                    for _ in range(50):
                        sent = time.monotonic()
                        answer = job.ask(connection=connection)
                        statuses[answer.status] += 1
                        if answer.status == 200:
                            tokens[index].append((sent, claims_of(answer.json()["value"])["jti"]))
                        elif answer.status == 401:
                            break
                    else:
                        failures.append(f"round {index}: the end never came")
        except Exception as error:
            failures.append(repr(error))
            gate.abort()

    threads = [threading.Thread(target=race, args=(number,)) for number in range(RACERS)]
    for thread in threads:
        thread.start()
    with Connection(issuer.port, timeout=30) as connection:
        for index, job in enumerate(jobs):
            gate.wait(60)
            time.sleep((index % 10) * 0.0005)  # the end arrives at every moment of a request
            answer = connection.call("DELETE", f"/v1/jobs/{job.id}", headers=harness.bearer(runner.credential))
            acknowledged[index] = time.monotonic()
            assert answer.status == 204, answer
    for thread in threads:
        thread.join(120)
    assert not failures, failures[:3]
    assert set(statuses) <= {200, 401}, statuses
    assert statuses[401] == rounds * RACERS
    late = [index for index in range(rounds) for sent, _ in tokens[index] if sent > acknowledged[index]]
    assert not late, f"{len(late)} tokens for requests sent after the end was acknowledged"
    assert sum(map(len, tokens)) > rounds, "the end always won: this is no race"
    # The log is in the order of the commits: nothing of a job after its end, and each token once.
    ended: set[str] = set()
    permits: Counter = Counter()
    for record in issuer.audit():
        if record["operation"] == "token" and record["decision"] == "permit":
            assert record["job"] not in ended, "a permit was recorded after the end"
            permits[record["jti"]] += 1
        elif record["operation"] == "job_end":
            ended.add(record["job"])
    assert len(ended) == rounds
    given = [jti for of_one in tokens for _, jti in of_one]
    assert len(given) == len(set(given)) and all(permits[jti] == 1 for jti in given)
