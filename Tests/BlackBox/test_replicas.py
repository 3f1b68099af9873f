"""Several issuers on one PostgreSQL: what one is told, all know; what the database does not know, nobody is given."""

from __future__ import annotations

import re
import shutil
import signal
import threading
import time
import uuid
from pathlib import Path

import pytest

import databases
import harness
from harness import Connection, assert_error, claims_of, header_of, in_parallel, poll, registration
from standins import self_made_certificate

FAST = {"JOBSWORTH_KEYS_REFRESH_INTERVAL": "3s", "JOBSWORTH_TOKENS_RATE_LIMIT": "0", "JOBSWORTH_ALGORITHM": "ES256"}


@pytest.fixture(scope="module")
def server():
    made = databases.Server(harness.new_directory()).start()
    yield made
    made.remove()


@pytest.fixture
def replicas(server):
    made = []

    def start(count: int, **environment: str) -> list[databases.Replica]:
        group = databases.Replicas(server, harness.new_directory(), **{**FAST, **environment})
        made.append(group)
        return group.start(count)

    yield start
    for group in made:
        group.end_all()


def ask(job: harness.Job, replica: databases.Replica, connection: Connection | None = None) -> harness.Answer:
    """GitHub's request, at this replica."""
    target, headers = job.request_target + "&audience=sts.amazonaws.com", harness.bearer(job.request_token)
    if connection is not None:
        return connection.call("GET", target, headers=headers)
    return harness.call(replica.port, "GET", target, headers=headers)


def at(replica: databases.Replica, runner: harness.Runner) -> harness.Runner:
    """The same runner, as it speaks to this replica."""
    return harness.Runner(replica, runner.name, runner.credential)


class Load:
    """Threads that ask for tokens at all replicas until they are stopped."""

    def __init__(self, jobs: list[harness.Job], replicas: list[databases.Replica], *, threads: int = 6):
        self.answers: list[tuple[float, str, int, str]] = []
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(jobs, replicas[number % len(replicas)], number))
                         for number in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, jobs, replica, number) -> None:
        connection = None
        while not self._stop.is_set():
            job = jobs[number % len(jobs)]
            number += 1
            try:
                connection = connection or Connection(replica.port, timeout=30)
                answer = ask(job, replica, connection)
            except OSError as error:
                connection = None
                self.failures.append(f"{replica.name}: {error!r}")
                time.sleep(0.05)
                continue
            token = answer.json()["value"] if answer.status == 200 else answer.text
            self.answers.append((time.monotonic(), replica.name, answer.status, token))

    @property
    def tokens(self) -> list[str]:
        return [token for _, _, status, token in self.answers if status == 200]

    def statuses(self) -> set[int]:
        return {status for _, _, status, _ in self.answers}


def assert_recorded(group: databases.Replicas, tokens: list[str]) -> None:
    """Each token that somebody was given is in the log; nothing acknowledged was lost."""
    given = {claims_of(token)["jti"] for token in tokens}
    assert given and not given - group.recorded_tokens()


# --- what one is told ------------------------------------------------------------------------------------------------

def test_a_job_that_one_registered_gets_its_token_from_every_other_at_once(replicas):
    first, second, third = replicas(3)
    runner = first.runner("acme/*")
    assert first.jwks() == second.jwks() == third.jwks()
    for number in range(30):
        job = at([first, second, third][number % 3], runner).register()
        for replica in (third, second, first):
            answer = ask(job, replica)
            assert answer.status == 200, (number, replica.name, answer)
            assert header_of(answer.json()["value"])["kid"] in {key["kid"] for key in replica.jwks()["keys"]}
    # The chains of all verify, and one that a row was taken from does not.
    lines = first.operator("audit", "verify").splitlines()
    assert re.fullmatch(r"\d+ [A-Za-z0-9_-]{43}", lines[0])
    assert {line.split()[2] for line in lines[1:]} >= {"r1", "r2", "r3", "operator"}
    assert int(lines[0].split()[0]) == len(first.operator("audit", "show").splitlines())
    first.group.query("DELETE FROM audit WHERE sequence = 3 AND chain = (SELECT id FROM audit_chain WHERE name = 'r2')")
    broken = first.cli("audit", "verify")
    assert broken.returncode == 1 and "chain of r2 breaks" in broken.stderr


