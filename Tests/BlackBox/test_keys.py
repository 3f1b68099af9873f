"""The life of the signing keys: every verb of `keys`, with an issuer and without, and the schedule."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pty
import re
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import harness
from harness import (
    HOST, assert_error, claims_of, clean_environment, header_of, poll, registration, run_cli, strict_json)
from keyrings import (
    ALGORITHMS, AUDIENCES, KID, Seasoned, age, audited, changes, digests, instant, key, keys, kids, ledger_file, make,
    only, published, read_ring, reason_of, schedule, signing_kids, write_ring)
from standins import verify_through_discovery

RUNNING, DIRECT = "through the running issuer", "directly on the file"


@pytest.fixture(scope="module")
def seasoned(module_issuers):
    return Seasoned(module_issuers)


@pytest.fixture(params=[RUNNING, DIRECT])
def kept(request, issuers, seasoned):
    """A store whose keys are ten minutes old: with its issuer, or without."""
    issuer = seasoned.copy(issuers, aged=600)
    return issuer.start() if request.param == RUNNING else issuer


@pytest.fixture
def running(issuers, seasoned):
    return seasoned.copy(issuers, aged=600).start()


@pytest.fixture
def stopped(issuers, seasoned):
    return seasoned.copy(issuers, aged=600)


def refused(issuer, reason: str, *arguments: str) -> None:
    """The command is refused for this reason, and the ring stays as it is."""
    before = issuer.keys()
    done = issuer.cli("keys", *arguments)
    assert reason_of(done) == reason, done
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert issuer.keys() == before, arguments


def assert_audited(issuer, answer: dict, before: list) -> None:
    """Each change that the answer names is on record since `before`; whatever else is, the issuer did by itself."""
    records, told = audited(issuer)[len(before):], changes(answer)
    assert [record for record in records if record in told] == told
    assert {record[2] for record in records if record not in told} <= {"due"}
    assert issuer.is_running or records == told


# --- keys show

def test_keys_show_tells_every_key_and_what_waits_for_what(kept):
    answer = keys(kept, "show")
    assert isinstance(answer["version"], int) and answer["version"] >= 1
    assert len(answer["keys"]) == 4
    for algorithm in ALGORITHMS:
        active, standby = (key(answer, only(answer, state, algorithm)) for state in ("active", "prepared"))
        assert set(active) == {"kid", "algorithm", "state", "prepared_at", "activated_at"}
        assert set(standby) == {"kid", "algorithm", "state", "prepared_at", "published_at"}
        for row in (active, standby):
            assert KID.fullmatch(row["kid"])
            for name in set(row) & {"prepared_at", "published_at", "activated_at"}:
                assert 590 < time.time() - instant(row[name]) < 800
        (wait,) = [wait for wait in answer["waiting"] if wait["algorithm"] == algorithm]
        assert set(wait) == {"algorithm", "kid", "waits_for", "until"}
        assert (wait["kid"], wait["waits_for"]) == (standby["kid"], "rotation_interval")
        assert instant(wait["until"]) == instant(active["activated_at"]) + 3600
    kept.kill()
    assert kept.start().jwks()["keys"]
    assert published(kept) == [row["kid"] for row in answer["keys"]]
    assert [harness.thumbprint(jwk) for jwk in kept.jwks()["keys"]] == published(kept)


def test_keys_show_tells_for_how_long_verifiers_keep_the_set(running):
    assert keys(running, "show")["max_age"] == 5


def test_keys_show_names_each_key_on_a_line_for_people(stopped):
    shown = stopped.operator("keys", "show")
    for row in stopped.keys()["keys"]:
        (line,) = [line for line in shown.splitlines() if line.startswith(row["kid"])]
        assert row["algorithm"] in line and row["state"] in line


def test_no_private_half_is_shown_not_even_a_sealed_one(running):
    sealed = [row["sealed"] for row in read_ring(running.database)["keys"] if "sealed" in row]
    assert len(sealed) == 4
    shown = "".join(running.operator("keys", *arguments) for arguments in (
        ("show",), ("show", "--json"), ("rotate", "--json"), ("rotate", "--now", "--json"), ("drill", "--json"),
        ("prepare", "--algorithm", "ES256", "--json"), ("reseal", "--json")))
    for text in sealed:
        assert text not in shown and text[:40] not in shown
    assert '"sealed":"' not in shown and '"d"' not in shown


# --- keys rotate

def test_rotate_changes_nothing_that_is_not_due(kept):
    before, records = kept.keys(), kept.audit()
    answer = keys(kept, "rotate")
    assert set(answer) == {"version", "changes", "waiting"}
    assert answer["changes"] == []
    assert answer["version"] == before["version"]
    assert answer["waiting"] == before["waiting"]
    assert kept.keys() == before
    assert kept.audit() == records


def test_rotate_fifty_times_at_once_beside_a_running_issuer_changes_nothing_that_is_not_due(running, seasoned):
    job = seasoned.runner(running).register()
    ring, records, documents = running.keys(), audited(running), running.get("/.well-known/jwks")
    ends = harness.in_parallel(lambda _: running.cli("keys", "rotate", "--json"), range(50), threads=6)
    assert [done.returncode for done in ends] == [0] * 50, next(done for done in ends if done.returncode)
    assert all(strict_json(done.stdout)["changes"] == [] for done in ends)
    assert running.keys() == ring
    assert audited(running) == records
    assert running.get("/.well-known/jwks").body == documents.body
    assert signing_kids(job) == {algorithm: only(ring, "active", algorithm) for algorithm in ALGORITHMS}


def test_rotate_does_and_tells_what_is_due_directly_on_the_file(stopped):
    before, records = stopped.keys(), audited(stopped)
    age(stopped.database, 3600)
    answer = keys(stopped, "rotate")
    after = stopped.keys()
    for algorithm in ALGORITHMS:
        assert only(after, "active", algorithm) == only(before, "prepared", algorithm)
        assert only(after, "retiring", algorithm) == only(before, "active", algorithm)
        assert kids(after, "prepared", algorithm)
    assert audited(stopped)[len(records):]
    assert {entry[0] for entry in changes(answer)} == {"activate", "prepare"}
    assert_audited(stopped, answer, records)


def test_what_was_due_while_no_issuer_ran_is_done_by_the_next_start(stopped):
    before = stopped.keys()
    age(stopped.database, 3600)
    stopped.start()
    after = stopped.keys()
    assert only(after, "active", "RS256") == only(before, "prepared", "RS256")
    entries = audited(stopped)
    for algorithm in ALGORITHMS:
        assert ("activate", only(before, "prepared", algorithm), "due") in entries


def test_a_standby_that_was_never_served_is_not_activated_however_long_it_waits(issuers):
    issuer = make(issuers)
    issuer.runner(name="first")
    for _ in range(2):
        answer = keys(issuer, "rotate")
    ring = issuer.keys()
    assert len(ring["keys"]) == 4
    assert not any("published_at" in row for row in ring["keys"])
    age(issuer.database, 100 * 86_400)
    answer = keys(issuer, "rotate")
    assert {wait["waits_for"] for wait in answer["waiting"]} == {"serve"}
    later = issuer.keys()
    assert kids(later, "active") == kids(ring, "active")
    assert not any("published_at" in row for row in later["keys"])
    refused(issuer, "standby_not_served", "rotate", "--now")
    refused(issuer, "standby_not_served", "activate", only(later, "prepared", "ES256"))
    started = math.floor(time.time())
    issuer.start()
    poll(lambda: all("published_at" in row for row in issuer.keys()["keys"] if row["state"] == "prepared"),
         seconds=15, every=0.2, what="a published standby")
    for kid in kids(issuer.keys(), "prepared"):
        assert kid in published(issuer)
        assert instant(key(issuer.keys(), kid)["published_at"]) >= started
    assert {entry for entry in audited(issuer) if entry[0] == "publish"} == {
        ("publish", kid, "due") for kid in kids(ring, "prepared")}
    refused(issuer, "standby_too_young", "rotate", "--now")


def test_rotate_now_lets_each_standby_sign(kept, seasoned):
    before, records = kept.keys(), audited(kept)
    answer = keys(kept, "rotate", "--now")
    after = kept.keys()
    assert answer["version"] == after["version"] > before["version"]
    for algorithm in ALGORITHMS:
        old, new = only(before, "active", algorithm), only(before, "prepared", algorithm)
        assert only(after, "active", algorithm) == new
        assert only(after, "retiring", algorithm) == old
        assert only(after, "prepared", algorithm) not in kids(before)
        assert set(key(after, old)) == {"kid", "algorithm", "state", "prepared_at", "activated_at", "retiring_at"}
        assert ("activate", new, "asked") in changes(answer)
        assert ("prepare", only(after, "prepared", algorithm), "asked") in changes(answer)
    assert_audited(kept, answer, records)
    if not kept.is_running:
        kept.start()
    job = seasoned.runner(kept).register()
    assert signing_kids(job) == {algorithm: only(before, "prepared", algorithm) for algorithm in ALGORITHMS}
    assert set(published(kept)) == set(kids(after))
    old_keys = {jwk["kid"]: jwt.PyJWK(jwk).key for jwk in kept.jwks()["keys"]}
    for algorithm, token in seasoned.tokens.items():
        assert jwt.decode(token, old_keys[header_of(token)["kid"]], algorithms=[algorithm],
                          audience=AUDIENCES[algorithm], options={"verify_exp": False})


def test_rotate_now_may_concern_one_algorithm_only(kept):
    before = kept.keys()
    answer = keys(kept, "rotate", "--now", "--algorithm", "ES256")
    assert {change["algorithm"] for change in answer["changes"]} == {"ES256"}
    after = kept.keys()
    assert kids(after, algorithm="RS256") == kids(before, algorithm="RS256")
    assert only(after, "active", "ES256") == only(before, "prepared", "ES256")
    for arguments in (("rotate", "--now"), ("prepare",), ("activate",)):
        done = kept.cli("keys", *arguments, "--algorithm", "PS256")
        assert done.returncode == 64 and done.stdout == "", done
    assert kept.keys() == after


def test_rotate_now_is_refused_while_verifiers_may_not_know_the_standby(running):
    keys(running, "rotate", "--now")
    refused(running, "standby_too_young", "rotate", "--now")
    refused(running, "standby_too_young", "rotate", "--now", "--algorithm", "RS256")
    refused(running, "standby_too_young", "activate")
    refused(running, "standby_too_young", "activate", only(running.keys(), "prepared", "ES256"))


def test_a_refusal_begins_with_its_reason(running):
    done = running.cli("keys", "retire", only(running.keys(), "active", "RS256"))
    assert done.returncode == 1 and done.stdout == ""
    assert re.match(r"jobsworth: key_state: ", done.stderr), done.stderr


# --- keys prepare, activate, retire

def test_prepare_publishes_one_more_standby_of_each_algorithm(kept):
    before, records = kept.keys(), audited(kept)
    answer = keys(kept, "prepare")
    new = [kid for kid in kids(kept.keys()) if kid not in kids(before)]
    assert [entry for entry in changes(answer) if entry[0] == "prepare"] == [("prepare", kid, "asked") for kid in new]
    assert sorted(key(kept.keys(), kid)["algorithm"] for kid in new) == ["ES256", "RS256"]
    assert_audited(kept, answer, records)
    if kept.is_running:
        assert set(new) <= set(published(kept))
        assert ("publish", new[0], "due") in audited(kept)
    assert ("published_at" in key(kept.keys(), new[0])) == kept.is_running


def test_prepare_is_refused_where_more_keys_than_allowed_would_be_published(kept):
    was_running = kept.is_running
    kept.kill()
    kept.environment.update(schedule(maximum_published=6))
    kept.start()
    if not was_running:
        assert kept.stop() == 0
    for _ in range(2):
        keys(kept, "prepare", "--algorithm", "ES256")
    assert len(kids(kept.keys())) == 6
    refused(kept, "too_many_keys", "prepare", "--algorithm", "ES256")
    refused(kept, "too_many_keys", "prepare")
    if kept.is_running:
        assert published(kept) == kids(kept.keys())


def test_activate_lets_the_named_standby_sign(kept, seasoned):
    before = kept.keys()
    chosen = only(before, "prepared", "ES256")
    records = audited(kept)
    answer = keys(kept, "activate", chosen)
    after = kept.keys()
    assert only(after, "active", "ES256") == chosen
    assert only(after, "active", "RS256") == only(before, "active", "RS256")
    assert only(after, "retiring", "ES256") == only(before, "active", "ES256")
    assert kids(after, "prepared", "ES256"), "no standby is left"
    assert_audited(kept, answer, records)
    refused(kept, "key_state", "activate", chosen)
    refused(kept, "key_state", "activate", only(before, "active", "ES256"))
    refused(kept, "not_found", "activate", "A" * 43)
    if kept.is_running:
        assert signing_kids(seasoned.runner(kept).register())["ES256"] == chosen


def test_activate_without_a_name_takes_the_oldest_standby_of_each_algorithm(running):
    before = running.keys()
    keys(running, "prepare", "--algorithm", "ES256")
    answer = keys(running, "activate")
    after = running.keys()
    for algorithm in ALGORITHMS:
        assert only(after, "active", algorithm) == only(before, "prepared", algorithm)
    assert len(kids(after, "prepared", "ES256")) == 1, "a standby was made although one was left"
    assert ("activate", only(before, "prepared", "ES256"), "asked") in changes(answer)


def test_no_request_fails_while_the_keys_change(running, seasoned):
    runner = seasoned.runner(running)
    job, stop, failures, served = runner.register(), threading.Event(), [], []

    def mint(audience: str) -> None:
        with harness.Connection(running.port) as connection:
            while not stop.is_set():
                answer = job.ask(audience, connection=connection)
                if answer.status == 200:
                    served.append(header_of(answer.json()["value"])["kid"])
                else:
                    failures.append(repr(answer))

    threads = [threading.Thread(target=mint, args=(audience,)) for audience in (*AUDIENCES.values(), "a", "b")]
    for thread in threads:
        thread.start()
    try:
        keys(running, "prepare")
        keys(running, "rotate", "--now")
        keys(running, "revoke", only(running.keys(), "active", "ES256"))
        keys(running, "revoke", only(running.keys(), "active", "RS256"))
    finally:
        time.sleep(0.2)
        stop.set()
        for thread in threads:
            thread.join(20)
    assert len(set(served)) == 6
    assert not failures, f"{len(failures)} of {len(served)}: {failures[0]}"


def test_retire_withdraws_a_standby_and_leaves_another(kept):
    before, records = kept.keys(), audited(kept)
    gone = only(before, "prepared", "ES256")
    answer = keys(kept, "retire", gone)
    after = kept.keys()
    assert key(after, gone)["state"] == "retired" and "ended_at" in key(after, gone)
    assert only(after, "prepared", "ES256") != gone
    assert ("retire", gone, "asked") in changes(answer)
    assert_audited(kept, answer, records)
    refused(kept, "key_state", "retire", gone)
    refused(kept, "key_state", "activate", gone)
    refused(kept, "key_state", "retire", only(after, "active", "ES256"))
    refused(kept, "not_found", "retire", "nothing")
    if kept.is_running:
        assert gone not in published(kept)
        assert len(published(kept)) == 4


def test_retire_is_refused_while_tokens_of_the_key_may_live(running):
    keys(running, "rotate", "--now", "--algorithm", "ES256")
    refused(running, "key_still_needed", "retire", only(running.keys(), "retiring", "ES256"))
    assert only(running.keys(), "retiring", "ES256") in published(running)


def test_retire_withdraws_a_key_after_its_grace_period(stopped):
    keys(stopped, "rotate", "--now", "--algorithm", "ES256")
    due = only(stopped.keys(), "retiring", "ES256")
    age(stopped.database, 70)
    answer = keys(stopped, "retire", due)
    assert ("retire", due) in [entry[:2] for entry in changes(answer)]
    assert key(stopped.keys(), due)["state"] == "retired"


def test_a_key_stays_after_its_grace_period_while_a_token_that_it_signed_lives(stopped):
    keys(stopped, "rotate", "--now", "--algorithm", "ES256")
    kid = only(stopped.keys(), "retiring", "ES256")
    age(stopped.database, 70)
    end = int(time.time()) + 30
    with closing(sqlite3.connect(stopped.database, isolation_level=None)) as connection:
        assert connection.execute("UPDATE key_use SET tokens_expire_by = ? WHERE kid = ?",
                                  (end, kid.encode())).rowcount == 1
    refused(stopped, "key_still_needed", "retire", kid)
    answer = keys(stopped, "rotate")
    assert answer["changes"] == []
    (wait,) = [wait for wait in answer["waiting"] if wait.get("kid") == kid]
    assert wait["waits_for"] == "grace_period" and instant(wait["until"]) >= end + 2
    stopped.start()
    time.sleep(1.5)
    assert kid in published(stopped)


# --- keys revoke

def tokens_of(text: str) -> list[dict]:
    return [strict_json(line) for line in text.splitlines()]


def test_the_standby_signs_within_a_second_of_the_command_that_revokes(running, seasoned):
    job = seasoned.runner(running).register()
    took = []
    while not took or min(took) >= 1 and len(took) < 3:  # the machine may be busy with something else, but not always
        victim = only(running.keys(), "active", "RS256")
        begun = time.monotonic()
        process = subprocess.Popen([str(harness.binary()), "keys", "revoke", victim, "--storage", running.storage],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=clean_environment())
        with harness.Connection(running.port) as connection:
            poll(lambda: (answer := job.ask("a", connection=connection)).status == 200
                 and header_of(answer.json()["value"])["kid"] != victim, seconds=20, every=0.002, what="a token")
        took.append(time.monotonic() - begun)
        assert victim not in published(running)
        assert process.wait(30) == 0
    assert min(took) < 1, f"the first token under the standby came after {took} s"


def test_a_revoked_key_is_gone_at_once_and_its_tokens_are_listed(running, seasoned):
    job = seasoned.runner(running).register()
    other = seasoned.runner(running).register()
    minted = [job.token(audience) for audience in ("a", "b", "https://rp.example/x y".replace(" ", ""))]
    minted += [other.token("a"), job.token(AUDIENCES["ES256"])]
    ring, records = running.keys(), audited(running)
    victim, standby = only(ring, "active", "RS256"), only(ring, "prepared", "RS256")
    expected = {claims_of(token)["jti"]: (claims_of(token)["aud"], claims_of(token)["exp"])
                for token in [*minted, seasoned.tokens["RS256"]] if header_of(token)["kid"] == victim}
    assert len(expected) == 5
    first: list[tuple[float, str]] = []
    stop = threading.Event()

    def mint() -> None:
        with harness.Connection(running.port) as connection:
            while not stop.is_set():
                answer = job.ask("a", connection=connection)
                if answer.status == 200 and header_of(answer.json()["value"])["kid"] != victim:
                    first.append((time.monotonic(), answer.json()["value"]))
                    return

    minting = threading.Thread(target=mint)
    minting.start()
    time.sleep(0.1)
    begun = time.monotonic()
    said_at = time.time()
    done = running.cli("keys", "revoke", victim, "--json")
    minting.join(10)
    stop.set()
    assert done.returncode == 0, done.stderr
    assert victim not in published(running)
    moment, token = first[0]
    assert header_of(token)["kid"] == standby, token
    assert verify_through_discovery(running.url, token, "a")

    answer = strict_json(done.stdout)
    after = running.keys()
    assert key(after, victim)["state"] == "revoked" and "ended_at" in key(after, victim)
    assert only(after, "active", "RS256") == standby
    assert only(after, "prepared", "RS256") not in kids(ring), "no new standby"
    assert only(after, "active", "ES256") == only(ring, "active", "ES256")
    assert_audited(running, answer, records)
    assert ("revoke", victim, "asked") in changes(answer) and ("activate", standby, "revocation") in changes(answer)
    accepted_until = instant(answer["verifiers_may_accept_until"])
    assert said_at + 4 <= accepted_until <= time.time() + 6

    listed = {token["jti"]: token for token in answer["tokens"]}
    assert len(listed) == len(answer["tokens"])
    assert set(expected) <= set(listed)
    for jti, (audience, expires_at) in expected.items():
        assert listed[jti]["exp"] == expires_at
        assert audience in (listed[jti]["audience"], *listed[jti]["audience"])
        assert listed[jti]["job"]
    jobs = {listed[claims_of(token)["jti"]]["job"] for token in minted[:3]}
    assert jobs == {job.id} and listed[claims_of(minted[3])["jti"]]["job"] == other.id
    assert 0 <= instant(answer["tokens_expire_by"]) - max(token["exp"] for token in answer["tokens"]) <= 10
    recorded = {record["jti"] for record in running.audit(operation="token", decision="permit")
                if record["kid"] == victim}
    recorded |= {record["jti"] for record in running.audit(decision="permit")
                 if record.get("jti") and record["kid"] == victim}
    assert set(listed) == recorded
    assert {token["jti"] for token in tokens_of(running.operator("keys", "tokens", victim))} == recorded
    assert moment > begun
    with pytest.raises(jwt.PyJWTError):
        verify_through_discovery(running.url, minted[0], "a")
    assert [json.loads(line)["key"] for line in ledger_file(running).read_text().splitlines()] == [victim]


def test_a_revocation_lists_for_people_the_tokens_and_until_when_verifiers_may_accept_them(stopped, seasoned):
    kid = header_of(seasoned.tokens["RS256"])["kid"]
    claims = claims_of(seasoned.tokens["RS256"])
    shown = stopped.operator("keys", "revoke", kid)
    (line,) = [line for line in shown.splitlines() if claims["jti"] in line]
    assert claims["aud"] in line and time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(claims["exp"])) in line
    assert re.search(r"until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown)
    assert only(stopped.keys(), "active", "RS256") in shown


def test_a_revoked_key_stays_revoked_and_saying_it_twice_changes_nothing_more(kept):
    victim = only(kept.keys(), "active", "ES256")
    answer = keys(kept, "revoke", victim)
    assert changes(answer)[0] == ("revoke", victim, "asked")
    # The next standby counts as published from the next turn on.
    if kept.is_running:
        poll(lambda: all(row.get("published_at") for row in kept.keys()["keys"] if row["state"] == "prepared"),
             seconds=20)
    ring, ledger = kept.keys(), ledger_file(kept).read_bytes()
    again = keys(kept, "revoke", victim)
    assert again["changes"] == []
    refused(kept, "key_state", "activate", victim)
    refused(kept, "key_state", "retire", victim)
    assert kept.keys() == ring
    assert ledger_file(kept).read_bytes() == ledger
    kept.kill()
    kept.start()
    assert victim not in published(kept)
    assert key(kept.keys(), victim)["state"] == "revoked"


def test_revoking_a_standby_leaves_what_signs_and_makes_another(kept):
    before, records = kept.keys(), audited(kept)
    victim = only(before, "prepared", "RS256")
    answer = keys(kept, "revoke", victim)
    after = kept.keys()
    assert kids(after, "active") == kids(before, "active")
    assert only(after, "prepared", "RS256") != victim
    assert key(after, victim)["state"] == "revoked"
    assert answer["tokens"] == []
    assert_audited(kept, answer, records)
    if kept.is_running:
        assert victim not in published(kept)


def test_revoking_a_retiring_key_withdraws_it_before_its_grace_is_over(kept):
    keys(kept, "rotate", "--now")
    before = kept.keys()
    victim = only(before, "retiring", "RS256")
    answer = keys(kept, "revoke", victim)
    after = kept.keys()
    assert changes(answer)[0] == ("revoke", victim, "asked")
    assert kids(after, "active") == kids(before, "active") and kids(after, "prepared") == kids(before, "prepared")
    assert key(after, victim)["state"] == "revoked"
    assert answer["tokens"], "its tokens are not listed"
    if kept.is_running:
        assert victim not in published(kept)


def test_revoking_the_key_and_then_its_successor_leaves_an_issuer_that_signs(running, seasoned):
    job = seasoned.runner(running).register()
    for _ in range(3):
        ring = running.keys()
        victims = [only(ring, "active", "ES256"), *kids(ring, "prepared", "ES256")]
        for victim in victims:
            keys(running, "revoke", victim)
        kid = signing_kids(job)["ES256"]
        assert kid not in victims and kid in published(running)
        assert not set(victims) & set(published(running))
        assert verify_through_discovery(running.url, job.token(AUDIENCES["ES256"]), AUDIENCES["ES256"])


def test_a_revocation_of_what_is_not_there_is_refused(running):
    refused(running, "not_found", "revoke", "A" * 43)
    assert not ledger_file(running).exists()
    before = running.keys()
    for arguments in ((), ("--all", only(before, "active", "RS256"))):
        done = running.cli("keys", "revoke", *arguments, "--yes")
        assert done.returncode == 64 and done.stdout == "", done
    assert running.keys() == before


def test_without_its_ledger_nothing_is_revoked(kept):
    """A revocation that a restored backup could take back is none."""
    ledger_file(kept).mkdir(mode=0o700)
    before = kept.keys()
    victim = only(before, "active", "RS256")
    done = kept.cli("keys", "revoke", victim)
    assert done.returncode in (1, 78) and done.stdout == "" and ledger_file(kept).name in done.stderr, done
    ledger_file(kept).rmdir()
    assert kept.keys() == before
    keys(kept, "revoke", victim)
    assert key(kept.keys(), victim)["state"] == "revoked"


def test_the_ledger_lies_where_the_configuration_says(issuers, seasoned):
    elsewhere = "elsewhere.revocations"
    issuer = seasoned.copy(issuers, aged=600, environment={"JOBSWORTH_KEYS_REVOCATION_LEDGER": elsewhere})
    path = issuer.directory / elsewhere
    issuer.environment["JOBSWORTH_KEYS_REVOCATION_LEDGER"] = str(path)
    issuer.start()
    victims = [only(issuer.keys(), "active", "RS256")]
    keys(issuer, "revoke", victims[0])
    assert issuer.stop() == 0
    victims.append(only(issuer.keys(), "active", "ES256"))
    issuer.operator("keys", "revoke", victims[1], environment=clean_environment(**issuer.environment))
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == victims
    assert path.stat().st_mode & 0o777 == 0o600
    assert not ledger_file(issuer).exists()


def test_a_torn_last_line_of_the_ledger_is_no_obstacle_and_another_line_is(issuers, seasoned):
    issuer = seasoned.copy(issuers, aged=600)
    first = only(issuer.keys(), "active", "RS256")
    keys(issuer, "revoke", first)
    with open(ledger_file(issuer), "ab") as ledger:
        ledger.write(b'{"at":"2026-')
    second = only(issuer.keys(), "active", "RS256")
    keys(issuer, "revoke", second)
    issuer.start()
    assert not {first, second} & set(published(issuer))
    assert issuer.stop() == 0
    content = ledger_file(issuer).read_bytes()
    ledger_file(issuer).write_bytes(b"nonsense\n" + content)
    before = digests(issuer.store_directory)
    assert issuer.spawn().wait(20) == 78, issuer.output()
    assert ledger_file(issuer).name in issuer.output()
    assert digests(issuer.store_directory) == before


def test_a_key_can_be_revoked_when_many_ended_while_its_predecessors_tokens_live(stopped):
    """The ring remembers 32 ended keys; those that it forgets must not be the ones whose tokens live."""
    ring = read_ring(stopped.database)
    now = int(time.time())
    with closing(sqlite3.connect(stopped.database, isolation_level=None)) as connection:
        connection.execute("UPDATE key_use SET tokens_expire_by = ?", (now + 300,))
    victim = only(stopped.keys(), "active", "ES256")
    keys(stopped, "revoke", victim)
    ring = read_ring(stopped.database)
    for number in range(31):
        numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
        jwk = {"kty": "EC", "alg": "ES256", "use": "sig", "kid": "", "crv": "P-256",
               "x": harness.b64url(numbers.x.to_bytes(32, "big")), "y": harness.b64url(numbers.y.to_bytes(32, "big"))}
        model = next(row["public"] for row in ring["keys"] if row["algorithm"] == "ES256")
        jwk["kid"] = harness.thumbprint(jwk)
        ring["keys"].append({"algorithm": "ES256", "state": "retired", "public": {name: jwk[name] for name in model},
                             "preparedAt": now - 500, "endedAt": now})
    write_ring(stopped.database, ring)
    for _ in range(2):
        next_victim = only(stopped.keys(), "active", "ES256")
        assert changes(keys(stopped, "revoke", next_victim))[0] == ("revoke", next_victim, "asked")
    assert keys(stopped, "rotate")


def test_all_tokens_of_a_key_are_listed_however_many_there_are(stopped, seasoned):
    kid = header_of(seasoned.tokens["ES256"])["kid"]
    before = tokens_of(stopped.operator("keys", "tokens", kid))
    with closing(sqlite3.connect(stopped.database, isolation_level=None)) as connection:
        last = connection.execute("SELECT MAX(sequence) FROM audit").fetchone()[0]
        connection.execute("BEGIN")
        for number in range(1, 12_001):
            record = {"at": "2026-11-21T10:00:00Z", "operation": "token", "decision": "permit", "reason": "ok",
                      "jti": f"j{number}", "kid": kid if number % 2 else "another", "exp": 1}
            connection.execute("INSERT INTO audit (sequence, document, digest) VALUES (?, ?, ?)",
                               (last + number, json.dumps(record, separators=(",", ":")).encode(), bytes(32)))
        connection.execute("COMMIT")
    listed = tokens_of(stopped.operator("keys", "tokens", kid))
    assert [token["jti"] for token in listed] == [token["jti"] for token in before] + [
        f"j{number}" for number in range(1, 12_001, 2)]


def test_keys_tokens_lists_the_tokens_of_one_key(kept, seasoned):
    for algorithm, token in seasoned.tokens.items():
        claims = claims_of(token)
        (listed,) = tokens_of(kept.operator("keys", "tokens", header_of(token)["kid"]))
        assert (listed["jti"], listed["exp"]) == (claims["jti"], claims["exp"])
        assert claims["aud"] in (listed["audience"], *listed["audience"])
        assert listed["job"] and listed["repository"] == claims["repository"]
    assert kept.operator("keys", "tokens", only(kept.keys(), "prepared", "RS256")) == ""


# --- keys revoke --all

def test_revoke_all_without_a_yes_and_without_a_terminal_is_refused_and_changes_nothing(kept, seasoned):
    before, records = kept.keys(), kept.audit()
    for stdin in ("", "revoke\n", "yes\n"):
        done = kept.cli("keys", "revoke", "--all", stdin=stdin)
        assert done.returncode == 64 and done.stdout == "", done
        assert "--yes" in done.stderr
    assert kept.keys() == before and kept.audit() == records
    assert not ledger_file(kept).exists()


@pytest.mark.parametrize("typed, status", [("revoke\n", 0), ("yes\n", 1), ("\n", 1)])
def test_revoke_all_asks_at_a_terminal(stopped, typed, status):
    before = kids(stopped.keys())
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [str(harness.binary()), "keys", "revoke", "--all", "--storage", stopped.storage], stdin=theirs,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        os.write(ours, typed.encode())
        stdout, stderr = process.communicate(timeout=30)
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == status, stderr
    live = [row["kid"] for row in stopped.keys()["keys"] if row["state"] in ("active", "prepared", "retiring")]
    assert not set(live) & set(before) if status == 0 else live == before


def test_revoke_all_replaces_every_key_and_ends_every_job_for_good(issuers, seasoned):
    issuer = seasoned.copy(issuers, aged=600).start()
    runner = seasoned.runner(issuer)
    keys(issuer, "rotate", "--now", "--algorithm", "ES256")
    body = registration(reference="builds/1")
    jobs = [runner.register(), runner.register(body)]
    tokens = [jobs[0].token("a"), jobs[1].token(AUDIENCES["ES256"])]
    old, records = issuer.keys(), audited(issuer)
    answer = keys(issuer, "revoke", "--all", "--yes")
    assert answer["jobs_ended"] >= 2
    revoked = [kid for kid in kids(old) if key(old, kid)["state"] in ("active", "prepared", "retiring")]
    assert len(revoked) == 5
    assert {entry[1] for entry in changes(answer) if entry[0] == "revoke"} == set(revoked)
    assert {claims_of(token)["jti"] for token in tokens} <= {token["jti"] for token in answer["tokens"]}
    assert_audited(issuer, answer, records)
    assert {json.loads(line)["key"] for line in ledger_file(issuer).read_text().splitlines()} == set(revoked)

    def assert_all_is_new() -> None:
        after = issuer.keys()
        assert not set(published(issuer)) & set(kids(old))
        for algorithm in ALGORITHMS:
            assert only(after, "active", algorithm) not in kids(old)
            assert only(after, "prepared", algorithm) not in kids(old)
        for job in jobs:
            assert_error(job.ask(), 401)
        assert runner.post(body).status == 409, "an ended job lives again"

    assert_all_is_new()
    fresh = runner.register()
    token = fresh.token("a")
    assert verify_through_discovery(issuer.url, token, "a")
    assert fresh.request_token != jobs[0].request_token
    issuer.kill()
    issuer.start()
    assert_all_is_new()
    assert verify_through_discovery(issuer.url, token, "a")
    assert set(signing_kids(fresh).values()) <= set(published(issuer))
    assert issuer.operator("audit", "verify")


def test_after_revoke_all_no_old_request_token_is_recognised_though_its_job_were_revived(issuers, seasoned):
    """Who stole the store could compute request tokens, so the key that makes them is another."""
    issuer = seasoned.copy(issuers, aged=600)
    issuer.start()
    job = seasoned.runner(issuer).register()
    assert job.ask().status == 200
    assert issuer.stop() == 0
    keys(issuer, "revoke", "--all", "--yes")
    with closing(sqlite3.connect(issuer.database, isolation_level=None)) as connection:
        assert connection.execute("UPDATE job SET ended_at = NULL, end_reason = NULL").rowcount >= 1
    issuer.start()
    assert_error(job.ask(), 401)
    assert seasoned.runner(issuer).register().ask().status == 200


# --- keys drill

def test_drill_rehearses_and_changes_nothing(kept):
    before, records = kept.keys(), audited(kept)
    answer = keys(kept, "drill")
    assert answer["ready"] is True
    assert isinstance(answer["milliseconds"], int) and answer["milliseconds"] < 2000
    assert [row["algorithm"] for row in answer["standbys"]] == list(ALGORITHMS)
    for row in answer["standbys"]:
        assert row["kid"] == only(before, "prepared", row["algorithm"])
        assert row["signs"] is True and row["known_to_verifiers"] is True
        assert row["published_at"] == key(before, row["kid"])["published_at"]
    assert 3 <= instant(answer["verifiers_may_accept_until"]) - time.time() <= 6
    assert kept.keys() == before and audited(kept) == records
    (record,) = kept.audit(operation="key_drill")
    assert (record["decision"], record["reason"]) == ("permit", "ok")
    assert not ledger_file(kept).exists()


@pytest.mark.parametrize("command", [("drill",), ("reseal",), ("tokens",)], ids=" ".join)
def test_a_command_that_is_to_change_no_key_leaves_what_is_due_to_rotate(stopped, command):
    before = stopped.keys()
    age(stopped.database, 3600)
    arguments = (only(before, "active", "RS256"),) if command == ("tokens",) else ()
    stopped.operator("keys", *command, *arguments)
    after = stopped.keys()
    assert {kid: key(after, kid)["state"] for kid in kids(after)} == {
        kid: key(before, kid)["state"] for kid in kids(before)}


# --- the schedule

class Watch:
    """Looks at the JWK Set and asks for tokens all the time, and notes what came first when."""

    def __init__(self, issuer, job):
        self.issuer, self.job = issuer, job
        self.seen: dict[str, float] = {}
        self.unseen: dict[str, float] = {}  # when it was last looked for in vain
        self.gone: dict[str, float] = {}
        self.signed: dict[str, float] = {}
        self.sets: list[tuple[float, float, tuple[str, ...], int]] = []
        self.tokens: list[str] = []
        self.failures: list[str] = []

    def look(self, connection) -> None:
        asked = time.time()
        answer = connection.call("GET", "/.well-known/jwks")
        answered = time.time()
        jwks = {jwk["kid"]: jwk for jwk in answer.json()["keys"]}
        for kid in set(jwks) - set(self.seen):
            self.seen[kid] = answered
            self.unseen[kid] = self.sets[-1][0] if self.sets else asked
        for kid in set(self.seen) - set(jwks):
            self.gone.setdefault(kid, answered)
        (age_given,) = re.findall(r"max-age=(\d+)", answer.header("Cache-Control"))
        self.sets.append((asked, answered, tuple(jwks), int(age_given)))
        for token in list(self.tokens):
            if claims_of(token)["exp"] > answered and header_of(token)["kid"] not in jwks:
                self.failures.append(f"a live token has no key at {answered}")

    def ask(self, connection) -> None:
        for audience in AUDIENCES.values():
            answer = self.job.ask(audience, connection=connection)
            if answer.status == 503:
                continue  # while the keys change; another test counts these
            if answer.status != 200:
                self.failures.append(repr(answer))
                continue
            token = answer.json()["value"]
            self.signed.setdefault(header_of(token)["kid"], time.time())
            self.tokens.append(token)


def test_over_two_scheduled_rotations_every_key_is_known_before_it_signs_and_stays_while_its_tokens_live(issuers):
    lead, interval, grace, refresh = 6, 7, 8, 1
    issuer = make(issuers, rotation_interval=interval, publication_lead=lead, grace_period=grace, clock_skew=1,
                  jwks_max_age=4, refresh_interval=refresh, lifetime=5, maximum_published=10).start()
    watch = Watch(issuer, issuer.runner().register())
    end = time.monotonic() + 21
    finished = threading.Event()

    def cron() -> None:
        while not finished.wait(0.5):
            done = issuer.cli("keys", "rotate")
            if done.returncode:
                watch.failures.append(done.stderr)

    def asking() -> None:
        with harness.Connection(issuer.port) as connection:
            while not finished.wait(0.05):
                watch.ask(connection)

    threads = [threading.Thread(target=cron), threading.Thread(target=asking)]
    with harness.Connection(issuer.port) as connection:
        watch.look(connection)
        for thread in threads:
            thread.start()
        while time.monotonic() < end:
            watch.look(connection)
            time.sleep(0.03)
    finished.set()
    for thread in threads:
        thread.join(30)
    ring = issuer.keys()
    assert not watch.failures, watch.failures[:3]
    begun = min(watch.seen.values())
    rotated = [kid for kid in watch.signed if watch.seen[kid] > begun or watch.signed[kid] > begun + 2]
    for algorithm in ALGORITHMS:
        assert sum(key(ring, kid)["algorithm"] == algorithm for kid in rotated) >= 2, "fewer than two rotations"
    for kid in rotated:
        known_for = watch.signed[kid] - watch.unseen[kid]
        assert known_for >= lead - 1, f"{kid} signed when it was known for {known_for:.1f} s"
        assert instant(key(ring, kid)["published_at"]) >= watch.unseen[kid] - 1, "it counted as published too early"
    for algorithm in ALGORITHMS:
        starts = sorted(instant(row["activated_at"]) for row in ring["keys"]
                        if row["algorithm"] == algorithm and "activated_at" in row)
        assert all(later - earlier >= interval for earlier, later in zip(starts, starts[1:])), starts
    assert watch.gone, "no key was withdrawn"
    for kid in watch.gone:
        assert watch.gone[kid] >= instant(key(ring, kid)["retiring_at"]) + grace
        last = max(claims_of(token)["exp"] for token in watch.tokens if header_of(token)["kid"] == kid)
        assert watch.gone[kid] >= last + 1
    assert max(len(known) for _, _, known, _ in watch.sets) <= 10

    changed = [(asked, answered) for (_, _, before, _), (asked, answered, after, _) in zip(watch.sets, watch.sets[1:])
               if set(before) != set(after)]
    for asked, _, _, max_age in watch.sets:
        assert 1 <= max_age <= 4
        following = [answered for begin, answered in changed if begin > asked]
        if following:
            assert max_age == 1 or asked + max_age <= following[0] + refresh + 1, "kept beyond the next change"


def test_the_jwk_set_is_never_to_be_kept_beyond_its_next_planned_change(issuers, seasoned):
    """Between two refreshes, too."""
    issuer = seasoned.copy(issuers, rotation_interval=612, refresh_interval=6, jwks_max_age=30, publication_lead=100,
                           grace_period=100)
    made = min(row["activatedAt"] for row in read_ring(issuer.database)["keys"] if row["state"] == "active")
    age(issuer.database, 600 - int(time.time() - made))
    issuer.start()
    due = min(instant(wait["until"]) for wait in issuer.keys()["waiting"])
    assert 3 < due - time.time() < 13
    while (left := due - time.time()) > 1:
        given = int(re.search(r"max-age=(\d+)", issuer.get("/.well-known/jwks").header("Cache-Control"))[1])
        assert given <= max(1, left + 1), f"{given} s are given {left:.1f} s before the change"
        time.sleep(0.3)


def test_the_schedule_of_the_running_issuer_is_kept_by_commands_without_it(stopped):
    """The commands know no configuration; the store says by which schedule it lives."""
    waits = stopped.keys()["waiting"]
    assert all(instant(wait["until"]) < time.time() + 3600 for wait in waits)
    assert keys(stopped, "rotate")["waiting"] == waits


# --- configuration

def serve_once(directory, **settings: str):
    return run_cli("serve", "--issuer", f"http://{HOST}:{harness.free_port()}", "--listen",
                   f"{HOST}:{harness.free_port()}", "--storage", f"sqlite:{directory}/jobsworth.sqlite", timeout=20,
                   environment=clean_environment(**{**schedule(), **settings}))


@pytest.mark.parametrize("settings, names", [
    ({"PUBLICATION_LEAD": "7"},
     ("keys.publicationLead", "keys.refreshInterval", "keys.jwksMaxAge", "keys.clockSkew", "8s")),
    ({"REFRESH_INTERVAL": "4"}, ("keys.publicationLead", "keys.refreshInterval", "11s")),
    ({"GRACE_PERIOD": "62"}, ("keys.gracePeriod", "keys.refreshInterval", "keys.clockSkew", "lifetime", "63s")),
    ({"ROTATION_INTERVAL": "10"}, ("keys.rotationInterval", "keys.publicationLead")),
    ({"MAXIMUM_PUBLISHED": "5"}, ("keys.maximumPublished", "keys.gracePeriod", "6")),
    ({"ROTATION_INTERVAL": "11", "MAXIMUM_PUBLISHED": "15"}, ("keys.maximumPublished", "keys.gracePeriod", "16")),
], ids=str)
def test_a_schedule_that_could_break_a_verifier_is_78_and_says_which_inequality(directory, settings, names):
    done = serve_once(directory, **{f"JOBSWORTH_KEYS_{name}": value for name, value in settings.items()})
    assert done.returncode == 78 and done.stdout == "", done
    for name in names:
        assert name in done.stderr, done.stderr
    assert not (directory / "jobsworth.sqlite").exists()


@pytest.mark.parametrize("lifetime", ["tokens.lifetime", "tokens.maximumLifetime", "tokens.audiences"])
def test_the_grace_period_covers_the_longest_lifetime_of_any_token(directory, lifetime):
    file = directory / "jobsworth.yaml"
    file.write_text({"tokens.lifetime": "tokens: {lifetime: 61}",
                     "tokens.maximumLifetime": "tokens: {maximumLifetime: 61}",
                     "tokens.audiences": "tokens: {audiences: {a: {lifetime: 61}}}"}[lifetime])
    settings: dict[str, str | None] = {"JOBSWORTH_CONFIG": str(file)}
    if lifetime != "tokens.audiences":
        settings["JOBSWORTH_TOKENS_" + {"tokens.lifetime": "LIFETIME"}.get(lifetime, "MAXIMUM_LIFETIME")] = None
    done = serve_once(directory, **settings)
    assert done.returncode == 78 and "keys.gracePeriod" in done.stderr and "64s" in done.stderr, done


BAD_DURATIONS = ["0", "-1s", "1.5h", "1w", "24 h", " 24h", "1H", "d", "1d2h", "+5s", "0x10", "1e3",
                 "99999999999999999999", "3651d", "٣0s", "5S", "30dd", "5ms"]
DURATION_NAMES = ["rotationInterval", "publicationLead", "gracePeriod", "refreshInterval", "clockSkew", "jwksMaxAge"]


@pytest.mark.parametrize("values", [BAD_DURATIONS[start::3] for start in range(3)], ids=str)
def test_a_duration_that_is_none_is_78_and_named(directory, values):
    file = directory / "jobsworth.yaml"
    given = dict(zip(DURATION_NAMES, values, strict=True))
    file.write_text("keys: " + json.dumps(given, ensure_ascii=False) + "\n")
    done = run_cli("serve", "--issuer", f"http://{HOST}:{harness.free_port()}", "--storage",
                   f"sqlite:{directory}/jobsworth.sqlite", "--config", str(file), timeout=20)
    assert done.returncode == 78, done
    for name, value in given.items():
        (line,) = [line for line in done.stderr.splitlines() if f"keys.{name} must be a time" in line]
        assert value.strip() in line


@pytest.mark.parametrize("value", ["3", "101", "x", "10s", "-4", "1e1"])
def test_a_maximum_of_published_keys_that_cannot_be_is_78(directory, value):
    done = serve_once(directory, JOBSWORTH_KEYS_MAXIMUM_PUBLISHED=value)
    assert done.returncode == 78 and "keys.maximumPublished" in done.stderr, done


def test_durations_are_whole_seconds_or_have_a_unit(issuers):
    issuer = issuers.make()
    file = issuer.directory / "jobsworth.yaml"
    file.write_text("keys: {rotationInterval: 30d, publicationLead: 24h, gracePeriod: 2880m, refreshInterval: 1, "
                    "clockSkew: 300s, jwksMaxAge: 90s, maximumPublished: 12}\n")
    issuer.arguments = ("--config", str(file))
    ring = issuer.start().keys()
    for wait in ring["waiting"]:
        active = key(ring, only(ring, "active", wait["algorithm"]))
        assert instant(wait["until"]) == instant(active["activated_at"]) + 30 * 86_400
    assert "max-age=90" in issuer.get("/.well-known/jwks").header("Cache-Control")
    for kid in poll(lambda: [row["kid"] for row in issuer.keys()["keys"] if "published_at" in row], seconds=10,
                    every=0.2, what="a published standby"):
        done = issuer.cli("keys", "activate", kid)
        assert reason_of(done) == "standby_too_young"
        may_at = instant(re.search(r"\d{4}-\S+Z", done.stderr)[0])
        assert may_at == instant(key(issuer.keys(), kid)["published_at"]) + 86_400


def test_without_configuration_the_schedule_is_the_documented_one(issuers):
    ring = issuers.start().keys()
    for wait in ring["waiting"]:
        active = key(ring, only(ring, "active", wait["algorithm"]))
        assert instant(wait["until"]) == instant(active["activated_at"]) + 30 * 86_400


def test_an_unknown_key_of_the_schedule_is_78(directory):
    file = directory / "jobsworth.yaml"
    file.write_text("keys: {rotationIntervall: 30d}\n")
    done = serve_once(directory, JOBSWORTH_CONFIG=str(file))
    assert done.returncode == 78 and "rotationIntervall" in done.stderr, done


# --- commands, wrong usage, no store

@pytest.mark.parametrize("arguments", [
    ("retire",), ("revoke",), ("tokens",), ("activate", "a", "b"), ("prepare", "RS256"), ("rotate", "x"),
    ("drill", "x"), ("rotate", "--force"),
], ids=" ".join)
def test_wrong_usage_of_keys_is_64(arguments):
    done = run_cli("keys", *arguments)
    assert done.returncode == 64 and done.stdout == "" and done.stderr.strip(), done


@pytest.mark.parametrize("arguments", [
    ("show",), ("rotate",), ("rotate", "--now"), ("prepare",), ("activate",), ("retire", "x"), ("revoke", "x"),
    ("revoke", "--all", "--yes"), ("tokens", "x"), ("drill",), ("reseal",),
], ids=" ".join)
def test_where_there_is_no_store_none_is_made(directory, arguments):
    done = run_cli("keys", *arguments, "--storage", f"sqlite:{directory}/none.sqlite")
    assert done.returncode == 1 and done.stdout == "" and "none.sqlite" in done.stderr, done
    assert not list(directory.iterdir())


def test_keys_and_all_its_verbs_are_in_the_help():
    tree = run_cli("help").stdout
    for verb in ("show", "rotate", "prepare", "activate", "retire", "revoke", "tokens", "drill", "reseal"):
        assert f"keys {verb}" in tree
        done = run_cli("keys", verb, "--help")
        assert done.returncode == 0 and verb in done.stdout
    for command in ("backup", "restore"):
        assert f"jobsworth {command}" in tree
        assert run_cli(command, "--help").returncode == 0


def test_a_command_that_is_killed_while_it_rotates_leaves_a_whole_ring(issuers, seasoned):
    """Directly on the file, where nobody else would mend it."""
    issuer = seasoned.copy(issuers, aged=600)
    for delay in (0.04, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4):
        process = subprocess.Popen(
            [str(harness.binary()), "keys", "prepare", "--algorithm", "ES256", "--storage", issuer.storage],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment())
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        ring = issuer.keys()
        assert len(kids(ring, "active")) == 2
        prepared = {entry[1] for entry in audited(issuer) if entry[0] == "prepare"}
        assert set(kids(ring)) <= prepared, "a key without its record"
    assert issuer.operator("audit", "verify")
    assert issuer.start().operator("keys", "drill")
