"""A signed head of the issuance log, kept elsewhere, tells whatever became of the log since (threat K01)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import jwt
import pytest
from joserfc import jwk, jws

import databases
import harness
from harness import header_of, in_parallel, run_cli, strict_json

TYPE = "jobsworth-audit-head+jws"
CLAIMS = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}
AUDIENCE = "sts.amazonaws.com"


@pytest.fixture(scope="module")
def server():
    made = databases.Server(harness.new_directory()).start()
    yield made
    made.remove()


@pytest.fixture
def group(server):
    made = databases.Replicas(server, harness.new_directory(), JOBSWORTH_ALGORITHM="ES256",
                              JOBSWORTH_TOKENS_RATE_LIMIT="0", JOBSWORTH_KEYS_REFRESH_INTERVAL="3s")
    yield made
    made.end_all()


def keep(issuer, name: str = "head"):
    """What `audit head` says now, in a file as it would be kept elsewhere."""
    file = issuer.directory / name
    file.write_text(issuer.operator("audit", "head"))
    return file


def refused(issuer, file, reason: str, *arguments: str) -> None:
    done = issuer.cli("audit", "verify", "--head", str(file), *arguments)
    assert done.returncode == 1 and done.stdout == "", done
    assert done.stderr.startswith(f"jobsworth: {reason}: "), done.stderr


def extends(issuer, file, *arguments: str) -> dict:
    return strict_json(issuer.operator("audit", "verify", "--json", "--head", str(file), *arguments))


def assert_is_verified_by_others(text: str, keys: dict) -> dict:
    """By two libraries that share no code with us, and as no token; the payload."""
    head = text.strip()
    assert text == head + "\n" and header_of(head)["typ"] == TYPE and set(header_of(head)) == {"alg", "kid", "typ"}
    found = jws.deserialize_compact(head, jwk.KeySet.import_key_set(keys), algorithms=["ES256", "RS256"])
    payload = json.loads(found.payload)
    assert json.loads(jwt.PyJWS().decode(
        head, jwt.PyJWKSet.from_dict(keys)[header_of(head)["kid"]].key, algorithms=["ES256", "RS256"])) == payload
    assert set(payload) == {"version", "at", "count", "chains", "key"} and not set(payload) & CLAIMS
    assert payload["count"] == sum(chain["index"] for chain in payload["chains"])
    assert jwk.import_key(payload["key"]).thumbprint() == header_of(head)["kid"]
    return payload


def assert_is_no_token(issuer, head: str, keys: dict) -> None:
    key = jwt.PyJWKSet.from_dict(keys)[header_of(head)["kid"]].key
    for wanted in ({"audience": AUDIENCE, "issuer": issuer.url}, {"issuer": issuer.url}, {"audience": AUDIENCE}):
        with pytest.raises(jwt.MissingRequiredClaimError):
            jwt.decode(head, key, algorithms=["ES256"], **wanted)
    with pytest.raises(jwt.MissingRequiredClaimError):
        jwt.decode(head, key, algorithms=["ES256"], options={"require": ["exp"]})
    (issuer.directory / "jwks").write_text(json.dumps(keys))
    for asked in (("--issuer", issuer.url, "--audience", AUDIENCE), ("--signature-only",)):
        done = run_cli("token", "verify", "--jwks", str(issuer.directory / "jwks"), *asked, head)
        assert done.returncode == 1 and done.stderr.startswith("typ_not_allowed"), done


def test_a_head_of_a_sqlite_store_finds_whatever_is_taken_out_or_written_anew(issuers):
    issuer = issuers.start(environment={"JOBSWORTH_ALGORITHM": "ES256"})
    runner = issuer.runner("acme/*")
    for _ in range(3):
        runner.register().token()
    file, keys = keep(issuer), issuer.jwks()
    payload = assert_is_verified_by_others(file.read_text(), keys)
    assert [chain["name"] for chain in payload["chains"]] == ["sqlite"]
    assert_is_no_token(issuer, file.read_text().strip(), keys)
    # The head covers its own record, and the log may grow.
    record, = issuer.audit(operation="audit_head")
    assert record["kid"] == header_of(file.read_text().strip())["kid"]
    assert extends(issuer, file)["records"] == payload["count"]
    token = runner.register().token()
    report = extends(issuer, file)
    assert report["records"] > payload["count"] == report["head"]["count"]
    text = issuer.operator("audit", "verify", "--head", str(file)).splitlines()
    assert text[0].split()[0] == str(report["records"]) and text[1].startswith("extends the head of ")

    # Whatever is not a head, and no head of this log.
    (issuer.directory / "token").write_text(token)
    refused(issuer, issuer.directory / "token", "head_type")
    (issuer.directory / "half").write_text(file.read_text().rsplit(".", 1)[0])
    refused(issuer, issuer.directory / "half", "head_malformed")
    signed, signature = file.read_text().rsplit(".", 1)
    (issuer.directory / "forged").write_text(f"{signed}.{signature[40:80]}{signature[:40]}{signature[80:]}")
    refused(issuer, issuer.directory / "forged", "head_signature_invalid")
    other = issuers.start(environment={"JOBSWORTH_ALGORITHM": "ES256"})
    refused(other, file, "log_cut")
    assert issuer.cli("audit", "verify", "--head", str(issuer.directory / "none")).returncode == 1
    assert issuer.cli("audit", "verify", "--jwks", "x").returncode == 64

    # Keys turn; a key that was stolen is believed only by the keys that were kept with the head.
    (issuer.directory / "kept.json").write_text(json.dumps(keys))
    kid = header_of(file.read_text().strip())["kid"]
    issuer.operator("keys", "revoke", kid)
    refused(issuer, file, "head_key_revoked")
    assert extends(issuer, file, "--jwks", str(issuer.directory / "kept.json"))["head"]["kid"] == kid
    newer = keep(issuer, "newer")
    assert header_of(newer.read_text().strip())["kid"] != kid
    assert extends(issuer, newer)
    (issuer.directory / "nobody.json").write_text('{"keys":[]}')
    refused(issuer, newer, "head_key_unknown", "--jwks", str(issuer.directory / "nobody.json"))

    # The tail is cut: the log is whole by itself, and no longer what it was.
    assert issuer.stop() == 0
    with closing(sqlite3.connect(issuer.database)) as database:
        database.execute("DELETE FROM audit WHERE sequence > ?", (payload["count"] - 2,))
        database.commit()
    assert issuer.cli("audit", "verify").returncode == 0
    refused(issuer, file, "log_cut")


def test_what_a_message_quotes_does_not_steer_the_terminal():
    answer = harness.run_cli("audit", "verify", "--head", "/no\x1b]0;such\x07\x9b\nfile\tat all")
    assert answer.returncode == 1 and "/no\N{REPLACEMENT CHARACTER}]0;such" in answer.stderr
    assert not set("\x1b\x07\x9b") & set(answer.stderr) and "file\tat all" in answer.stderr


def test_one_head_covers_the_chains_of_all_replicas_while_they_write(group, server):
    first, second = group.start(2)
    runner = first.runner("acme/*")
    jobs = [runner.register() for _ in range(4)]

    def ask(number: int):
        if number % 8 == 7:
            return first.operator("audit", "head")
        job, replica = jobs[number % 4], (first, second)[number % 2]
        answer = harness.call(replica.port, "GET", job.request_target + "&audience=" + AUDIENCE,
                              headers=harness.bearer(job.request_token))
        assert answer.status == 200, answer
        return None

    heads = [head for head in in_parallel(ask, range(64), threads=8) if head]
    assert len(heads) == 8
    payloads = [assert_is_verified_by_others(head, first.jwks()) for head in heads]
    assert {chain["name"] for payload in payloads for chain in payload["chains"]} >= {"r1", "r2", "operator"}
    for number, head in enumerate(heads):
        (first.directory / f"head{number}").write_text(head)
    largest = max(range(8), key=lambda number: payloads[number]["count"])
    for number in {0, 7, largest}:
        assert extends(first, first.directory / f"head{number}")["head"]["count"] == payloads[number]["count"]
    file = first.directory / f"head{largest}"
    expected = {chain["name"]: chain["index"] for chain in payloads[largest]["chains"]}

    # Somebody who can write the database cuts one replica's chain and says that it ends there.
    before = first.group.query("SELECT count(*) FROM audit")[0]
    assert second.stop() == 0
    cut = expected["r2"] - 1
    group.query("DELETE FROM audit WHERE chain = (SELECT id FROM audit_chain WHERE name = 'r2') AND sequence > "
                f"{cut}")
    group.query(f"UPDATE audit_chain SET sequence = {cut}, digest = (SELECT digest FROM audit WHERE chain = "
                f"audit_chain.id AND sequence = {cut}) WHERE name = 'r2'")
    assert int(first.group.query("SELECT count(*) FROM audit")[0]) < int(before)
    assert first.cli("audit", "verify").returncode == 0
    refused(first, file, "log_cut")
    # Or takes it out altogether.
    group.query("DELETE FROM audit WHERE chain = (SELECT id FROM audit_chain WHERE name = 'r2')")
    group.query("DELETE FROM audit_chain WHERE name = 'r2'")
    assert first.cli("audit", "verify").returncode == 0
    refused(first, file, "log_chain_missing")
