"""The shipped binary from its first start through SIGTERM, restart and SIGKILL: what has to survive, and what may not."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import stat
import threading
import time

import pytest

import harness
from harness import HOST, assert_error, claims_of, clean_environment, facts, full_facts, poll, registration, run_cli
from standins import verify_through_discovery


def mode(path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def digests(paths) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def sealing_key_file(issuer):
    """The file beside the store that is neither the database nor a lock: the key that seals the keys."""
    others = [path for path in issuer.directory.rglob("*")
              if stat.S_ISREG(path.lstat().st_mode) and path != issuer.log and path.name != issuer.database.name
              and not re.search(r"(-wal|-shm|-journal|lock|\.pid)$", path.name)]
    named = [path for path in others if re.search(r"key|seal|kek", path.name)] or others
    assert len(named) == 1, f"which of {others} is the sealing key?"
    return named[0]


# --- start, use, end, start again

def test_what_was_acknowledged_survives_sigterm_and_sigkill(issuers):
    issuer = issuers.start()
    runner = issuer.runner("acme/*", name="builder")
    body = registration(full_facts(), reference="builds/1", id_tokens={"A_TOKEN": {"aud": "a"}})
    job = runner.register(body)
    ended = runner.register()
    assert runner.end(ended.id).status == 204
    tokens = [job.token(), job.body["id_tokens"]["A_TOKEN"]]
    documents = [issuer.get("/.well-known/openid-configuration"), issuer.get("/.well-known/jwks")]
    ring = issuer.keys()
    jtis = {record["jti"] for record in issuer.audit(decision="permit") if record.get("jti")}
    assert {claims_of(token)["jti"] for token in tokens} <= jtis

    for end in ("SIGTERM", "SIGKILL", "SIGINT"):
        if end == "SIGTERM":
            assert issuer.stop() == 0
        elif end == "SIGINT":
            issuer.process.send_signal(signal.SIGINT)
            assert issuer.process.wait(20) == 0
        else:
            tokens.append(job.token())  # acknowledged right before the end
            issuer.kill()
        issuer.start()
        again = [issuer.get("/.well-known/openid-configuration"), issuer.get("/.well-known/jwks")]
        assert [answer.body for answer in again] == [answer.body for answer in documents], end
        assert [answer.header("ETag") for answer in again] == [answer.header("ETag") for answer in documents], end
        assert issuer.keys() == ring, end
        for token in tokens:
            claims = claims_of(token)
            aud = claims["aud"]
            assert verify_through_discovery(issuer.url, token, aud)["jti"] == claims["jti"], end
        tokens.append(job.token())
        retried = runner.post(body)
        assert retried.status == 200, end
        assert retried.json()["id"] == job.id
        assert retried.json()["id_token_request"] == job.body["id_token_request"]
        assert_error(ended.ask(), 401)
        assert_error(runner.post(registration(full_facts(repository=body["job"]["repository"]))), 403)
        recorded = {record["jti"] for record in issuer.audit(decision="permit") if record.get("jti")}
        assert jtis | {claims_of(token)["jti"] for token in tokens} <= recorded, end
        assert runner.register().ask().status == 200, end
    assert len({claims_of(token)["jti"] for token in tokens}) == len(tokens)


def test_sigkill_in_the_middle_of_registrations_loses_none_that_was_acknowledged(issuers):
    issuer = issuers.start()
    runner = issuer.runner("acme/*")
    acknowledged: list[tuple[dict, str, str]] = []
    done = threading.Event()

    def register(number: int) -> None:
        sequence = 0
        while not done.is_set():
            sequence += 1
            body = registration(facts(sha=f"{number}-{sequence}"), reference=f"builds/{number}/{sequence}")
            try:
                answer = runner.post(body)
            except (OSError, harness.http.client.HTTPException):
                return
            if answer.status == 201:
                acknowledged.append((body, answer.json()["id"], answer.json()["id_token_request"]["token"]))

    for round_number in range(2):
        before = len(acknowledged)
        done.clear()
        threads = [threading.Thread(target=register, args=(round_number * 10 + index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        poll(lambda: len(acknowledged) >= before + 25, seconds=20, every=0.005, what="25 registrations")
        issuer.kill()
        done.set()
        for thread in threads:
            thread.join(25)
        issuer.start()
        for body, job_id, token in acknowledged[before:]:
            answer = runner.post(body)
            assert answer.status == 200, answer
            assert (answer.json()["id"], answer.json()["id_token_request"]["token"]) == (job_id, token)
            assert harness.Job(issuer, answer).claims()["sha"] == body["job"]["sha"]


def test_sigterm_finishes_what_was_begun_and_exits_0(issuers):
    issuer = issuers.start()
    job = issuer.runner("acme/*").register(registration(expires_in=600))
    stopped = threading.Event()
    failures, tokens = [], []

    def mint() -> None:
        with harness.Connection(issuer.port) as connection:
            while True:
                told = stopped.is_set()
                try:
                    answer = job.ask(connection=connection)
                except (OSError, harness.http.client.HTTPException):
                    if not told and not stopped.is_set():
                        failures.append("a connection broke before SIGTERM")
                    return
                if answer.status == 200:
                    tokens.append(answer.json()["value"])
                elif not (stopped.is_set() and answer.status == 503):
                    failures.append(repr(answer))

    threads = [threading.Thread(target=mint) for _ in range(4)]
    for thread in threads:
        thread.start()
    poll(lambda: len(tokens) > 20, seconds=20, every=0.01, what="20 tokens")
    stopped.set()
    started = time.monotonic()
    assert issuer.stop() == 0
    assert time.monotonic() - started < 15
    for thread in threads:
        thread.join(25)
    assert not failures, failures[:3]
    issuer.start()
    recorded = {record["jti"] for record in issuer.audit(decision="permit") if record.get("jti")}
    assert {claims_of(token)["jti"] for token in tokens} <= recorded


def test_sigterm_closes_idle_connections_and_the_port(issuers):
    issuer = issuers.start()
    idle = [harness.socket.create_connection((HOST, issuer.port), timeout=5) for _ in range(5)]
    kept = harness.Connection(issuer.port)
    assert kept.call("GET", "/.well-known/jwks").status == 200
    started = time.monotonic()
    assert issuer.stop() == 0
    assert time.monotonic() - started < 15
    for connection in idle:
        connection.close()
    kept.close()
    with pytest.raises(OSError):
        issuer.get("/.well-known/jwks", timeout=2)


def test_a_second_sigterm_does_no_harm(issuers):
    issuer = issuers.start()
    issuer.process.send_signal(signal.SIGTERM)
    try:
        issuer.process.send_signal(signal.SIGTERM)
    except ProcessLookupError:
        pass
    assert issuer.process.wait(20) in (0, -signal.SIGTERM)
    assert issuer.start().get("/.well-known/jwks").status == 200


# --- one owner of the store

def test_a_second_server_on_the_same_store_is_refused(issuers):
    issuer = issuers.start()
    runner = issuer.runner("acme/*")
    port = harness.free_port()
    done = run_cli("serve", "--issuer", f"http://{HOST}:{port}", "--listen", f"{HOST}:{port}",
                   "--storage", issuer.storage, "--admin", f"unix:{issuer.directory}/second.sock")
    assert done.returncode in (1, 78), done
    assert done.stdout == ""
    assert done.stderr.strip()
    issuer.assert_alive()
    assert runner.register().ask().status == 200


def test_a_lock_that_a_killed_server_left_does_not_keep_the_next_one_out(issuers):
    issuer = issuers.start()
    issuer.kill()
    issuer.start()
    issuer.kill()
    assert issuer.operator("keys", "show", "--json")
    issuer.start()


def test_a_port_that_is_taken_is_said(issuers, directory):
    issuer = issuers.start()
    done = run_cli("serve", "--issuer", issuer.url, "--listen", f"{HOST}:{issuer.port}", "--storage",
                   f"sqlite:{directory}/other.sqlite")
    assert done.returncode == 1, done
    assert str(issuer.port) in done.stderr


# --- what lies on disk

def test_everything_on_disk_is_the_owners_alone(issuers):
    issuer = issuers.start()
    issuer.runner("acme/*").register().token()
    for moment in ("running", "stopped"):
        files = issuer.files()
        assert any(path == issuer.database for path in files)
        for path in files:
            assert mode(path) == 0o600, f"{path.name} is {mode(path):o} while {moment}"
        for path in issuer.sockets():
            assert mode(path) == 0o600, f"{path.name} is {mode(path):o}"
        if issuer.is_running:
            assert issuer.stop() == 0


def test_a_store_in_a_folder_that_is_not_there_yet_is_made_for_the_owner_alone(issuers):
    issuer = issuers.make()
    issuer.database = issuer.directory / "new" / "jobsworth.sqlite"
    issuer.start()
    assert mode(issuer.database.parent) == 0o700
    assert mode(issuer.database) == 0o600
    assert issuer.operator("keys", "show", "--json")


def spellings(secret: bytes) -> list[bytes]:
    """The encodings a secret could lie around in."""
    plain = base64.b64encode(secret)
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), plain.rstrip(b"="),
            plain.translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"="), secret.decode("latin-1").encode("utf-16-le")]


def test_no_secret_lies_in_the_store_nor_in_what_the_server_prints(issuers):
    issuer = issuers.start(environment={"JOBSWORTH_LOG_LEVEL": "trace", "LOG_LEVEL": "trace"})
    runner = issuer.runner("acme/*")
    job = runner.register(registration(full_facts(), reference="builds/1", id_tokens={"A_TOKEN": {"aud": "a"}}))
    token = job.token()
    dead = runner.register()
    runner.end(dead.id)
    dead.ask()
    job.ask(headers=harness.bearer(job.request_token + "x"))
    issuer.exchange(("audience", "a"), subject_token=job.request_token)
    issuer.exchange(("audience", "a b"), subject_token=job.request_token)
    issuer.get(f"{job.request_target}&audience=a&token={job.request_token}")
    runner.post(b"{")
    secrets = [runner.credential.encode(), job.request_token.encode(), dead.request_token.encode(), token.encode(),
               token.rsplit(".", 1)[1].encode()]
    needles = [spelling for secret in secrets for spelling in spellings(secret)]
    for prefixed in (runner.credential, job.request_token, dead.request_token):
        bare = prefixed.split("_", 1)[1]
        needles += [part.encode() for part in {bare, *bare.split(".")} if len(part) >= 40]
        if re.fullmatch(r"[A-Za-z0-9_-]+", bare) and len(bare) % 4 != 1:
            needles.append(base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)))
    for moment in ("running", "stopped"):
        for path in [*issuer.files(), issuer.log]:
            content = path.read_bytes()
            for needle in needles:
                assert needle not in content, f"a secret lies in {path.name} while {moment}"
            for mark in (b"PRIVATE KEY", b'"d":'):
                assert mark not in content, f"{mark!r} lies in {path.name}"
        if issuer.is_running:
            assert issuer.stop() == 0
    log = issuer.log.read_text("utf-8", "replace")
    assert "eyJ" not in log and "jwj_" not in log and "jwr_" not in log
    assert sealing_key_file(issuer).read_bytes().strip() not in issuer.database.read_bytes()


def test_the_private_halves_on_disk_are_sealed(issuers):
    """Whoever has the database alone finds no key in it: no PKCS#8, SEC1 or PKCS#1 structure of our kinds."""
    issuer = issuers.start()
    modulus = [harness.unb64url(key["n"]) for key in issuer.jwks()["keys"] if key["kty"] == "RSA"]
    assert issuer.stop() == 0
    content = b"".join(path.read_bytes() for path in issuer.files() if path.name.startswith(issuer.database.name))
    # PKCS#1 private keys begin with version 0 and the modulus; SEC1 ones with version 1 and 32 bytes.
    for number in modulus:
        assert bytes.fromhex("020100") + bytes.fromhex("0282010100") + number not in content
    assert not re.search(rb"\x30\x77\x02\x01\x01\x04\x20", content)


