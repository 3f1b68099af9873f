"""Backup and restore: whole copies while tokens are issued, and no way back for what was revoked."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

import harness
from harness import assert_error, claims_of, in_parallel, poll, registration
from keyrings import (
    AUDIENCES, Seasoned, die_at, digests, instant, is_sound, key, keys, killed_after, kids, ledger_file, make, only,
    published, sealing_key_file, signing_kids, wait_for_exit)
from standins import verify_through_discovery


@pytest.fixture(scope="module")
def seasoned(module_issuers):
    return Seasoned(module_issuers)


@pytest.fixture
def stopped(issuers, seasoned):
    return seasoned.copy(issuers, aged=600)


@pytest.fixture
def running(stopped):
    return stopped.start()


def back_up(issuer, name: str = "store.backup") -> Path:
    file = issuer.directory / name
    answer = harness.strict_json(issuer.operator("backup", str(file), "--json"))
    assert answer["path"] == str(file)
    assert isinstance(answer["key_ring_version"], int) and answer["records"] >= 1 and instant(answer["last_record_at"])
    return file


def lose_everything_but_the_sealing_key(issuer) -> None:
    issuer.kill()
    for path in issuer.store_directory.iterdir():
        if path != sealing_key_file(issuer):
            path.unlink()


def not_restored(issuer, file: Path, *arguments: str, status: int | tuple[int, ...] = 1) -> str:
    """The restore is refused, and the store is as it was, byte for byte; what was said."""
    before = digests(issuer.store_directory)
    done = issuer.cli("restore", str(file), *arguments)
    assert done.returncode in ((status,) if isinstance(status, int) else status), done
    assert done.stdout == "" and done.stderr.strip() and "fatal error" not in done.stderr.lower()
    assert digests(issuer.store_directory) == before
    return done.stderr


def permitted(issuer) -> set[str]:
    return {record["jti"] for record in issuer.audit(decision="permit") if record.get("jti")}


# --- backup

def test_a_backup_is_whole_while_tokens_are_issued(issuers, running, seasoned):
    runner = seasoned.runner(running)
    acknowledged, failures, done = [], [], threading.Event()

    def mint() -> None:
        job = runner.register()
        with harness.Connection(running.port) as connection:
            while not done.is_set():
                answer = job.ask(connection=connection)
                if answer.status == 200:
                    acknowledged.append(claims_of(answer.json()["value"])["jti"])
                else:
                    failures.append(repr(answer))

    threads = [threading.Thread(target=mint) for _ in range(3)]
    for thread in threads:
        thread.start()
    backups = []
    try:
        poll(lambda: len(acknowledged) > 30, seconds=20, what="tokens")
        for number in range(3):
            before = set(acknowledged)
            backups.append((back_up(running, f"{number}.backup"), before))
    finally:
        done.set()
        for thread in threads:
            thread.join(20)
    assert not failures, failures[0]
    assert len(acknowledged) > len(backups[-1][1]) > len(backups[0][1])
    for file, before in (backups[0], backups[-1]):
        assert is_sound(file)
        assert file.stat().st_mode & 0o777 == 0o600
        other = make(issuers)
        shutil.copy2(sealing_key_file(running), sealing_key_file(other))
        other.operator("restore", str(file))
        assert before <= permitted(other)
        assert other.operator("audit", "verify")
        assert kids(other.keys()) == kids(running.keys())
    (record, *others) = running.audit(operation="backup")
    assert len(others) == 2 and record["decision"] == "permit"


def test_a_backup_is_one_file_without_the_sealing_key(running):
    folder = running.directory / "backups"
    folder.mkdir()
    running.operator("backup", str(folder / "one"))
    assert [path.name for path in folder.iterdir()] == ["one"]
    assert sealing_key_file(running).read_bytes().strip() not in (folder / "one").read_bytes()


@pytest.mark.parametrize("how", ["through the running issuer", "directly on the file"])
def test_a_backup_replaces_no_file_and_needs_a_folder(stopped, how):
    if how == "through the running issuer":
        stopped.start()
    file = stopped.directory / "taken"
    file.write_text("precious")
    (stopped.directory / "link").symlink_to(stopped.directory / "nowhere")
    for path in (file, stopped.directory / "none" / "x", stopped.store_directory, stopped.database,
                 stopped.directory / "link" / "x"):
        done = stopped.cli("backup", str(path))
        assert done.returncode == 1 and done.stdout == "" and len(done.stderr.strip().splitlines()) == 1, done
    assert file.read_text() == "precious"
    assert not (stopped.directory / "none").exists()
    assert stopped.operator("audit", "verify")
    assert stopped.cli("backup").returncode == 64


def test_a_relative_path_is_taken_from_where_the_operator_stands(running):
    folder = running.directory / "here"
    folder.mkdir()
    running.operator("backup", "mine", cwd=folder)
    assert is_sound(folder / "mine")


def test_a_backup_needs_no_sealing_key(stopped):
    sealing_key_file(stopped).rename(stopped.directory / "away")
    assert is_sound(back_up(stopped))


# --- restore

def test_a_restore_is_refused_while_an_issuer_runs(running, seasoned):
    file = back_up(running)
    job = seasoned.runner(running).register()
    ring = running.keys()
    done = running.cli("restore", str(file), "--accept-loss")
    assert done.returncode == 1 and done.stdout == "" and "stop" in done.stderr, done
    assert running.keys() == ring
    assert job.ask().status == 200
    assert not [path for path in running.store_directory.iterdir() if "restoring" in path.name]


def test_a_lost_store_comes_back_with_its_runners_and_keys_and_without_its_jobs(running, seasoned):
    runner = seasoned.runner(running)
    later = running.runner(name="later")
    body = registration(reference="builds/1")
    jobs = [runner.register(body), later.register()]
    tokens = [job.token() for job in jobs]
    ring = running.keys()
    file = back_up(running)
    lose_everything_but_the_sealing_key(running)
    answer = harness.strict_json(running.operator("restore", str(file), "--json"))
    assert set(answer) == {"records", "keys_refused", "runners_refused"}
    assert (answer["keys_refused"], answer["runners_refused"]) == (0, 0)
    restored = running.keys()
    assert restored["version"] > ring["version"]
    assert kids(restored) == kids(ring) and kids(restored, "active") == kids(ring, "active")
    assert not any("published_at" in key(restored, kid) for kid in kids(restored, "prepared")), (
        "nobody knows which set verifiers hold")
    running.start()
    for job in jobs:
        assert_error(job.ask(), 401)
    assert runner.post(body).status == 409
    for runner in (runner, later):
        fresh = runner.register()
        assert verify_through_discovery(running.url, fresh.token("a"), "a")
    assert verify_through_discovery(running.url, tokens[0], claims_of(tokens[0])["aud"])
    assert {claims_of(token)["jti"] for token in tokens} <= permitted(running)
    assert running.operator("audit", "verify")
    assert len(running.audit(operation="restore", decision="permit")) == 1
    done = running.cli("keys", "rotate", "--now")
    assert done.returncode == 1 and "standby_" in done.stderr, "a standby signs before its lead began anew"


def test_a_restore_that_loses_nothing_needs_no_word(stopped):
    file = back_up(stopped)
    assert stopped.operator("restore", str(file))
    assert stopped.start().jwks()["keys"]


@pytest.mark.parametrize("what", ["records", "ring"])
def test_going_back_is_refused_until_the_loss_is_accepted(stopped, what):
    file = back_up(stopped)
    if what == "records":
        stopped.runner(name="later")
    else:
        keys(stopped, "rotate", "--now", "--algorithm", "ES256")
    after = stopped.keys()
    assert "--accept-loss" in not_restored(stopped, file)
    assert stopped.keys() == after
    stopped.operator("restore", str(file), "--accept-loss")
    assert stopped.keys()["version"] > after["version"], "the version of the ring went back"
    assert "later" not in stopped.operator("runner", "list")
    assert stopped.operator("audit", "verify")
    stopped.start()


def test_a_lost_store_that_was_refused_at_a_start_can_still_be_restored(stopped):
    file = back_up(stopped)
    lose_everything_but_the_sealing_key(stopped)
    assert wait_for_exit(stopped) == 78
    stopped.operator("restore", str(file))
    stopped.start()


# --- what was revoked stays revoked

def assert_stays_revoked(issuer, victim: str, dead: harness.Runner, seasoned) -> None:
    assert key(issuer.keys(), victim)["state"] == "revoked"
    assert victim not in published(issuer)
    assert_error(dead.post(registration()), 401)
    job = seasoned.runner(issuer).register()
    signing = signing_kids(job)
    assert victim not in signing.values() and set(signing.values()) <= set(published(issuer))
    assert verify_through_discovery(issuer.url, job.token("a"), "a")


@pytest.mark.parametrize("way", ["restore", "by hand with the log", "onto nothing but the ledger"])
def test_what_was_revoked_after_the_backup_does_not_come_back(running, seasoned, way):
    dead = running.runner(name="stolen")
    old_job = dead.register()
    ring = running.keys()
    victim, standby = only(ring, "active", "RS256"), only(ring, "prepared", "RS256")
    file = back_up(running)
    copy = running.directory / "copy"
    if way == "by hand with the log":
        copy.mkdir()
        running.process.send_signal(harness.signal.SIGSTOP)
        for suffix in ("", "-wal"):
            shutil.copy2(f"{running.database}{suffix}", copy)
        running.process.send_signal(harness.signal.SIGCONT)
    keys(running, "revoke", victim)
    keys(running, "revoke", standby)
    running.operator("runner", "revoke", "stolen")
    assert running.stop() == 0
    if way == "restore":
        answer = harness.strict_json(running.operator("restore", str(file), "--accept-loss", "--json"))
        assert (answer["keys_refused"], answer["runners_refused"]) == (2, 1)
    elif way == "onto nothing but the ledger":
        for path in running.store_directory.iterdir():
            if path not in (sealing_key_file(running), ledger_file(running)):
                path.unlink()
        running.operator("restore", str(file))
    else:
        for path in running.store_directory.glob(running.database.name + "-*"):
            path.unlink()
        for path in copy.iterdir():
            shutil.copy2(path, running.store_directory / path.name)
    seen: list[set[str]] = []
    process = running.spawn()
    deadline = time.monotonic() + 30
    while len(seen) < 10 and time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            seen.append(set(published(running)))  # from the very first answer
    assert seen and not any({victim, standby} & set_ for set_ in seen), running.output()
    assert_stays_revoked(running, victim, dead, seasoned)
    assert key(running.keys(), standby)["state"] == "revoked"
    assert_error(old_job.ask(), 401)
    records = [record for record in running.audit(operation="key_revoke") if record["kid"] == victim]
    assert [record["reason"] for record in records] == ["ledger"]
    assert running.operator("audit", "verify")
    running.kill()
    running.start()
    assert_stays_revoked(running, victim, dead, seasoned)


def test_after_revoke_all_an_older_backup_brings_back_no_key_and_no_request_token(running, seasoned):
    job = seasoned.runner(running).register()
    old = kids(running.keys())
    file = back_up(running)
    keys(running, "revoke", "--all", "--yes")
    assert running.stop() == 0
    running.operator("restore", str(file), "--accept-loss")
    running.start()
    assert not set(old) & set(published(running))
    assert len(published(running)) == 4
    assert_error(job.ask(), 401)
    fresh = seasoned.runner(running).register()
    assert verify_through_discovery(running.url, fresh.token(AUDIENCES["ES256"]), AUDIENCES["ES256"])


# --- backups that are none

LISTS = (("runner", "list", "--json"), ("repository", "list", "--json"))


def test_a_damaged_backup_is_refused_or_restored_right_and_never_half(issuers, seasoned, running):
    runner = seasoned.runner(running)
    for _ in range(5):
        runner.register().token()
    file = back_up(running)
    assert running.stop() == 0
    content, moments = file.read_bytes(), random.Random(7)
    ring, listed = running.keys(), [running.operator(*what) for what in LISTS]
    failures = []

    def restore(position: int) -> None:
        issuer = make(issuers)
        shutil.copy2(sealing_key_file(running), sealing_key_file(issuer))
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 8)
        backup = issuer.directory / "damaged.backup"
        backup.write_bytes(bytes(damaged))
        done = issuer.cli("restore", str(backup))
        if done.returncode == 0:
            verified = issuer.cli("audit", "verify")
            if verified.returncode:
                failures.append(f"byte {position}: restored, and {verified.stderr}")
            elif kids(issuer.keys()) != kids(ring):
                failures.append(f"byte {position}: another ring")
            elif [issuer.operator(*what) for what in LISTS] != listed:
                failures.append(f"byte {position}: restored, with other runners or repositories")
        elif done.returncode not in (1, 78) or not done.stderr.strip() or "fatal error" in done.stderr.lower():
            failures.append(f"byte {position}: {done}")
        elif sorted(path.name for path in issuer.store_directory.iterdir()
                    if not path.name.endswith(".lock")) != [sealing_key_file(issuer).name]:
            failures.append(f"byte {position}: refused, but {list(issuer.store_directory.iterdir())}")
        shutil.rmtree(issuer.directory)

    used = [position for position in range(len(content)) if content[position]]
    pattern = content.index(b"acme/*")
    in_parallel(restore, [pattern, *(moments.choice(used) for _ in range(40))], threads=3)
    assert not failures, f"{len(failures)} of 41: {failures}"


def test_a_backup_that_was_cut_or_is_something_else_is_refused(stopped):
    file = back_up(stopped)
    content = file.read_bytes()
    for name, damaged in {"empty": b"", "header": content[:100], "half": content[:len(content) // 2],
                          "page": content[:-4096], "text": b"not a backup\n" * 500,
                          "zeros": bytes(len(content))}.items():
        other = stopped.directory / name
        other.write_bytes(damaged)
        assert name in not_restored(stopped, other, "--accept-loss"), name
    assert "none" in not_restored(stopped, stopped.directory / "none")
    not_restored(stopped, stopped.directory)
    with closing(sqlite3.connect(stopped.directory / "foreign")) as connection:
        connection.execute("CREATE TABLE x (y)")
        connection.commit()
    not_restored(stopped, stopped.directory / "foreign", "--accept-loss")
    assert stopped.cli("restore").returncode == 64


def test_a_backup_whose_ring_is_damaged_is_refused(stopped):
    file = back_up(stopped)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE key_ring SET version = version + 1, digest = zeroblob(32)")
    not_restored(stopped, file, "--accept-loss")


def test_a_backup_of_another_sealing_key_is_refused(issuers, seasoned, stopped):
    file = back_up(stopped)
    keys(stopped, "reseal")
    assert "sealing key" in not_restored(stopped, file, "--accept-loss", status=78)
    other = make(issuers)
    other.start()
    assert other.stop() == 0
    assert "sealing key" in not_restored(other, file, "--accept-loss", status=78)
    nothing = make(issuers)
    assert "sealing key" in not_restored(nothing, file, status=78)
    assert list(nothing.store_directory.iterdir()) == []


def test_a_backup_of_the_future_is_refused(stopped):
    file = back_up(stopped)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        sequence, document = connection.execute(
            "SELECT sequence, document FROM audit ORDER BY sequence DESC").fetchone()
        record = json.loads(document)
        record["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        connection.execute("UPDATE audit SET document = ? WHERE sequence = ?",
                           (json.dumps(record, separators=(",", ":")).encode(), sequence))
    not_restored(stopped, file)
    not_restored(stopped, file, "--accept-loss")


def test_a_backup_of_a_newer_version_is_refused(stopped):
    file = back_up(stopped)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("INSERT INTO grdb_migrations (identifier) VALUES ('99 of the future')")
    assert "newer" in not_restored(stopped, file, "--accept-loss")


def test_a_backup_stays_as_it_is_when_it_is_restored(stopped):
    file = back_up(stopped)
    file.chmod(0o400)
    before = file.read_bytes()
    stopped.operator("restore", str(file))
    assert file.read_bytes() == before
    assert sorted(path.name for path in stopped.directory.iterdir() if path.name.startswith("store.")) == [file.name]


# --- killed in the middle

def test_a_restore_that_is_killed_at_any_moment_leaves_the_old_store_or_the_new_one(issuers, seasoned, stopped):
    stopped.start()
    runner = seasoned.runner(stopped)
    job = runner.register(registration(expires_in=600))
    in_parallel(lambda _: job.ask(), range(60), threads=4)
    file = back_up(stopped)
    runner.register()
    keys(stopped, "rotate", "--now", "--algorithm", "ES256")
    assert stopped.stop() == 0
    old = stopped.keys()["version"]
    moments = random.Random(11)
    ends: list[bool] = []

    def die_and_open(fatal: tuple[str, int] | None) -> str | None:
        issuer = make(issuers)
        for path in stopped.files():
            shutil.copy2(path, issuer.store_directory / path.name)
        command = [str(harness.binary()), "restore", str(file), "--accept-loss", "--storage", issuer.storage]
        if fatal:
            die_at(*fatal, command)
        else:
            killed_after(command, moments.uniform(0.03, 0.3))
        try:
            restored = bool(issuer.audit(operation="restore"))
            ring = issuer.keys()
            ends.append(restored)
            assert (ring["version"] > old) == restored, "half of it"
            assert (len(kids(ring, "retiring")) == 0) == restored, "half of it"
            assert issuer.operator("audit", "verify")
            keys(issuer, "drill")
            assert is_sound(issuer.database)
            for path in issuer.files():
                assert path.stat().st_mode & 0o777 == 0o600, path.name
            issuer.operator("restore", str(file), "--accept-loss")
            assert not [path.name for path in issuer.files() if "restoring" in path.name]
        except AssertionError as error:
            return f"{[path.name for path in issuer.files()]}: {error}"
        finally:
            shutil.rmtree(issuer.directory)
        return None

    deaths = [None] * 9 + [("pwrite64", when) for when in (1, 40, 80, 120)] + [
        ("fdatasync", when) for when in (1, 2, 4, 6)] + [("unlink", when) for when in (6, 10, 12)]
    failures = [failure for failure in in_parallel(die_and_open, deaths, threads=3) if failure]
    assert not failures, failures[0]
    assert True in ends and False in ends, "all died too early, or too late"


def test_a_backup_that_is_killed_leaves_no_file_under_its_name_that_is_not_whole(stopped):
    moments = random.Random(13)
    for number in range(10):
        file = stopped.directory / f"{number}.backup"
        killed_after([str(harness.binary()), "backup", str(file), "--storage", stopped.storage],
                     moments.uniform(0.02, 0.15))
        assert not file.exists() or is_sound(file)
        for path in stopped.directory.glob(f"{number}.backup*"):
            assert path.stat().st_mode & 0o077 == 0, path.name
        if not file.exists():
            back_up(stopped, file.name)


def test_restore_takes_ledger_and_sealing_key_from_the_configuration(issuers, seasoned):
    issuer = seasoned.copy(issuers, aged=600)
    secrets = issuer.directory / "secrets"
    secrets.mkdir(mode=0o700)
    shutil.move(sealing_key_file(issuer), secrets / "key")
    configuration = issuer.directory / "jobsworth.yaml"
    configuration.write_text(configuration.read_text() + f"sealing: {{keyFile: {secrets}/key}}\n"
                             f"keys: {{revocationLedger: {secrets}/ledger}}\n")
    issuer.start()
    file = back_up(issuer)
    victim = only(issuer.keys(), "active", "ES256")
    keys(issuer, "revoke", victim)
    issuer.kill()
    shutil.rmtree(issuer.store_directory)
    os.mkdir(issuer.store_directory, 0o700)
    answer = harness.strict_json(
        issuer.operator("restore", str(file), "--config", str(configuration), "--json"))
    assert answer["keys_refused"] == 1
    issuer.start()
    assert victim not in published(issuer)
    assert len(published(issuer)) == 4
