"""Many at once: the end of a job against its tokens, one reference against itself, and the audit against everything."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter

import pytest

import harness
from harness import Connection, claims_of, facts, header_of, registration

THREADS = 32


@pytest.fixture(scope="module")
def busy_issuer(module_issuers):
    return module_issuers.start()


@pytest.fixture(scope="module")
def busy_runner(busy_issuer):
    return busy_issuer.runner("acme/*")


@pytest.fixture(scope="module")
def tokens_returned() -> list[tuple[str, str]]:
    """Every token this file got, as job and token, for the audit's reckoning at the end."""
    return []


def retrying(ask, deadline: float = 20):
    """The answer once it is not 429 or 503 any more: being told to come back is no failure."""
    until = time.monotonic() + deadline
    while True:
        answer = ask()
        if answer.status not in (429, 503) or time.monotonic() > until:
            return answer
        time.sleep(0.02)


@pytest.mark.parametrize("end", ["the runner's DELETE", "the job's DELETE", "a DELETE by reference"])
def test_no_token_is_given_after_an_acknowledged_end(busy_issuer, busy_runner, tokens_returned, end):
    for _ in range(4):
        reference = uuid.uuid4().hex
        job = busy_runner.register(registration(reference=reference))
        results: list[tuple[float, int, str]] = []
        acknowledged: list[float] = []
        failures: list[str] = []
        begin = threading.Barrier(THREADS + 1)

        def mint() -> None:
            try:
                with Connection(busy_issuer.port, timeout=30) as connection:
                    begin.wait(30)
                    after = 0
                    while after < 3:
                        sent = time.monotonic()
                        if acknowledged and sent > acknowledged[0]:
                            after += 1
                        answer = job.ask(connection=connection)
                        value = answer.json()["value"] if answer.status == 200 else ""
                        results.append((sent, answer.status, value))
            except Exception as error:
                failures.append(repr(error))

        threads = [threading.Thread(target=mint) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        begin.wait(30)
        harness.poll(lambda: sum(status == 200 for _, status, _ in results) > THREADS, seconds=30, every=0.005,
                     what="tokens before the end")
        if end == "the runner's DELETE":
            answer = busy_runner.end(job.id)
        elif end == "the job's DELETE":
            answer = busy_issuer.call("DELETE", f"/v1/jobs/{job.id}", headers=harness.bearer(job.request_token))
        else:
            answer = busy_runner.end_by_reference(reference)
        second = time.time()
        acknowledged.append(time.monotonic())
        for thread in threads:
            thread.join(60)
        assert answer.status == 204
        assert not failures, failures[:3]
        assert {status for _, status, _ in results} <= {200, 401, 429, 503}, Counter(s for _, s, _ in results)
        late = [status for sent, status, _ in results if sent > acknowledged[0] and status == 200]
        assert not late, f"{len(late)} tokens were given for requests sent after the end was acknowledged"
        tokens = [value for _, status, value in results if status == 200]
        tokens_returned += [(job.id, token) for token in tokens]
        assert all(claims_of(token)["iat"] <= second for token in tokens)
        assert any(status == 401 for sent, status, _ in results if sent > acknowledged[0])


def test_no_token_is_given_after_a_runners_revocation(busy_issuer, tokens_returned):
    runner = busy_issuer.runner("acme/*")
    job = runner.register()
    results: list[tuple[float, int, str]] = []
    revoked: list[float] = []

    def mint(_) -> None:
        with Connection(busy_issuer.port, timeout=30) as connection:
            after = 0
            while after < 3:
                sent = time.monotonic()
                after += bool(revoked and sent > revoked[0])
                answer = job.ask(connection=connection)
                results.append((sent, answer.status, answer.json()["value"] if answer.status == 200 else ""))

    def revoke() -> None:
        busy_issuer.operator("runner", "revoke", runner.name)
        revoked.append(time.monotonic())

    revoking = threading.Thread(target=revoke)
    revoking.start()
    harness.in_parallel(mint, range(8), threads=8)
    revoking.join()
    tokens_returned += [(job.id, value) for _, status, value in results if status == 200]
    assert not [status for sent, status, _ in results if sent > revoked[0] and status == 200]


def test_of_many_bodies_under_one_reference_exactly_one_wins(busy_issuer, busy_runner, tokens_returned):
    for _ in range(4):
        reference, repository = uuid.uuid4().hex, facts()["repository"]
        bodies = []
        for number in range(THREADS):
            sha = f"{1 << (number // 2):040x}"  # each twice: one bit differs between the pairs
            bodies.append(json.dumps(registration(facts(repository=repository, sha=sha), reference=reference)).encode())
        begin = threading.Barrier(THREADS)

        def post(body: bytes):
            begin.wait(30)
            return body, retrying(lambda: busy_runner.post(body))

        answers = harness.in_parallel(post, bodies, threads=THREADS)
        counted = Counter(answer.status for _, answer in answers)
        assert counted[201] == 1 and counted[200] == 1 and counted[409] == THREADS - 2, counted
        won = [(body, answer) for body, answer in answers if answer.status in (200, 201)]
        assert len({body for body, _ in won}) == 1
        assert len({(answer.json()["id"], answer.json()["id_token_request"]["token"]) for _, answer in won}) == 1
        job = harness.Job(busy_issuer, won[0][1])
        token = job.token()
        tokens_returned.append((job.id, token))
        assert claims_of(token)["sha"] == json.loads(won[0][0])["job"]["sha"]


def test_parallel_retries_of_one_registration_are_one_job(busy_issuer, busy_runner):
    body = registration(reference=uuid.uuid4().hex)
    answers = harness.in_parallel(lambda _: retrying(lambda: busy_runner.post(body)), range(THREADS))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: THREADS - 1}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len({answer.json()["id_token_request"]["token"] for answer in answers}) == 1