# --- the sealing key

@pytest.mark.parametrize("damage", ["lost", "another", "cut", "empty"])
def test_without_the_right_sealing_key_nothing_starts_and_nothing_changes(issuers, damage):
    issuer = issuers.start()
    runner = issuer.runner("acme/*")
    job = runner.register()
    assert issuer.stop() == 0
    key_file = sealing_key_file(issuer)
    key = key_file.read_bytes()
    if damage == "lost":
        key_file.unlink()
    elif damage == "another":
        other = issuers.start()
        assert other.stop() == 0
        key_file.write_bytes(sealing_key_file(other).read_bytes())
    else:
        key_file.write_bytes(key[:7] if damage == "cut" else b"")
    before = digests(issuer.files())
    process = issuer.spawn()
    assert process.wait(30) in (1, 78), issuer.output()
    assert issuer.output().strip()
    after = {name: digest for name, digest in digests(issuer.files()).items() if "lock" not in name}
    assert after == {name: digest for name, digest in before.items() if "lock" not in name}
    key_file.touch(mode=0o600)
    key_file.write_bytes(key)
    issuer.start()
    assert job.ask().status == 200


def test_the_sealing_key_may_lie_elsewhere(issuers):
    issuer = issuers.start()
    ring = issuer.keys()
    assert issuer.stop() == 0
    elsewhere = issuer.directory / "sealing-key-elsewhere"
    sealing_key_file(issuer).rename(elsewhere)
    issuer.environment["JOBSWORTH_SEALING_KEY_FILE"] = str(elsewhere)
    issuer.start()
    assert issuer.keys() == ring
    assert sealing_key_file(issuer) == elsewhere, "a second sealing key was made"


