"""Keys where they lie: sealed, their owner's alone, gone when they are done, and whole whatever is killed when."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import harness
from canaries import Canaries, decoded_sealing_key, unsealed
from harness import HOST, claims_of, clean_environment, full_facts, header_of, in_parallel, poll, registration, run_cli
from keyrings import (
    ALGORITHMS, AUDIENCES, Seasoned, assert_private, die_at, digests, is_sound, key, keys, kids, killed_after,
    ledger_file, make, only, published, read_ring, ring_document, rewrite_ring, sealing_key_file, signing_kids, wait_for_exit,
    write_ring)
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


def assert_signs(issuer, seasoned) -> None:
    """Every algorithm signs, and what it signs verifies."""
    job = seasoned.runner(issuer).register()
    for audience in AUDIENCES.values():
        assert verify_through_discovery(issuer.url, job.token(audience), audience)


def lies_in(content: bytes, blob: bytes) -> bool:
    """Whether a part of it does: a page of the database may end in the middle."""
    middle = len(blob) // 2
    return any(part in content for part in (blob[:48], blob[middle:middle + 48], blob[-48:]))


# --- the sealing key, lost or wrong

@pytest.mark.parametrize("damage", ["lost", "another"])
def test_without_the_right_sealing_key_nothing_starts_and_the_database_is_untouched(stopped, damage):
    file = sealing_key_file(stopped)
    right = file.read_bytes()
    if damage == "lost":
        file.unlink()
    else:
        file.write_bytes(harness.b64url(os.urandom(32)).encode() + b"\n")
    before = digests(stopped.store_directory)
    assert wait_for_exit(stopped) == 78
    assert "sealing key" in stopped.output()
    for arguments in (("rotate",), ("rotate", "--now"), ("revoke", only(stopped.keys(), "active", "RS256")),
                      ("revoke", "--all", "--yes"), ("reseal",), ("drill",), ("prepare",)):
        done = stopped.cli("keys", *arguments)
        assert done.returncode == 78 and done.stdout == "" and "sealing key" in done.stderr, (arguments, done)
    assert digests(stopped.store_directory) == before
    file.touch(mode=0o600)
    file.write_bytes(right)
    stopped.start()


def test_what_needs_no_private_half_works_without_the_sealing_key(stopped):
    ring = stopped.keys()
    sealing_key_file(stopped).unlink()
    assert stopped.keys() == ring
    assert stopped.operator("audit", "verify")
    assert "builder" in stopped.operator("runner", "list")


@pytest.mark.parametrize("lost", ["the file", "its content"])
def test_a_sealing_key_beside_a_lost_store_is_refused_until_somebody_says_initialise(stopped, lost):
    old = stopped.keys()
    right = sealing_key_file(stopped).read_bytes()
    for path in stopped.files():
        if path != sealing_key_file(stopped):
            path.unlink()
    if lost == "its content":
        stopped.database.touch(mode=0o600)
    before = digests(stopped.store_directory)
    for _ in range(2):
        assert wait_for_exit(stopped) == 78
        assert "--initialise" in stopped.output() and "restore" in stopped.output()
    done = stopped.cli("keys", "rotate")
    assert done.returncode in (1, 78) and done.stdout == ""
    assert digests(stopped.store_directory) == before, "something was made beside the sealing key"
    stopped.arguments += ("--initialise",)
    stopped.start()
    assert not set(published(stopped)) & set(kids(old))
    assert sealing_key_file(stopped).read_bytes() == right
    assert stopped.stop() == 0
    stopped.arguments = stopped.arguments[:-1]
    stopped.start()


def test_a_sealing_key_may_be_given_before_the_first_start_when_that_is_said(issuers):
    issuer = make(issuers)
    file = issuer.directory / "given-key"
    file.touch(mode=0o600)
    file.write_bytes(harness.b64url(os.urandom(32)).encode())
    issuer.environment["JOBSWORTH_SEALING_KEY_FILE"] = str(file)
    before = file.read_bytes()
    assert wait_for_exit(issuer) == 78 and "--initialise" in issuer.output()
    issuer.arguments += ("--initialise",)
    issuer.start()
    assert file.read_bytes() == before
    assert not sealing_key_file(issuer).exists(), "a second sealing key was made"
    canaries = Canaries()
    canaries.gather(issuer.database, file)
    assert len(canaries.private_keys) == 4


def test_initialise_changes_nothing_where_a_store_is(stopped):
    ring = stopped.keys()
    stopped.arguments += ("--initialise",)
    stopped.start()
    assert kids(stopped.keys()) == kids(ring)


def test_the_sealing_key_file_of_the_configuration_is_the_one_that_is_replaced(stopped):
    elsewhere = stopped.directory / "secrets"
    elsewhere.mkdir(mode=0o700)
    file = elsewhere / "jobsworth.key"
    sealing_key_file(stopped).rename(file)
    configuration = stopped.directory / "jobsworth.yaml"
    configuration.write_text(configuration.read_text() + f"sealing: {{keyFile: {file}}}\n")
    stopped.start()
    before = file.read_bytes()
    keys(stopped, "reseal")
    assert file.read_bytes() != before
    assert stopped.stop() == 0
    again = file.read_bytes()
    stopped.operator("keys", "reseal", "--config", str(configuration))
    assert file.read_bytes() != again
    assert not sealing_key_file(stopped).exists()
    assert sorted(path.name for path in elsewhere.iterdir()) == [file.name]
    stopped.start()
    assert_private(elsewhere)


# --- killed at the very first start, and while resealing


def test_after_a_death_at_any_moment_of_the_first_start_the_next_one_works(issuers):
    moments = random.Random(3)

    def die_and_start(fatal: tuple[str, int] | None) -> str | None:
        issuer = make(issuers)
        command, environment = issuer.command(), clean_environment(**issuer.environment)
        if fatal:
            die_at(*fatal, command, environment=environment, seconds=2)
        else:
            for _ in range(2):
                killed_after(command, moments.uniform(0, 0.4), env=environment)
        left = sorted(path.name for path in issuer.store_directory.iterdir())
        try:
            issuer.start()
            assert len(published(issuer)) == 4
            assert issuer.stop() == 0
        except AssertionError as error:
            return f"{left}: {error}"
        finally:
            issuer.kill()
        return None

    deaths = [None] * 12 + [("rename", when) for when in (1, 2, 3)] + [("fdatasync", when) for when in range(1, 8)]
    failures = [failure for failure in in_parallel(die_and_start, deaths, threads=3) if failure]
    assert not failures, failures[0]


@pytest.mark.parametrize("how", ["through the running issuer", "directly on the file"])
def test_reseal_replaces_the_sealing_key_and_everything_that_it_sealed(stopped, seasoned, how):
    file = sealing_key_file(stopped)
    if how == "through the running issuer":
        stopped.start()
    before, old, ring = Canaries(), file.read_bytes(), stopped.keys()
    before.gather(stopped.database, file)
    blobs = [row["sealed"] for row in read_ring(stopped.database)["keys"]]
    job = seasoned.runner(stopped).register() if stopped.is_running else None
    answer = keys(stopped, "reseal")
    assert answer == {"sealed": 5}
    assert file.read_bytes() != old and file.stat().st_mode & 0o777 == 0o600
    after = Canaries()
    after.gather(stopped.database, file)
    assert after.private_keys == before.private_keys
    assert stopped.keys()["keys"] == ring["keys"]
    (record,) = stopped.audit(operation="key_reseal")
    assert record["decision"] == "permit"
    for path in stopped.files():
        for blob in blobs:
            assert not lies_in(path.read_bytes(), blob.encode()), f"what the old key sealed still lies in {path.name}"
    assert not [path.name for path in stopped.store_directory.iterdir() if ".new" in path.name or "draft" in path.name]
    if job:
        assert set(signing_kids(job).values()) <= set(published(stopped))
        keys(stopped, "rotate", "--now")
        assert set(signing_kids(job).values()) == set(kids(ring, "prepared"))
        assert stopped.stop() == 0
        stopped.start()
        assert job.ask().status == 200
        assert stopped.stop() == 0
    new = file.read_bytes()
    file.write_bytes(old)
    untouched = digests(stopped.store_directory)
    assert wait_for_exit(stopped) == 78
    assert digests(stopped.store_directory) == untouched
    file.write_bytes(new)
    stopped.start()
    assert_signs(stopped, seasoned)


def test_after_a_death_at_any_moment_of_resealing_the_next_start_opens_everything(issuers, seasoned):
    moments = random.Random(5)

    def die_and_open(fatal: tuple[str, int] | int) -> str | None:
        issuer = seasoned.copy(issuers, aged=600)
        command = [str(harness.binary()), "keys", "reseal", "--storage", issuer.storage]
        try:
            if isinstance(fatal, tuple):
                die_at(*fatal, command)
            elif fatal % 2:  # the server dies in the middle of it
                issuer.start()
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL, env=clean_environment())
                time.sleep(moments.uniform(0.02, 0.35))
                issuer.kill()
                process.wait(20)
            else:  # the command itself does
                killed_after(command, moments.uniform(0.05, 0.5))
            if moments.random() < 0.5:
                keys(issuer, "drill")
            issuer.start()
            assert_signs(issuer, seasoned)
            assert issuer.stop() == 0
            assert is_sound(issuer.database)
            assert_private(issuer.store_directory)
        except AssertionError as error:
            return f"{[path.name for path in issuer.store_directory.iterdir()]}: {error}"
        finally:
            issuer.kill()
        return None

    deaths = [*range(12), *(("rename", when) for when in (1, 2)), *(("fdatasync", when) for when in range(1, 5)),
              ("fsync", 1), ("fsync", 2), ("fsync", 3)]
    failures = [failure for failure in in_parallel(die_and_open, deaths, threads=3) if failure]
    assert not failures, failures[0]


# --- modes

def test_everything_that_is_made_is_the_owners_alone_under_a_lax_umask(issuers, seasoned):
    issuer = seasoned.copy(issuers, aged=600).start()
    before = os.umask(0o022)
    try:
        keys(issuer, "revoke", only(issuer.keys(), "active", "ES256"))
        keys(issuer, "reseal")
        issuer.operator("backup", str(issuer.store_directory / "through.backup"))
        assert_store_is_private(issuer)
        assert issuer.stop() == 0
        ledger_file(issuer).unlink()
        keys(issuer, "revoke", only(issuer.keys(), "active", "ES256"))
        keys(issuer, "reseal")
        issuer.operator("backup", str(issuer.store_directory / "direct.backup"))
        issuer.operator("restore", str(issuer.store_directory / "direct.backup"))
        assert_store_is_private(issuer)
        fresh = make(issuers)
        fresh.database = fresh.directory / "deep" / "er" / "jobsworth.sqlite"
        fresh.runner(name="first")
        keys(fresh, "rotate")
        assert_private(fresh.directory / "deep")
        shutil.rmtree(fresh.directory / "deep")
        fresh.start()
        assert_private(fresh.directory / "deep")
    finally:
        os.umask(before)


def assert_store_is_private(issuer) -> None:
    names = {path.name for path in issuer.files()}
    assert {issuer.database.name, sealing_key_file(issuer).name, ledger_file(issuer).name} <= names
    assert_private(issuer.store_directory)  # sockets, too


# --- where no secret may lie

def test_the_search_finds_a_key_in_every_spelling(stopped):
    """Else the tests below would find nothing because they cannot find anything."""
    canaries = Canaries()
    canaries.gather(stopped.database, sealing_key_file(stopped))
    assert len(canaries.private_keys) == 4
    assert not canaries.found_in(stopped.database.read_bytes())
    key_bytes = decoded_sealing_key(sealing_key_file(stopped))
    for text in (key_bytes, key_bytes.hex().encode(), repr(list(key_bytes)).encode(),
                 sealing_key_file(stopped).read_bytes(), key_bytes.hex().upper().encode("utf-16-le")):
        assert canaries.found_in(b"..." + text + b"...") & {"sealing key", "sealing key's file"}
    for der in canaries.private_keys.values():
        private = serialization.load_der_private_key(der, None)
        for encoding in (serialization.Encoding.DER, serialization.Encoding.PEM):
            for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
                assert canaries.found_in(private.private_bytes(encoding, form, serialization.NoEncryption()))


def use_everything(issuer, seasoned, canaries: Canaries) -> dict[str, bytes]:
    """Every flow that touches a key, and every byte that anybody was answered."""
    said: dict[str, bytes] = {}
    runner = seasoned.runner(issuer)

    def say(name: str, *arguments: str) -> None:
        done = issuer.cli(*arguments)
        said[name] = done.stdout_bytes + done.stderr.encode()

    def note(name: str, answer) -> None:
        said[name] = repr(answer.fields).encode() + answer.body

    canaries.gather(issuer.database, sealing_key_file(issuer))
    job = runner.register(registration(full_facts(), reference="builds/1", id_tokens={"A_TOKEN": {"aud": "a"}}))
    note("registration", job.answer)
    for number, audience in enumerate((*AUDIENCES.values(), "x y", "")):
        note(f"token {number}", job.ask(audience))
    note("wrong token", job.ask(headers=harness.bearer("jwj_" + "0" * 32 + "_" + "A" * 43)))
    note("wrong runner", issuer.call("POST", "/v1/jobs", headers=harness.bearer("jwr_" + "A" * 43), body=b"{"))
    note("exchange", issuer.exchange(("audience", "a"), subject_token=job.request_token))
    note("no exchange", issuer.exchange(("audience", "a"), subject_token="x"))
    for path in ("/.well-known/jwks", "/.well-known/openid-configuration", "/nothing"):
        note(path, issuer.get(path))
    for path in ("/metrics", "/readyz", "/livez"):
        note(path, harness.call(issuer.metrics_port, "GET", path))
    say("prepare", "keys", "prepare", "--json")
    canaries.gather(issuer.database, sealing_key_file(issuer))
    say("rotate", "keys", "rotate", "--now", "--json")
    canaries.gather(issuer.database, sealing_key_file(issuer))
    say("too young", "keys", "rotate", "--now")
    note("token after", job.ask())
    say("drill", "keys", "drill", "--json")
    say("revoke", "keys", "revoke", only(issuer.keys(), "active", "RS256"), "--json")
    say("revoke nothing", "keys", "revoke", "x")
    canaries.gather(issuer.database, sealing_key_file(issuer))
    say("backup", "backup", str(issuer.directory / "first.backup"), "--json")
    say("reseal", "keys", "reseal", "--json")
    canaries.gather(issuer.database, sealing_key_file(issuer))
    say("backup again", "backup", str(issuer.directory / "second.backup"))
    say("backup nowhere", "backup", "/nowhere/at/all")
    say("show", "keys", "show", "--json")
    say("tokens", "keys", "tokens", header_of(job.token())["kid"])
    say("audit", "audit", "show")
    say("revoke all", "keys", "revoke", "--all", "--yes", "--json")
    canaries.gather(issuer.database, sealing_key_file(issuer))
    note("token of an ended job", job.ask())
    note("registration after", runner.register().answer)
    return said


def everything_on_disk(issuer) -> dict[str, bytes]:
    """All files that the issuer could have written, save the sealing key's own."""
    return {str(path.relative_to(issuer.directory)): path.read_bytes() for path in issuer.directory.rglob("*")
            if path.is_file() and not path.is_socket() and path != sealing_key_file(issuer)}