def test_facts_leases_and_references_are_every_replicas(replicas):
    first, second = replicas(2)
    runner = first.runner("acme/*")
    reference = uuid.uuid4().hex
    body = registration(reference=reference, lease=60)
    job = runner.register(body)
    again = at(second, runner).post(body)
    assert again.status == 200 and again.json()["id"] == job.id
    assert at(second, runner).patch(job.id, {"job": {"sha": "0f" * 20}}).status == 200
    assert claims_of(ask(job, first).json()["value"])["sha"] == "0f" * 20
    assert at(first, runner).patch(job.id, {"job": {"actor": "bob"}}).status == 409
    assert at(second, runner).heartbeat(job.id).status == 200
    other = at(second, runner).post(registration(reference=reference))
    assert other.status == 409


def test_of_many_registrations_under_one_reference_at_all_replicas_one_is_new(replicas):
    everyone = replicas(3)
    runner = everyone[0].runner("acme/*")
    for _ in range(5):
        body = registration(reference=uuid.uuid4().hex)
        answers = in_parallel(lambda number: at(everyone[number % 3], runner).post(body), range(12), threads=12)
        assert sorted(answer.status for answer in answers) == [200] * 11 + [201], answers
        assert len({answer.json()["id"] for answer in answers}) == 1


# --- ends ------------------------------------------------------------------------------------------------------------

def test_a_job_that_one_ended_is_dead_at_all_at_once(replicas):
    everyone = replicas(3)
    runner = everyone[0].runner("acme/*")
    for number in range(60):
        job = runner.register()
        for replica in everyone:
            assert ask(job, replica).status == 200
        assert at(everyone[number % 3], runner).end(job.id).status == 204
        for replica in everyone:
            assert_error(ask(job, replica), 401)


def test_no_token_is_given_after_an_acknowledged_end_however_many_ask_wherever(replicas):
    everyone = replicas(3)
    runner = everyone[0].runner("acme/*")
    for number in range(8):
        job = runner.register()
        asked: list[tuple[float, int, str]] = []
        begin = threading.Barrier(13)

        def mint(replica: databases.Replica) -> None:
            with Connection(replica.port, timeout=30) as connection:
                begin.wait(30)
                refusals = 0
                while refusals < 3:
                    before = time.monotonic()
                    answer = ask(job, replica, connection)
                    asked.append((before, answer.status, answer.text))
                    refusals += answer.status != 200

        threads = [threading.Thread(target=mint, args=(everyone[index % 3],)) for index in range(12)]
        for thread in threads:
            thread.start()
        begin.wait(30)
        time.sleep(0.15)
        assert at(everyone[number % 3], runner).end(job.id).status == 204
        acknowledged = time.monotonic()
        for thread in threads:
            thread.join(30)
        late = [entry for entry in asked if entry[0] > acknowledged]
        assert late and all(status == 401 for _, status, _ in late), late
        assert {status for _, status, _ in asked} == {200, 401}
        # The log has no permit behind the end, in whatever chain: the gate and the row's lock say so.
        rows = runner.issuer.group.query(
            "SELECT count(*) FROM audit WHERE convert_from(document, 'UTF8')::json ->> 'job' = '" + job.id + "' AND kid IS NOT NULL")
        assert int(rows[0]) == sum(status == 200 for _, status, _ in asked)


def test_a_runner_that_was_revoked_is_nobody_anywhere(replicas):
    first, second = replicas(2)
    runner = first.runner("acme/*")
    job = runner.register()
    assert ask(job, second).status == 200
    second.operator("runner", "revoke", runner.name)
    for replica in (first, second):
        assert_error(ask(job, replica), 401)
        assert_error(at(replica, runner).post(registration()), 401)


# --- keys ------------------------------------------------------------------------------------------------------------

def test_keys_turn_at_all_replicas_whoever_turns_them(replicas):
    everyone = replicas(3)
    runner = everyone[0].runner("acme/*")
    jobs = [runner.register() for _ in range(4)]
    old = header_of(ask(jobs[0], everyone[1]).json()["value"])["kid"]
    everyone[0].operator("keys", "revoke", old)
    # At once, without a refresh: a record that names the key is refused, and the next key signs.
    for replica in everyone:
        answer = ask(jobs[0], replica)
        assert answer.status == 200, answer
        assert header_of(answer.json()["value"])["kid"] != old
    for replica in everyone:
        poll(lambda: old not in {key["kid"] for key in replica.jwks()["keys"]}, seconds=10, what=replica.name)