def test_a_sealing_key_that_others_can_read_is_refused(issuers):
    issuer = issuers.start()
    assert issuer.stop() == 0
    key_file = sealing_key_file(issuer)
    key_file.chmod(0o644)
    process = issuer.spawn()
    assert process.wait(30) in (1, 78), issuer.output()
    assert key_file.name in issuer.output()
    key_file.chmod(0o600)
    issuer.start()


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_file_that_is_no_store_is_refused_or_made_whole(issuers, content):
    issuer = issuers.make()
    issuer.database.touch(mode=0o600)
    issuer.database.write_bytes(content)
    process = issuer.spawn()
    if content == b"":
        issuer.kill()
        assert issuer.start().get("/.well-known/jwks").status == 200
    else:
        assert process.wait(30) in (1, 78), issuer.output()
        assert issuer.database.read_bytes() == content
        assert "fatal error" not in issuer.output().lower()


# --- the operator, with and without a running server

def test_operator_commands_work_with_and_without_a_running_server(issuers):
    issuer = issuers.start()
    with_server = issuer.runner("acme/*", name="first")
    job = with_server.register(registration(full_facts()))
    assert issuer.stop() == 0
    without = issuer.runner("acme/*", "umbrella/*", name="second")
    assert "first" in issuer.operator("runner", "list") and "second" in issuer.operator("runner", "list")
    assert issuer.keys()["keys"]
    assert job.body["id"]
    repositories = issuer.operator("repository", "list", "--json")
    assert issuer.start().operator("repository", "list", "--json") == repositories
    assert without.register(registration(facts(repository="umbrella/tools"))).ask().status == 200
    assert "second" in issuer.operator("runner", "list")
    shown = issuer.operator("runner", "list") + issuer.operator("runner", "list", "--json")
    assert "jwr_" not in shown and with_server.credential[4:] not in shown
    pinned = json.loads(repositories)["repositories"][0]["repository"]
    assert issuer.stop() == 0
    issuer.operator("repository", "rename", pinned, "acme/renamed")
    assert "acme/renamed" in issuer.operator("repository", "list")
    issuer.operator("repository", "forget", "acme/renamed")
    issuer.operator("runner", "revoke", "first")
    issuer.start()
    assert_error(job.ask(), 401)
    assert_error(with_server.post(registration()), 401)


