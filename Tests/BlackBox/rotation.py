"""Stores whose keys are about to change, and what has to hold of every key ring that is ever found on a disk."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import jwt

import harness
from harness import claims_of, header_of, poll, thumbprint

ALGORITHMS = ("RS256", "ES256")
PUBLISHED = ("prepared", "active", "retiring")
ENDED = ("retired", "revoked")
# The next key of each algorithm is asked for by audience.
AUDIENCES = {"RS256": "sts.amazonaws.com", "ES256": "es.example"}
CONFIGURATION = "tokens:\n  audiences:\n    es.example:\n      algorithm: ES256\n"


def schedule(*, interval: int = 1000, lead: int = 3, grace: int = 3602, lifetime: int = 3600, published: int = 20,
             ) -> dict[str, str]:
    """The environment of a server whose keys live for seconds."""
    return {
        "JOBSWORTH_KEYS_ROTATION_INTERVAL": f"{interval}s", "JOBSWORTH_KEYS_PUBLICATION_LEAD": f"{lead}s",
        "JOBSWORTH_KEYS_GRACE_PERIOD": f"{grace}s", "JOBSWORTH_KEYS_REFRESH_INTERVAL": "1s",
        "JOBSWORTH_KEYS_CLOCK_SKEW": "1s", "JOBSWORTH_KEYS_JWKS_MAX_AGE": "1s",
        "JOBSWORTH_KEYS_MAXIMUM_PUBLISHED": str(published), "JOBSWORTH_TOKENS_LIFETIME": str(lifetime),
        "JOBSWORTH_TOKENS_MAXIMUM_LIFETIME": str(lifetime),
    }


SHORT = schedule(interval=4, grace=10, lifetime=8)


@dataclass
class Ring:
    """The key ring as a file holds it."""

    version: int = 0
    keys: list[dict] = field(default_factory=list)

    @staticmethod
    def of(store_directory: Path, database: str = "jobsworth.sqlite") -> "Ring":
        """What SQLite makes of a copy of the files: the files themselves are left as they are."""
        copy = harness.new_directory()
        try:
            for path in store_directory.glob(f"{database}*"):
                if path.is_file() and not path.name.endswith("-shm"):
                    shutil.copy(path, copy / path.name)
            if not (copy / database).exists():
                return Ring()
            with sqlite3.connect(copy / database) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'key_ring'").fetchone():
                    return Ring()
                row = connection.execute("SELECT document FROM key_ring").fetchone()
            connection.close()
            document = harness.strict_json(row[0]) if row else {"version": 0, "keys": []}
            return Ring(document["version"], document["keys"])
        finally:
            shutil.rmtree(copy)

    @property
    def states(self) -> dict[str, str]:
        return {key["public"]["kid"]: key["state"] for key in self.keys}

    def kids(self, *states: str, algorithm: str | None = None) -> list[str]:
        return [key["public"]["kid"] for key in self.keys
                if key["state"] in states and algorithm in (None, key["algorithm"])]

    def assert_legal(self, *, standbys: int = 0) -> None:
        """What holds at every moment; and of how many standbys each algorithm is sure."""
        assert len(self.states) == len(self.keys), "a kid is there twice"
        for algorithm in ALGORITHMS:
            assert len(self.kids("active", algorithm=algorithm)) == 1, f"active {algorithm} keys: {self.states}"
            assert len(self.kids("prepared", algorithm=algorithm)) >= standbys, f"no {algorithm} standby: {self.states}"
        for key in self.keys:
            kid = key["public"]["kid"]
            assert kid == thumbprint(key["public"])
            assert ("sealed" in key) == (key["state"] in ("prepared", "active")), f"{kid}: {key['state']}, {list(key)}"
            assert not harness.PRIVATE_JWK_MEMBERS & set(key["public"])

    def assert_follows(self, earlier: "Ring") -> None:
        """No key went back to a state before its own."""
        assert self.version >= earlier.version, f"the version went back from {earlier.version} to {self.version}"
        rank = {"prepared": 0, "active": 1, "retiring": 2, "retired": 3, "revoked": 4}
        for kid, state in earlier.states.items():
            now = self.states.get(kid, "retired" if state in ENDED else "gone")
            assert now != "gone", f"{kid} was {state} and is not there"
            assert rank[now] >= rank[state] or (state, now) == ("revoked", "retired"), f"{kid}: {state}, {now}"


def ledger(issuer) -> set[str]:
    """The kids in the ledger's whole lines."""
    path = issuer.database.with_name(issuer.database.name + ".revocations")
    text = path.read_bytes() if path.exists() else b""
    lines = [line for line in text.split(b"\n")[:-1] if not line.endswith(b"#")]
    return {row["key"] for row in map(json.loads, lines) if "key" in row}


@dataclass
class Prepared:
    """A stopped store in which everything is due at once."""

    issuer: harness.Issuer
    ring: Ring
    tokens: list[str]
    due_to_retire: set[str]
    revoked: str
    next_active: str
    backup: Path
    backup_ring: Ring

    def copy(self, **options) -> harness.Issuer:
        """A store of its own in the same state."""
        options.setdefault("environment", SHORT)
        issuer = harness.Issuer(harness.new_directory(), arguments=self.issuer.arguments, **options)
        shutil.copytree(self.issuer.store_directory, issuer.store_directory, dirs_exist_ok=True)
        return issuer

    @property
    def live_kids(self) -> set[str]:
        """The keys whose tokens live for an hour."""
        return {header_of(token)["kid"] for token in self.tokens}