def test_of_two_ids_for_one_new_name_exactly_one_is_pinned(busy_issuer, busy_runner):
    repository = facts()["repository"]
    bodies = [registration(harness.full_facts(repository=repository)) for _ in range(8)]
    answers = harness.in_parallel(lambda body: (body, retrying(lambda: busy_runner.post(body))), bodies * 4)
    won = {body["job"]["repository_id"] for body, answer in answers if answer.status == 201}
    assert len(won) == 1
    assert {answer.status for _, answer in answers} == {201, 403}


def test_a_fact_is_set_by_one_of_many(busy_issuer, busy_runner, tokens_returned):
    for _ in range(4):
        job = busy_runner.register()
        values = [f"{number:040x}" for number in range(16)]
        answers = harness.in_parallel(
            lambda value: (value, retrying(lambda: busy_runner.patch(job.id, {"job": {"sha": value}})).status), values)
        won = [value for value, status in answers if status in (200, 204)]
        assert len(won) == 1, answers
        assert {status for _, status in answers} <= {200, 204, 409}
        token = job.token()
        tokens_returned.append((job.id, token))
        assert claims_of(token)["sha"] == won[0]


def test_a_fact_and_the_first_token_never_pass_each_other(busy_issuer, busy_runner, tokens_returned):
    """Either the token says the fact, or the fact came too late: never both without it."""
    for _ in range(10):
        job = busy_runner.register()
        begin = threading.Barrier(9)

        def patch():
            begin.wait(30)
            return retrying(lambda: busy_runner.patch(job.id, {"job": {"sha": "ab"}})).status

        def ask():
            begin.wait(30)
            return retrying(job.ask)

        answers = harness.in_parallel(lambda number: patch() if number == 0 else ask(), range(9), threads=9)
        tokens = [answer.json()["value"] for answer in answers[1:]]
        tokens_returned += [(job.id, token) for token in tokens]
        with_fact = {"sha" in claims_of(token) for token in tokens}
        assert with_fact == {answers[0] in (200, 204)}, (answers[0], with_fact)


def test_many_jobs_at_once_never_get_each_others_claims(busy_issuer, busy_runner, tokens_returned):
    def whole(number: int) -> None:
        job = facts(sha=f"{number:040x}", actor=f"actor-{number}")
        body = registration(job, id_tokens={"A_TOKEN": {"aud": f"https://{number}.example"}})
        answer = retrying(lambda: busy_runner.post(body))
        assert answer.status == 201, answer
        registered = harness.Job(busy_issuer, answer)
        tokens = [answer.json()["id_tokens"]["A_TOKEN"]]
        for _ in range(3):
            asked = retrying(lambda: registered.ask(f"https://{number}.example"))
            assert asked.status == 200, asked
            tokens.append(asked.json()["value"])
        for token in tokens:
            claims = claims_of(token)
            assert (claims["repository"], claims["sha"], claims["actor"], claims["aud"]) == (
                job["repository"], job["sha"], f"actor-{number}", f"https://{number}.example")
            tokens_returned.append((registered.id, token))

    harness.in_parallel(whole, range(48), threads=16)


def test_every_token_that_was_given_has_exactly_one_permit(busy_issuer, tokens_returned):
    """Runs last: over all tokens of this file."""
    assert len(tokens_returned) > 100
    permits: dict[str, list[dict]] = {}
    for record in busy_issuer.audit(decision="permit"):
        if record.get("jti"):
            permits.setdefault(record["jti"], []).append(record)
    seen = set()
    for job_id, token in tokens_returned:
        claims = claims_of(token)
        assert claims["jti"] not in seen, "a jti was given twice"
        seen.add(claims["jti"])
        records = permits.get(claims["jti"], [])
        assert len(records) == 1, f"{len(records)} permits for one token"
        assert records[0]["job"] == job_id
        assert records[0]["kid"] == header_of(token)["kid"]
        assert records[0]["exp"] == claims["exp"]
        aud = claims["aud"]
        assert records[0]["audience"] == ([aud] if isinstance(aud, str) else aud)