def test_operator_commands_find_an_admin_socket_that_was_moved(issuers):
    issuer = issuers.start(admin=True)
    assert mode(issuer.admin_socket) == 0o600
    done = issuer.cli("keys", "show", "--json", "--admin", f"unix:{issuer.admin_socket}")
    if done.returncode == 64:  # the option belongs to `serve` alone, so the store has to know the way
        done = issuer.cli("keys", "show", "--json")
    assert done.returncode == 0, done.stderr
    assert {key["kid"] for key in json.loads(done.stdout)["keys"]} == {key["kid"] for key in issuer.jwks()["keys"]}


def test_revoking_a_runner_ends_its_jobs_at_once(issuers):
    issuer = issuers.start()
    runner, other = issuer.runner("acme/*"), issuer.runner("acme/*")
    jobs = [runner.register(), runner.register(registration(reference="builds/1"))]
    spared = other.register()
    assert [job.ask().status for job in jobs] == [200, 200]
    issuer.operator("runner", "revoke", runner.name)
    for job in jobs:
        assert_error(job.ask(), 401)
        assert_error(issuer.exchange(("audience", "a"), subject_token=job.request_token), 400, error="invalid_request")
    assert_error(runner.post(registration()), 401)
    assert_error(runner.end(jobs[0].id), 401)
    assert spared.ask().status == 200
    issuer.kill()
    issuer.start()
    assert_error(jobs[0].ask(), 401)
    assert_error(runner.post(registration()), 401)