def test_revoking_while_everybody_signs_leaves_no_token_of_the_key_behind(replicas):
    everyone = replicas(3)
    runner = everyone[0].runner("acme/*")
    jobs = [runner.register() for _ in range(4)]
    with Load(jobs, everyone) as load:
        time.sleep(1)
        old = header_of(load.tokens[-1])["kid"]
        everyone[0].operator("keys", "revoke", old)
        revoked = time.monotonic()
        time.sleep(1.5)
    assert load.statuses() == {200}, [answer for answer in load.answers if answer[2] != 200][:5]
    # Half a second for what was on its way when the command came back.
    late = [token for when, _, status, token in load.answers if status == 200 and when > revoked + 0.5]
    assert late and all(header_of(token)["kid"] != old for token in late)
    assert_recorded(runner.issuer.group, load.tokens)


def test_after_all_keys_were_revoked_no_request_token_of_before_is_good_anywhere(replicas):
    first, second = replicas(2)
    runner = first.runner("acme/*")
    job = runner.register()
    first.operator("keys", "revoke", "--all", "--yes")
    for replica in (first, second):
        assert_error(ask(job, replica), 401)

    def registers() -> bool:
        new = runner.register()
        return all(ask(new, replica).status == 200 for replica in (first, second))

    # The new key of the request tokens is taken over within a second.
    poll(registers, seconds=15, what="tokens by the new keys")


# --- what breaks -----------------------------------------------------------------------------------------------------

def test_a_killed_replica_takes_nothing_along(replicas):
    everyone = replicas(3)
    runner = everyone[0].runner("acme/*")
    jobs = [runner.register() for _ in range(6)]
    with Load(jobs, everyone) as load:
        time.sleep(1)
        everyone[2].kill()
        time.sleep(1)
        everyone[2].start()
        time.sleep(1)
    assert load.statuses() == {200}
    assert_recorded(runner.issuer.group, load.tokens)
    assert ask(jobs[0], everyone[2]).status == 200
    assert everyone[0].operator("audit", "verify")


