"""Key rings from outside: short schedules, stores that begin old, and what `keys` says about them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import harness
from harness import header_of, poll, strict_json

ALGORITHMS = ("RS256", "ES256")
# The audience whose tokens are signed with ES256; all others get the default, RS256.
ELLIPTIC_AUDIENCE = "elliptic.example"
AUDIENCES = {"RS256": "sts.amazonaws.com", "ES256": ELLIPTIC_AUDIENCE}
CONFIGURATION = f"tokens: {{audiences: {{{ELLIPTIC_AUDIENCE}: {{algorithm: ES256}}}}}}\n"
KID = re.compile(r"[A-Za-z0-9_-]{43}")
INSTANTS = ("preparedAt", "publishedAt", "activatedAt", "retiringAt", "endedAt")


def schedule(**changes: int | str) -> dict[str, str]:
    """A schedule that does nothing by itself while a test runs, as environment variables."""
    settings = {"rotation_interval": 3600, "publication_lead": 10, "grace_period": 63, "refresh_interval": 1,
                "clock_skew": 2, "jwks_max_age": 5, "maximum_published": 16, "lifetime": 60, **changes}
    lifetime = str(settings.pop("lifetime"))
    environment = {f"JOBSWORTH_KEYS_{name.upper()}": str(value) for name, value in settings.items()}
    return {**environment, "JOBSWORTH_TOKENS_LIFETIME": lifetime, "JOBSWORTH_TOKENS_MAXIMUM_LIFETIME": lifetime}


def make(issuers, *, environment: dict[str, str] | None = None, **changes) -> harness.Issuer:
    """An issuer that does not run yet, with a schedule and an audience for each algorithm."""
    issuer = issuers.make(environment={**schedule(**changes), **(environment or {})})
    file = issuer.directory / "jobsworth.yaml"
    file.write_text(CONFIGURATION)
    issuer.arguments = ("--config", str(file))
    return issuer


class Seasoned:
    """A store that an issuer served, whose standbys are published and whose keys all signed; copies are cheap."""

    def __init__(self, issuers):
        self._issuers = issuers
        self.origin = make(issuers).start()
        runner = self.origin.runner(name="builder")
        self.credential = runner.credential
        job = runner.register()
        self.tokens = {algorithm: job.token(AUDIENCES[algorithm]) for algorithm in ALGORITHMS}
        poll(lambda: all("published_at" in key for key in self.origin.keys()["keys"] if key["state"] == "prepared"),
             seconds=20, every=0.2, what="a published standby")
        self.ring = self.origin.keys()
        assert self.origin.stop() == 0

    def copy(self, issuers, *, aged: int = 0, **options) -> harness.Issuer:
        """A store of its own, as if its keys had been made `aged` seconds earlier."""
        issuer = make(issuers, **options)
        for path in self.origin.files():
            if not path.name.endswith(".lock"):
                shutil.copy2(path, issuer.store_directory / path.name)
        if aged:
            age(issuer.database, aged)
        return issuer

    def runner(self, issuer) -> harness.Runner:
        return harness.Runner(issuer, "builder", self.credential)


# --- the stored ring

def ring_document(database: Path) -> bytes:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT document FROM key_ring").fetchone()[0]


def rewrite_ring(database: Path, document: bytes, *, digest: bytes | None = None) -> None:
    """Writes a ring as no `jobsworth` would; its digest fits, unless another is given."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'key_ring'").fetchall()
        assert triggers, "the ring is no longer guarded"
        connection.execute("BEGIN")
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE key_ring SET document = ?, digest = ?",
                           (document, hashlib.sha256(document).digest() if digest is None else digest))
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")


def write_ring(database: Path, ring: dict) -> None:
    rewrite_ring(database, json.dumps(ring, separators=(",", ":")).encode())


def read_ring(database: Path) -> dict:
    document = ring_document(database)
    ring = json.loads(document)
    assert json.dumps(ring, separators=(",", ":")).encode() == document, "the ring is not written as it is here"
    return ring