def test_no_key_lies_anywhere_in_any_spelling(running, seasoned):
    running.kill()
    running.environment.update(JOBSWORTH_LOG_LEVEL="trace", LOG_LEVEL="trace")
    running.start()
    canaries = Canaries()
    said = use_everything(running, seasoned, canaries)
    assert len(canaries.private_keys) >= 11
    canaries.assert_absent(said)
    disk = everything_on_disk(running)
    assert {"first.backup", "second.backup", "server.log"} <= set(disk)
    assert any(name.endswith("-wal") for name in disk) and any(name.endswith(".revocations") for name in disk)
    canaries.assert_absent(disk)
    assert running.stop() == 0
    done = running.cli("restore", str(running.directory / "second.backup"), "--accept-loss", "--json")
    assert done.returncode == 0, done.stderr
    direct = {arguments: running.cli("keys", *arguments.split()) for arguments in (
        "rotate --json", "rotate --now", "drill", "prepare --json", "reseal", "revoke --all --yes --json")}
    canaries.gather(running.database, sealing_key_file(running))
    canaries.assert_absent({name: done.stdout_bytes + done.stderr.encode() for name, done in direct.items()})
    canaries.assert_absent(everything_on_disk(running))


@pytest.mark.parametrize("how", ["through the running issuer", "directly on the file"])
def test_the_private_half_of_a_key_that_signs_no_more_is_nowhere_not_even_sealed(stopped, how):
    ring = stopped.keys()
    blobs = {row["public"]["kid"]: row["sealed"].encode() for row in read_ring(stopped.database)["keys"]}
    assert all(lies_in(stopped.database.read_bytes(), blob) for blob in blobs.values())
    if how == "through the running issuer":
        stopped.start()

    def assert_gone(kid: str) -> None:
        assert "sealed" not in next(row for row in read_ring(stopped.database)["keys"] if row["public"]["kid"] == kid)
        for name, content in everything_on_disk(stopped).items():
            assert not lies_in(content, blobs[kid]), f"the sealed half of a key that is done lies in {name}"

    keys(stopped, "rotate", "--now")
    for kid in kids(ring, "active"):
        assert_gone(kid)
    successor = only(ring, "prepared", "RS256")
    assert lies_in(b"".join(everything_on_disk(stopped).values()), blobs[successor])
    keys(stopped, "revoke", successor)
    assert_gone(successor)
    standby = only(stopped.keys(), "prepared", "ES256")
    blobs[standby] = next(row["sealed"].encode() for row in read_ring(stopped.database)["keys"]
                          if row["public"]["kid"] == standby)
    keys(stopped, "retire", standby)
    assert_gone(standby)
    if stopped.is_running:
        assert stopped.stop() == 0
        for kid in (*kids(ring, "active"), successor, standby):
            assert_gone(kid)