def test_a_runners_name_is_given_once(issuer):
    first = issuer.runner("acme/*", name="builder")
    done = issuer.cli("runner", "add", "builder", "--repository", "acme/*")
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert first.register().ask().status == 200


def test_a_runner_that_is_not_there_cannot_be_revoked(issuer):
    done = issuer.cli("runner", "revoke", "nobody")
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_patterns_of_a_runner_may_follow_one_option(issuer):
    credential = issuer.operator("runner", "add", "both", "--repository", "acme/*", "umbrella/tools").strip()
    runner = harness.Runner(issuer, "both", credential)
    assert runner.post(registration(facts(repository="acme/following"))).status == 201
    assert runner.post(registration(facts(repository="umbrella/tools"))).status == 201
    assert runner.post(registration(facts(repository="umbrella/other"))).status == 403


# --- wrong configuration and wrong usage

def serve_once(directory, *arguments: str, **environment: str):
    """A `serve` that has to end by itself."""
    return run_cli("serve", *arguments, "--storage", f"sqlite:{directory}/jobsworth.sqlite", timeout=20,
                   environment=clean_environment(**environment))


@pytest.mark.parametrize("issuer_url", [
    "https://issuer.example/?x=1", "https://issuer.example?x", "https://issuer.example/#x",
    "https://user@issuer.example", "https://user:password@issuer.example", "https://issuer.example/",
    "https://issuer.example/path/", "http://issuer.example", "http://10.0.0.1:8080", "http://0.0.0.0:8080",
    "http://127.0.0.1.evil.example", "http://localhost.evil.example:8080", "ftp://issuer.example", "issuer.example",
    "https://", "https:///path", "", " ", "https://issuer.example ", "https://issuer.example/a b",
    "https://issuer.example/a/../b", "https://issuer.example//a", "javascript:alert(1)", "https://issuer.example:99999",
])
def test_an_issuer_url_that_cannot_be_one_is_78(directory, issuer_url):
    done = serve_once(directory, "--issuer", issuer_url, "--listen", f"{HOST}:{harness.free_port()}")
    assert done.returncode == 78, done
    assert done.stdout == "" and done.stderr.strip()
    assert "fatal error" not in done.stderr.lower()
    assert not (directory / "jobsworth.sqlite").exists(), "a store was made for nothing"


def test_no_issuer_is_a_wrong_configuration(directory):
    done = serve_once(directory)
    assert done.returncode in (64, 78), done
    assert "issuer" in done.stderr


def test_every_problem_of_the_configuration_is_reported_at_once(directory):
    file = directory / "jobsworth.yaml"
    file.write_text("issuerr: x\ntokens:\n  lifetimee: 5\nnonsense: true\n")
    done = serve_once(directory, "--issuer", "http://issuer.example", "--algorithm", "RS256",
                      "--listen", f"{HOST}:{harness.free_port()}", "--config", str(file))
    assert done.returncode == 78, done
    for problem in ("issuerr", "lifetimee", "nonsense", "issuer.example"):
        assert problem in done.stderr, f"{problem} is not reported in {done.stderr!r}"
    assert not (directory / "jobsworth.sqlite").exists()


@pytest.mark.parametrize("text", ["unknown: 1\n", "issuer: [", "- a\n- b\n", "\tx: 1\n", "a: 1\na: 2\n", "just text\n",
                                  "issuer: *nowhere\n"])