def age(database: Path, seconds: int) -> None:
    """All that happened to the keys, and to their tokens, was `seconds` earlier."""
    ring = read_ring(database)
    for key in ring["keys"]:
        key.update({name: key[name] - seconds for name in INSTANTS if name in key})
    write_ring(database, ring)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE key_use SET tokens_expire_by = tokens_expire_by - ?", (seconds,))


def is_sound(database: Path) -> bool:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# --- what is said about keys

def keys(issuer, *arguments: str) -> dict:
    """A `keys` command that has to succeed; its JSON."""
    return strict_json(issuer.operator("keys", *arguments, "--json"))


def kids(ring: dict, state: str | None = None, algorithm: str | None = None) -> list[str]:
    return [key["kid"] for key in ring["keys"]
            if state in (None, key["state"]) and algorithm in (None, key["algorithm"])]


def only(ring: dict, state: str, algorithm: str) -> str:
    found = kids(ring, state, algorithm)
    assert len(found) == 1, f"{state} {algorithm}: {found}"
    return found[0]


def key(ring: dict, kid: str) -> dict:
    return next(key for key in ring["keys"] if key["kid"] == kid)


def changes(answer: dict) -> list[tuple[str, str, str]]:
    return [(change["transition"], change["kid"], change["reason"]) for change in answer["changes"]]


def audited(issuer) -> list[tuple[str, str, str]]:
    """Every audited change of a key, as `changes` has them."""
    return [(record["operation"].removeprefix("key_"), record["kid"], record["reason"]) for record in issuer.audit()
            if record["operation"].startswith("key_") and "kid" in record]


def published(issuer) -> list[str]:
    return [key["kid"] for key in issuer.jwks()["keys"]]


def signing_kids(job) -> dict[str, str]:
    """Which key signs now, of each algorithm."""
    return {algorithm: header_of(job.token(AUDIENCES[algorithm]))["kid"] for algorithm in ALGORITHMS}


def reason_of(done) -> str:
    """The reason code of a refused command."""
    assert done.returncode == 1, done
    assert done.stdout == "", done
    found = re.match(r"(?:jobsworth: )?([a-z][a-z0-9_]*): \S", done.stderr)
    assert found, f"no reason code: {done.stderr!r}"
    return found[1]


def instant(text: str) -> float:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), text
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


# --- files

def sealing_key_file(issuer) -> Path:
    return Path(f"{issuer.database}.sealing-key")


def ledger_file(issuer) -> Path:
    return Path(f"{issuer.database}.revocations")


def digests(folder: Path) -> dict[str, str]:
    """What lies in a folder, save locks and sockets, by content."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if stat.S_ISREG(path.lstat().st_mode) and not path.name.endswith((".lock", "-shm"))
            and not (path.name.endswith("-wal") and path.stat().st_size == 0)}


def wait_for_exit(issuer, *, seconds: float = 20) -> int:
    """A `serve` that has to refuse; its exit status. It is not left running where it does not."""
    process = issuer.spawn()
    try:
        return process.wait(seconds)
    finally:
        issuer.kill()


def assert_private(folder: Path) -> None:
    """Everything below is its owner's alone."""
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(os.lstat(path).st_mode)
        expected = 0o700 if path.is_dir() else 0o600
        assert mode == expected, f"{path.name} is {mode:o}"


# --- deaths

def killed_after(command: list[str], delay: float, **options) -> None:
    """A program that is killed at some moment, or ended before."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               **{"env": harness.clean_environment(), **options})
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(delay)
    if process.poll() is None:
        process.kill()
    process.wait()


def die_at(call: str, when: int, command: list[str], *, environment: dict[str, str] | None = None,
           seconds: float = 20) -> bool:
    """A program that is killed by strace as one of its threads makes its n-th system call of a kind; whether it was."""
    process = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
         "-e", f"inject={call}:signal=SIGKILL:when={when}", *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env=environment or harness.clean_environment())
    try:
        return process.wait(seconds) not in (0, 1, 64, 78)
    except subprocess.TimeoutExpired:  # a server that never came to that call
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