@pytest.mark.parametrize("how", ["through the running issuer", "directly on the file"])
def test_the_old_key_of_the_request_tokens_is_nowhere_after_revoke_all_not_even_sealed(stopped, how):
    with closing(sqlite3.connect(f"file:{stopped.database}?mode=ro", uri=True)) as connection:
        (sealed,) = connection.execute("SELECT sealed FROM sealed_secret").fetchone()
    assert sealed in stopped.database.read_bytes()
    if how == "through the running issuer":
        stopped.start()
        keys(stopped, "rotate")
    keys(stopped, "revoke", "--all", "--yes")
    for name, content in everything_on_disk(stopped).items():
        assert sealed not in content and sealed[-40:] not in content, f"it lies in {name}"


# --- a process that dies, and one that looks

class FreeToDump(harness.Issuer):
    """Started as `ulimit -c unlimited` would have it."""

    def spawn(self) -> subprocess.Popen:
        limit = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, limit[1]))
        try:
            return super().spawn()
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, limit)


def dumps_core(directory: Path) -> bool:
    """Whether a program without our care leaves a core file here."""
    def free() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    folder = directory / "control"
    folder.mkdir()
    process = subprocess.Popen(["sleep", "20"], cwd=folder, preexec_fn=free)
    time.sleep(0.1)
    process.send_signal(signal.SIGSEGV)
    process.wait()
    found = any(folder.iterdir())
    shutil.rmtree(folder)
    return found


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGQUIT"])
def test_a_server_that_crashes_leaves_no_memory_behind(issuers, seasoned, directory, name):
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY or not dumps_core(directory):
        pytest.skip("no program leaves a core file here")
    donor = seasoned.copy(issuers, aged=600)
    issuer = FreeToDump(directory)
    issuer.arguments, issuer.environment = (), donor.environment
    for path in donor.files():
        shutil.copy2(path, issuer.store_directory / path.name)
    try:
        issuer.start()
        job = seasoned.runner(issuer).register()
        assert job.ask().status == 200
        canaries = Canaries()
        canaries.gather(issuer.database, sealing_key_file(issuer))
        canaries.add("request token", job.request_token.encode())
        limits = Path(f"/proc/{issuer.process.pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0\s", limits), limits
        issuer.process.send_signal(getattr(signal, name))
        assert issuer.process.wait(30) == -getattr(signal, name)
        everything = everything_on_disk(issuer)
        assert not [path for path in everything if "core" in path], everything.keys()
        canaries.assert_absent(everything)
        issuer.start()
        assert job.ask().status == 200
    finally:
        issuer.kill()