def test_a_configuration_file_that_is_wrong_is_78(directory, text):
    file = directory / "jobsworth.yaml"
    file.write_text(text)
    port = harness.free_port()
    done = serve_once(directory, "--issuer", f"http://{HOST}:{port}", "--listen", f"{HOST}:{port}", "--config", str(file))
    assert done.returncode == 78, done
    assert done.stderr.strip()


def test_a_configuration_file_that_is_not_there_is_78(directory):
    port = harness.free_port()
    done = serve_once(directory, "--issuer", f"http://{HOST}:{port}", "--listen", f"{HOST}:{port}",
                      "--config", str(directory / "none.yaml"))
    assert done.returncode == 78, done
    assert "none.yaml" in done.stderr


@pytest.mark.parametrize("arguments", [
    ("--listen", "127.0.0.1"), ("--listen", "127.0.0.1:99999"), ("--listen", "127.0.0.1:x"), ("--algorithm", "HS256"),
    ("--algorithm", "none"), ("--tls-certificate", "/nonexistent.pem"), ("--tls-key", "/nonexistent.key"),
    ("--tls-certificate", "/nonexistent.pem", "--tls-key", "/nonexistent.key"), ("--admin", "tcp:1.2.3.4:5"),
    ("--metrics", "x"), ("--runner-url", "https://x.example/?y"),
], ids=str)
def test_an_option_with_an_impossible_value_is_refused(directory, arguments):
    port = harness.free_port()
    usual = () if "--listen" in arguments else ("--listen", f"{HOST}:{port}")
    done = serve_once(directory, "--issuer", f"http://{HOST}:{port}", *usual, *arguments)
    assert done.returncode in (64, 78), done
    assert done.stdout == "" and done.stderr.strip()


def test_a_storage_url_of_another_kind_is_refused():
    port = harness.free_port()
    for storage in ("mysql://x", "x", "sqlite:", "/nowhere/x.sqlite"):
        done = run_cli("serve", "--issuer", f"http://{HOST}:{port}", "--listen", f"{HOST}:{port}", "--storage", storage,
                       timeout=20)
        assert done.returncode in (64, 78), (storage, done)


@pytest.mark.parametrize("arguments", [
    ("nonsense",), ("serve", "--nonsense"), ("runner", "add"), ("runner", "nonsense"), ("keys", "nonsense"),
    ("serve", "extra"), ("token", "verify", "--nonsense"), ("repository", "forget"), ("repository", "rename", "one"),
    ("--nonsense",), ("job", "nonsense"),
], ids=" ".join)
def test_wrong_usage_is_64(arguments):
    done = run_cli(*arguments)
    assert done.returncode == 64, done
    assert done.stdout == "" and done.stderr.strip()


def test_help_shows_the_tree_and_every_command_has_its_own():
    tree = run_cli("help")
    assert tree.returncode == 0
    commands = ["serve", "runner", "repository", "keys", "job", "token", "audit"]
    for name in commands:
        assert name in tree.stdout
    for arguments in [[name] for name in commands] + [
            ["runner", "add"], ["runner", "list"], ["runner", "revoke"], ["repository", "list"], ["repository", "forget"],
            ["repository", "rename"], ["keys", "show"], ["job", "start"], ["job", "token"], ["job", "end"],
            ["token", "inspect"], ["token", "verify"], ["audit", "show"]]:
        done = run_cli(*arguments, "--help")
        assert done.returncode == 0 and arguments[-1] in done.stdout, arguments


def test_an_option_wins_over_the_environment(issuers):
    issuer = issuers.make(environment={"JOBSWORTH_ISSUER": "http://issuer.example", "JOBSWORTH_STORAGE": "sqlite:/none/x"})
    assert issuer.start().discovery()["issuer"] == issuer.url


def test_the_environment_gives_what_no_option_says(issuers):
    issuer = issuers.make(metrics=False)
    usual = issuer.command()
    del usual[usual.index("--issuer"):usual.index("--issuer") + 2]
    issuer.command = lambda: usual
    issuer.environment["JOBSWORTH_ISSUER"] = issuer.url
    assert issuer.start().discovery()["issuer"] == issuer.url
    assert os.path.exists(issuer.database)