def start_issuer(issuers, environment: dict[str, str]) -> harness.Issuer:
    issuer = issuers.make(environment=environment)
    file = issuer.directory / "configuration.yaml"
    file.write_text(CONFIGURATION)
    issuer.arguments = ("--config", str(file))
    return issuer.start()


def active_kids(issuer) -> dict[str, str]:
    return {key["algorithm"]: key["kid"] for key in issuer.keys()["keys"] if key["state"] == "active"}


def tokens_of_both(job) -> list[str]:
    return [job.token(AUDIENCES[algorithm]) for algorithm in ALGORITHMS]


def rotate_once_known(issuer) -> None:
    """The standbys sign as soon as verifiers can know them."""
    before = active_kids(issuer)
    poll(lambda: issuer.cli("keys", "rotate", "--now").returncode == 0, seconds=15, every=0.3, what="a rotation")
    assert not set(before.values()) & set(active_kids(issuer).values())


def prepare(issuers) -> Prepared:
    for _ in range(4):
        try:
            return prepare_once(issuers)
        except RotatedMeanwhile:
            continue
    raise AssertionError("a rotation fell into every stop")


def prepare_once(issuers) -> Prepared:
    """Two generations of keys with tokens that live for an hour, one whose tokens are gone, one whose successor is due.

    RS256 has standbys to spare: making an RSA key is slow, and no step of these tests then needs one.
    """
    issuer = start_issuer(issuers, schedule())
    runner = issuer.runner()
    tokens = tokens_of_both(runner.register())
    rotate_once_known(issuer)
    tokens += tokens_of_both(runner.register())
    for _ in range(7):
        issuer.operator("keys", "prepare", "--algorithm", "RS256")
    issuer.stop()
    issuer.environment = SHORT
    issuer.start()
    live = {header_of(token)["kid"] for token in tokens}
    poll(
        lambda: len({key["algorithm"] for key in issuer.keys()["keys"]
                     if key["state"] == "retiring" and key["kid"] not in live}) == 2,
        seconds=20, every=0.1, what="keys that retire without tokens")
    backup = issuer.directory / "backup.sqlite"
    issuer.operator("backup", str(backup))
    standbys = [key["kid"] for key in issuer.keys()["keys"]
                if key["state"] == "prepared" and key["algorithm"] == "RS256"]
    revoked = standbys.pop()
    revoke(issuer, revoked)
    for kid in standbys[4:]:
        harness.run_cli("keys", "retire", "--storage", issuer.storage, "--", kid)
    stop_once_published(issuer)
    time.sleep(11)  # until grace and interval are over; nobody else changes this store
    ring = Ring.of(issuer.store_directory)
    ring.assert_legal(standbys=1)
    retiring = set(ring.kids("retiring")) - live
    assert ring.states[revoked] == "revoked" and len(retiring) >= 2, ring.states
    prepared = Prepared(issuer, ring, tokens, retiring, revoked, ring.kids("prepared", algorithm="RS256")[0], backup,
                        Ring.of(issuer.directory, backup.name))
    assert len(prepared.live_kids) == 4
    if len(ring.kids("prepared", algorithm="RS256")) < 3:
        raise RotatedMeanwhile(ring.states)
    return prepared


class RotatedMeanwhile(Exception):
    """A rotation fell between the last look and the stop: its standby does not count as published yet."""


def stop_once_published(issuer) -> None:
    """A standby counts as published from the turn after the one that made it."""
    def is_published() -> bool:
        return all(key.get("published_at") for key in issuer.keys()["keys"] if key["state"] == "prepared")

    poll(is_published, seconds=20, every=0.05, what="published standbys")
    issuer.stop()
    if not is_published():
        raise RotatedMeanwhile


def revoke(issuer, kid: str, **options) -> None:
    """A kid may begin with a hyphen."""
    done = harness.run_cli("keys", "revoke", "--storage", issuer.storage, "--", kid, **options)
    assert done.returncode == 0, done.stderr


def verify(token: str, jwks: dict) -> dict:
    """The token, by the key that the JWK Set has under its kid."""
    key = next(key for key in jwks["keys"] if key["kid"] == header_of(token)["kid"])
    return jwt.decode(token, jwt.PyJWK(key).key, algorithms=[key["alg"]], audience=claims_of(token)["aud"])


# --- a disk that fails -----------------------------------------------------------------------------------------------

def compiled_shim(directory: Path) -> Path:
    """`disk_faults.c`, by whichever C compiler came with the toolchain."""
    library = directory / "disk_faults.so"
    source = Path(__file__).with_name("disk_faults.c")
    compiler = shutil.which("clang") or shutil.which("cc") or shutil.which("gcc")
    assert compiler, "no C compiler"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(source)],
                   check=True)
    return library


@dataclass(frozen=True)
class Point:
    """One call that changes a file."""

    number: int
    call: str
    file: str
    nth: int  # of its kind on this file: the counts of pages differ from run to run, so the number alone would miss

    @property
    def address(self) -> str:
        return f"{self.call} {self.file} {self.nth}"

    @property
    def is_turning_point(self) -> bool:
        """Whether something becomes durable here, or gets its name."""
        return self.call in ("fsync", "fdatasync", "rename")

    def is_like(self, other: "Point") -> bool:
        return (self.call, self.file) == (other.call, other.file)


def recorded(file: Path) -> list[Point]:
    seen: dict[str, int] = {}
    points = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        seen[line] = seen.get(line, 0) + 1
        call, name = line.split(" ", 1)
        points.append(Point(number, call, name, seen[line]))
    return points