NOBODY = 65534


def reads_memory(pid: int) -> bool:
    """Whether another process of the unprivileged user may read the memory of this one."""
    code = (f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
            f"import re\nmaps = open('/proc/{pid}/maps').read().splitlines()\n"
            "line = next(line for line in maps if ' rw-p ' in line)\n"
            f"memory = open('/proc/{pid}/mem', 'rb'); memory.seek(int(line.split('-')[0], 16)); assert memory.read(16)")
    return subprocess.run(["python3", "-c", code], capture_output=True, timeout=20).returncode == 0


def test_another_process_of_the_same_user_cannot_read_the_servers_memory(issuers, seasoned):
    if os.getuid() != 0:
        pytest.skip("only root can become another user here")
    control = subprocess.Popen(["sleep", "30"], user=NOBODY, group=NOBODY, extra_groups=[])
    try:
        time.sleep(0.1)
        if not reads_memory(control.pid):
            pytest.skip("nobody reads another's memory here")
    finally:
        control.kill()
        control.wait()
    issuer = seasoned.copy(issuers, aged=600)
    for path in (issuer.directory, *issuer.directory.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    issuer.arguments = ()
    process = subprocess.Popen(issuer.command(), user=NOBODY, group=NOBODY, extra_groups=[], cwd=issuer.directory,
                               env=clean_environment(HOME=str(issuer.directory), **issuer.environment),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(issuer.log, "ab"))
    issuer.process = process
    poll(lambda: process.poll() is not None or answers(issuer), seconds=30, what="the issuer")
    assert process.poll() is None, issuer.output()
    assert Path(f"/proc/{process.pid}/status").read_text().count(f"\t{NOBODY}\t{NOBODY}") >= 1
    assert not reads_memory(process.pid)
    if gcore := shutil.which("gcore"):
        done = subprocess.run([gcore, "-o", str(issuer.directory / "dumped"), str(process.pid)], user=NOBODY,
                              group=NOBODY, extra_groups=[], capture_output=True, timeout=60, cwd=issuer.directory)
        assert done.returncode != 0 and not list(issuer.directory.glob("dumped*")), done


def answers(issuer) -> bool:
    try:
        return issuer.get("/.well-known/jwks", timeout=2).status == 200
    except OSError:
        return False


# --- a ring that is damaged

def flipped_on_disk(database: Path, document: bytes, position: int) -> bytes | None:
    """The database with one byte of the ring turned, as a disk does it; nil where the place is not plain to find."""
    content = database.read_bytes()
    around = document[max(0, position - 16):position + 17]
    if content.count(around) != 1:
        return None
    place = content.index(around) + min(16, position)
    turned = bytearray(content)
    turned[place] ^= 1 << (position % 8)
    return bytes(turned)


def refusal_to_start(issuer) -> str | None:
    """What is wrong with the way in which a start is refused; nil where it is refused as it has to be."""
    status = wait_for_exit(issuer)
    output = issuer.output()
    if status not in (1, 78):
        return f"ended with {status}: {output}"
    if "listening" in output:
        return f"it listened: {output}"
    if re.search(r"disk full|Error: [a-z]+$", output, re.MULTILINE) or not re.search(r"ring|sealing key|key", output):
        return f"no reason that helps: {output}"
    return None


def test_a_ring_with_a_turned_byte_anywhere_is_refused_with_a_reason(issuers, seasoned):
    origin = seasoned.origin
    document = ring_document(origin.database)
    step = max(1, len(document) // 160)
    images = [image for position in range(0, len(document), step)
              if (image := flipped_on_disk(origin.database, document, position))]
    assert len(images) >= 140
    failures = []

    def start(image: bytes) -> None:
        issuer = seasoned.copy(issuers)
        issuer.database.write_bytes(image)
        failure = refusal_to_start(issuer)
        if failure:
            failures.append(failure)
        elif issuer.database.read_bytes() != image:
            failures.append("the database was changed")
        shutil.rmtree(issuer.directory)

    in_parallel(start, images, threads=3)
    assert not failures, f"{len(failures)} of {len(images)}: {failures[0]}"


@pytest.mark.parametrize("fits", [True, False], ids=["with a digest that fits", "with the digest of the whole"])
def test_a_ring_that_was_cut_is_refused_with_a_reason(stopped, fits):
    document = ring_document(stopped.database)
    digest = hashlib.sha256(document).digest()
    for length in (0, 1, 2, len(document) // 3, len(document) - 1):
        # A document that is no JSON is stored as it is: the trigger that would read it is not asked.
        rewrite_ring(stopped.database, document[:length], digest=None if fits else digest)
        assert refusal_to_start(stopped) is None
        stopped.log.unlink()
    rewrite_ring(stopped.database, document)
    stopped.start()


def change_and_start(stopped, change) -> int | None:
    """Changes the ring in a way that its digest does not tell; the exit status of a start, nil where it runs."""
    ring = read_ring(stopped.database)
    change(ring["keys"])
    write_ring(stopped.database, ring)
    process = stopped.spawn()
    poll(lambda: process.poll() is not None or answers(stopped), seconds=20, what="an end or an answer")
    return process.poll()


def turned(text: str, position: int) -> str:
    data = bytearray(harness.unb64url(text))
    data[position] ^= 1
    return harness.b64url(bytes(data))


@pytest.mark.parametrize("member", ["sealed", "public"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("position", [0, 13, -1])
def test_half_a_key_that_signs_is_no_key(stopped, seasoned, member, algorithm, position):
    def change(rows: list[dict]) -> None:
        row = next(row for row in rows if row["algorithm"] == algorithm and row["state"] == "active")
        if member == "sealed":
            row["sealed"] = turned(row["sealed"], position)
        else:
            name = "n" if algorithm == "RS256" else "x"
            row["public"][name] = turned(row["public"][name], position)

    status = change_and_start(stopped, change)
    if status is None:
        assert_signs(stopped, seasoned)
    assert status in (1, 78), stopped.output()
    assert "listening" not in stopped.output()


def test_two_keys_with_each_others_private_half_do_not_sign(stopped):
    def change(rows: list[dict]) -> None:
        active, standby = (next(row for row in rows if row["algorithm"] == "ES256" and row["state"] == state)
                           for state in ("active", "prepared"))
        active["sealed"], standby["sealed"] = standby["sealed"], active["sealed"]

    assert change_and_start(stopped, change) in (1, 78), stopped.output()


def test_a_private_half_of_another_public_half_does_not_sign(stopped):
    """Sealed as it has to be, and still not the key that verifiers are told."""
    sealing_key = decoded_sealing_key(sealing_key_file(stopped))

    def change(rows: list[dict]) -> None:
        for row in rows:
            if row["state"] != "active":
                continue
            context = b"jobsworth signing key " + row["public"]["kid"].encode()
            assert unsealed(harness.unb64url(row["sealed"]), sealing_key, context)
            other = ec.generate_private_key(ec.SECP256R1()) if row["algorithm"] == "ES256" else (
                rsa.generate_private_key(65537, 2048))
            der = other.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())
            nonce = os.urandom(12)
            row["sealed"] = harness.b64url(nonce + AESGCM(sealing_key).encrypt(nonce, der, context))

    assert change_and_start(stopped, change) in (1, 78), stopped.output()


def test_half_a_standby_is_put_aside_and_another_made_while_the_other_keys_sign(stopped, seasoned):
    broken = only(stopped.keys(), "prepared", "ES256")

    def change(rows: list[dict]) -> None:
        row = next(row for row in rows if row["public"]["kid"] == broken)
        row["sealed"] = turned(row["sealed"], 40)

    assert change_and_start(stopped, change) is None, stopped.output()
    assert_signs(stopped, seasoned)
    ring = poll(lambda: (ring := stopped.keys()) and key(ring, broken)["state"] == "retired" and ring, seconds=10,
                what="the broken standby retired")
    assert only(ring, "prepared", "ES256") != broken
    (record,) = [record for record in stopped.audit(operation="key_retire") if record["kid"] == broken]
    assert record["reason"] == "unusable"
    assert broken not in published(stopped)


def test_a_signature_is_never_made_with_a_key_that_is_not_published(running, seasoned):
    job = seasoned.runner(running).register()
    for token in (job.token(audience) for audience in AUDIENCES.values()):
        assert header_of(token)["kid"] in published(running)
        assert claims_of(token)["iss"] == running.url


def test_where_the_sealing_key_is_missing_the_message_says_where_it_has_to_be(directory):
    done = run_cli("serve", "--issuer", f"http://{HOST}:{harness.free_port()}", "--listen",
                   f"{HOST}:{harness.free_port()}", "--storage", f"sqlite:{directory}/jobsworth.sqlite", timeout=20,
                   environment=clean_environment(JOBSWORTH_SEALING_KEY_FILE=str(directory / "not-there")))
    assert done.returncode == 78 and "not-there" in done.stderr, done


def test_a_ring_is_stored_as_json_that_names_no_private_member(stopped):
    for row in json.loads(ring_document(stopped.database))["keys"]:
        assert set(row["public"]) <= {"kty", "alg", "use", "kid", "n", "e", "crv", "x", "y"}