def test_connections_that_the_server_ends_are_made_again(replicas):
    everyone = replicas(2)
    runner = everyone[0].runner("acme/*")
    group = runner.issuer.group
    jobs = [runner.register() for _ in range(4)]
    with Load(jobs, everyone) as load:
        for _ in range(15):
            group.server.query(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{group.name}' AND pid <> pg_backend_pid()")
            time.sleep(0.2)
    # A commit of which nobody knows whether it was done is answered 503.
    assert load.statuses() <= {200, 503} and len(load.tokens) > 20
    assert_recorded(group, load.tokens)
    poll(lambda: ask(jobs[0], everyone[0]).status == 200, seconds=5, what="a token")
    assert everyone[0].operator("audit", "verify")


def cache_control(replica: databases.Replica) -> str:
    return replica.get("/.well-known/jwks").header("Cache-Control")


@pytest.mark.parametrize("how", ["stands still", "is gone"])
def test_without_the_database_nothing_is_signed_and_the_keys_are_published(replicas, server, how):
    everyone = replicas(2)
    runner = everyone[0].runner("acme/*")
    jobs = [runner.register() for _ in range(2)]
    keys = everyone[0].jwks()
    with Load(jobs, everyone, threads=4) as load:
        time.sleep(0.5)
        if how == "is gone":
            server.stop()
        else:
            server.signal_all(signal.SIGSTOP)
        try:
            away = time.monotonic()
            poll(lambda: not any(replica.ready() for replica in everyone), seconds=15, what="not ready")
            for replica in everyone:
                began = time.monotonic()
                answer = ask(jobs[0], replica)
                assert_error(answer, 503)
                assert int(answer.header("Retry-After")) >= 1
                assert time.monotonic() - began < 10
                began = time.monotonic()
                assert replica.jwks() == keys and replica.discovery()["issuer"] == replica.url
                assert time.monotonic() - began < 1
                # Another may have published a key of which this one could not hear.
                poll(lambda: cache_control(replica) == "public, max-age=0", seconds=10, what="a set that is not kept")
        finally:
            if how == "is gone":
                server.start()
            else:
                server.signal_all(signal.SIGCONT)
        back = time.monotonic()
        for replica in everyone:
            poll(lambda: replica.ready() and ask(jobs[0], replica).status == 200, seconds=20, what=replica.output())
            assert cache_control(replica) != "public, max-age=0"
    assert load.statuses() <= {200, 503}
    # What was under way may still come; after that nobody is given anything.
    assert not [entry for entry in load.answers if entry[2] == 200 and away + 8 < entry[0] < back]
    assert_recorded(runner.issuer.group, load.tokens)
    assert everyone[0].operator("audit", "verify")


def test_a_replica_that_stands_still_holds_nobody_up_for_long(replicas):
    everyone = replicas(2)
    runner = everyone[0].runner("acme/*")
    jobs = [runner.register() for _ in range(4)]
    with Load(jobs, [everyone[1]], threads=4):
        for _ in range(6):
            time.sleep(0.1)
            everyone[1].process.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            job = runner.register()
            assert ask(job, everyone[0]).status == 200
            assert runner.end(job.id).status == 204
            everyone[0].operator("keys", "rotate")
            assert time.monotonic() - began < 8
            everyone[1].process.send_signal(signal.SIGCONT)
    assert ask(jobs[0], everyone[1]).status == 200


def test_a_server_that_lost_what_it_had_committed_is_believed_by_nobody_who_knows(replicas):
    first, second = replicas(2)
    runner = first.runner("acme/*")
    job = runner.register()
    assert ask(job, first).status == 200 and ask(job, second).status == 200
    # As after the promotion of a standby that had not got the last records, or the return of an old primary.
    end = first.group.query("SELECT sequence, encode(digest, 'hex') FROM audit_chain WHERE name = 'r1'")[0].split("|")
    first.group.query("UPDATE audit_chain SET sequence = sequence - 1 WHERE name = 'r1'")
    assert_error(ask(job, first), 503)
    poll(lambda: not first.ready(), seconds=5, what="not ready")
    assert first.jwks() and "lacks records" in first.output()
    assert ask(job, second).status == 200
    first.group.query(f"UPDATE audit_chain SET sequence = {end[0]} WHERE name = 'r1'")
    poll(lambda: first.ready() and ask(job, first).status == 200, seconds=10, what="a token")


@pytest.mark.parametrize("offset", ["-10", "+10"])
def test_a_replica_whose_clock_is_not_the_databases_signs_nothing(replicas, offset):
    first, = replicas(1)
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert libraries, "libfaketime is missing: run `make packages`"
    first.group.start(1, environment={
        "LD_PRELOAD": str(libraries[0]), "FAKETIME": offset, "FAKETIME_NO_CACHE": "1",
        # What a name is missing, the library adds, which moves the environment under Swift.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_SHARED": "/none /none"})
    second = first.group.all[1]
    runner = first.runner("acme/*")
    job = runner.register()
    poll(lambda: ask(job, second).status == 503, seconds=5, what="503")
    assert not second.ready() and second.jwks() == first.jwks()
    assert ask(job, first).status == 200


# --- starting --------------------------------------------------------------------------------------------------------

def private(file: Path, text: str) -> str:
    """A file that libpq takes for a secret's."""
    file.touch(mode=0o600)
    file.write_text(text)
    return str(file)


def refused(*arguments: str, **environment: str):
    directory = harness.new_directory()
    try:
        return harness.run_cli(
            "serve", "--issuer", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", *arguments,
            environment=harness.clean_environment(JOBSWORTH_STORAGE_DIRECTORY=str(directory), **environment))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_a_password_in_the_url_is_refused_and_not_repeated(server):
    for url in (f"postgres://jobsworth:hunter2@{harness.HOST}:{server.port}/postgres",
                f"postgresql://{harness.HOST}:{server.port}/postgres?password=hunter2"):
        done = refused("--storage", url)
        assert done.returncode == 78 and "PGPASSFILE" in done.stderr and "hunter2" not in done.stderr
    broken = refused("--storage", "postgres://jobsworth:hunter2@[::1/postgres")
    assert broken.returncode == 78 and "hunter2" not in broken.stderr


def test_a_server_that_would_lose_commits_is_refused_with_the_mend(server):
    database = server.database()
    server.query(f"ALTER DATABASE {database} SET synchronous_commit = off")
    done = refused("--storage", server.url(database))
    assert done.returncode == 78 and "synchronous_commit = on" in done.stderr
    server.query(f"ALTER DATABASE {database} RESET synchronous_commit")
    server.query(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    done = refused("--storage", server.url(database))
    assert done.returncode == 78 and "primary" in done.stderr


def test_a_server_that_is_not_there_is_named(server):
    done = refused("--storage", f"postgres://jobsworth@127.0.0.1:{harness.free_port()}/x")
    assert done.returncode == 1 and "PostgreSQL does not answer" in done.stderr


def test_another_sealing_key_changes_nothing(replicas, server):
    first, = replicas(1)
    before = first.group.query("SELECT version, encode(digest, 'hex') FROM key_ring")
    done = refused("--storage", first.storage)
    assert done.returncode == 78 and "sealing key" in done.stderr
    assert first.group.query("SELECT version, encode(digest, 'hex') FROM key_ring") == before


def test_backups_are_left_to_the_databases_own_tools(replicas):
    first, = replicas(1)
    done = first.cli("backup", str(first.directory / "b"))
    assert done.returncode == 1 and "pg_dump" in done.stderr


def test_tls_and_passwords_are_those_of_libpqs_own_files():
    directory = harness.new_directory()
    directory.chmod(0o755)
    ours, theirs = (self_made_certificate(directory, name) for name in ("database", "another"))
    shared, group = databases.Server(harness.new_directory()), None
    try:
        shutil.chown(ours[1], shared.data.stat().st_uid)
        shared.start(ssl="on", ssl_cert_file=str(ours[0]), ssl_key_file=str(ours[1]))
        group = databases.Replicas(shared, directory, **FAST)
        shared.query(f"ALTER ROLE {databases.USER} PASSWORD 'hunter2'")
        (shared.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        shared.process.send_signal(signal.SIGHUP)
        passwords = private(directory / "pgpass", f"{harness.HOST}:{shared.port}:*:{databases.USER}:hunter2\n")
        group.storage += f"?sslmode=verify-full&sslrootcert={ours[0]}"
        poll(lambda: "no password" in refused("--storage", group.storage).stderr, seconds=20, what="pg_hba.conf")
        stranger = refused("--storage", group.storage.replace("database.pem", "another.pem"), PGPASSFILE=passwords)
        assert stranger.returncode == 1 and "certificate verify failed" in stranger.stderr
        plain = refused("--storage", group.storage.partition("?")[0] + "?sslmode=disable", PGPASSFILE=passwords)
        assert plain.returncode == 1 and "no encryption" in plain.stderr
        service = private(directory / "services", f"[ci]\nhost={harness.HOST}\nport={shared.port}\ndbname={group.name}\n"
                          f"user={databases.USER}\nsslmode=verify-full\nsslrootcert={ours[0]}\n")
        group.environment |= {"PGPASSFILE": passwords}
        first, = group.start(1)
        first.runner("acme/*").register(registration())
        group.environment |= {"PGSERVICEFILE": service}
        group.storage = "postgres://?service=ci"
        first, second = group.start(1)
        job = first.runner("acme/*").register(registration())
        assert ask(job, second).status == 200
        assert "hunter2" not in "".join(replica.log.read_text() for replica in group.all)
    finally:
        for replica in group.all if group else []:
            replica.kill()
        shared.remove()
        shutil.rmtree(directory, ignore_errors=True)


def test_libpq_and_what_it_brings_is_in_the_process_only_where_postgresql_is_meant(issuers, replicas):
    def has_libpq(issuer) -> bool:
        return "/libpq.so" in Path(f"/proc/{issuer.process.pid}/maps").read_text()

    first, = replicas(1)
    assert has_libpq(first)
    assert not has_libpq(issuers.start())


def test_without_libpq_it_says_what_to_install(server):
    directory = harness.new_directory()
    (directory / "libpq.so.5").touch()
    answer = refused("--storage", server.url("any"), LD_LIBRARY_PATH=str(directory))
    assert answer.returncode == 78 and "apt-get install libpq5" in answer.stderr, answer
    shutil.rmtree(directory)


# --- moving up -------------------------------------------------------------------------------------------------------

def test_a_store_moves_to_replicas_and_no_token_breaks(issuers, replicas, server):
    old = issuers.start(environment={"JOBSWORTH_ALGORITHM": "ES256"})
    runner, gone = old.runner("acme/*"), old.runner("acme/*")
    body = registration(reference=uuid.uuid4().hex, job=harness.full_facts())
    job, fresh = runner.register(body), runner.register()
    token = job.token()
    old.operator("runner", "revoke", gone.name)
    running = harness.run_cli("storage", "copy", "--from", old.storage, "--to", server.url(server.database()))
    assert running.returncode == 1 and "stop it first" in running.stderr
    records, keys = old.audit(), old.jwks()
    assert old.stop() == 0

    group = databases.Replicas(
        server, harness.new_directory(), url=old.url, **FAST,
        JOBSWORTH_SEALING_KEY_FILE=f"{old.database}.sealing-key",
        JOBSWORTH_KEYS_REVOCATION_LEDGER=f"{old.database}.revocations")
    try:
        done = harness.run_cli("storage", "copy", "--from", old.storage, "--to", group.storage)
        assert done.returncode == 0, done.stderr
        assert f"audit {len(records)}" in done.stdout and "runner 2" in done.stdout and "job 2" in done.stdout
        again = harness.run_cli("storage", "copy", "--from", old.storage, "--to", group.storage)
        assert again.returncode == 1 and "holds a store already" in again.stderr
        first, second = group.start(2)
        # The log is whole, and the keys are the same: what was given out before verifies by what is served now.
        assert first.operator("audit", "verify")
        assert [record for record in first.audit() if record in records] == records
        assert first.jwks() == second.jwks()
        assert {key["kid"] for key in keys["keys"]} <= {key["kid"] for key in first.jwks()["keys"]}
        (group.directory / "jwks").write_bytes(second.get("/.well-known/jwks").body)
        assert harness.run_cli("token", "verify", "--jwks", str(group.directory / "jwks"), "--issuer", old.url,
                               "--audience", "sts.amazonaws.com", token).returncode == 0
        # Jobs go on with what they were given, and so do runners.
        for replica in (first, second):
            assert ask(job, replica).status == 200
            assert ask(fresh, replica).status == 200
            assert at(replica, runner).post(body).status == 200
            assert_error(at(replica, gone).post(registration()), 401)
        assert at(second, runner).patch(job.id, {"job": {"head_ref": "x"}}).status == 409
        assert at(second, runner).register(registration()).id
    finally:
        group.end_all()


# --- the sealing key -------------------------------------------------------------------------------------------------

def test_replicas_with_folders_of_their_own_take_over_a_new_sealing_key(replicas):
    """One has the new key before anything is sealed with it, the other only later; neither is started again for it."""
    first, second = replicas(2)
    group = first.group
    shared = group.directory / "keys"
    for replica in (first, second):
        replica.kill()
        folder = group.directory / f"keys-{replica.name}"
        shutil.copytree(shared, folder, ignore=shutil.ignore_patterns("*.sock", "*lock*"))
        folder.chmod(0o700)
        replica.environment["JOBSWORTH_STORAGE_DIRECTORY"] = str(folder)
        replica.spawn()
    poll(lambda: first.ready() and second.ready(), seconds=30, what="both")
    runner = first.runner("acme/*")
    job = runner.register()
    old = (shared / "issuer.sealing-key").read_text()

    # Nothing is sealed with a key that the replicas could not have.
    done = first.cli("keys", "reseal")
    assert done.returncode == 1 and "sealing_key_not_prepared" in done.stderr and "--prepare" in done.stderr
    new = Path(first.operator("keys", "reseal", "--prepare").strip())
    assert new == shared / "issuer.sealing-key.next" and new.stat().st_mode & 0o777 == 0o600
    prepared = new.read_text()
    # Said again, it is the same: others may have it.
    first.operator("keys", "reseal", "--prepare")
    first.operator("keys", "rotate")
    assert new.read_text() == prepared != old
    shutil.copy2(new, group.directory / "keys-r1" / new.name)
    assert "sealed anew" in first.operator("keys", "reseal")
    assert not new.exists() and (shared / "issuer.sealing-key").read_text() == prepared

    def status(replica) -> int:
        return ask(job, replica).status

    taken = group.directory / "keys-r1" / "issuer.sealing-key"
    poll(lambda: taken.read_text() == prepared, seconds=10, what="the new key in the first one's folder")
    # The one without it signs no more once its ring is too old, and publishes.
    poll(lambda: status(second) == 503, seconds=15, what="503 at the second")
    assert second.jwks() == first.jwks() and status(first) == 200
    shutil.copy2(taken, group.directory / "keys-r2" / new.name)
    poll(lambda: status(second) == 200, seconds=15, what="a token of the second")
    assert status(first) == 200
    # The next keys are sealed with the new one, whoever makes them, and all start with it.
    first.operator("keys", "prepare", "--algorithm", "ES256")
    for replica in (first, second):
        assert (group.directory / f"keys-{replica.name}" / "issuer.sealing-key").read_text() == prepared
        replica.kill()
        replica.start()
        assert status(replica) == 200
    record, = [record for record in first.audit() if record["operation"] == "key_reseal"]
    assert record["decision"] == "permit"
