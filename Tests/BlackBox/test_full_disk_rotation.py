"""Rotation and revocation on a disk that is full: a small file system, a balloon, and the air let out again."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

import harness
import rotation
from harness import poll
from rotation import Ring

ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


@pytest.fixture
def small_disk(directory):
    """A tmpfs of three mebibytes."""
    place = directory / "disk"
    place.mkdir()
    options = f"size=3m,mode=0700,uid={os.getuid()},gid={os.getgid()}"
    subprocess.run([*ROOT, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    yield place
    subprocess.run([*ROOT, "umount", "--lazy", str(place)], check=True)


@contextlib.contextmanager
def full(disk: Path):
    """While it lasts there is not a byte to be had."""
    balloon = disk / "balloon"
    with open(balloon, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    try:
        yield
    finally:
        balloon.unlink()


class SmallIssuer(harness.Issuer):
    """An issuer whose store is on a disk of its own."""

    def place_on(self, disk: Path) -> None:
        self.store_directory = disk / "store"
        self.store_directory.mkdir(mode=0o700)
        self.database = self.store_directory / "jobsworth.sqlite"


@pytest.fixture
def make_issuer(small_disk, directory):
    """Issuers on the small disk, ended before it goes."""
    made = []

    def make(environment: dict[str, str]) -> SmallIssuer:
        issuer = SmallIssuer(directory, environment=environment)
        issuer.place_on(small_disk)
        made.append(issuer)
        return issuer.start()

    yield make
    for issuer in made:
        issuer.kill()


def kids(issuer) -> set[str]:
    answer = issuer.get("/.well-known/jwks")
    assert answer.status == 200, answer
    return {key["kid"] for key in answer.json()["keys"]}


def failures(issuer) -> int:
    text = harness.call(issuer.metrics_port, "GET", "/metrics").text
    return next(int(line.split()[1]) for line in text.splitlines()
                if line.startswith("jobsworth_key_rotation_failures_total "))


def standbys_are_known(issuer) -> bool:
    return all(key.get("published_at") for key in issuer.keys()["keys"] if key["state"] == "prepared")


def revoke(issuer, kid: str, **options) -> subprocess.CompletedProcess:
    return harness.run_cli("keys", "revoke", "--storage", issuer.storage, "--", kid, **options)


def assert_revoked(issuer, kid: str) -> None:
    states = {key["kid"]: key["state"] for key in issuer.keys()["keys"]}
    assert states[kid] == "revoked" and kid not in kids(issuer), states


def assert_whole(issuer, job) -> None:
    token = poll(lambda: (answer := job.ask()).status == 200 and answer.json()["value"], seconds=10, what="a token")
    rotation.verify(token, issuer.jwks())
    poll(lambda: len({key["algorithm"] for key in issuer.keys()["keys"] if key["state"] == "prepared"}) == 2,
         seconds=10, what="a standby of each algorithm")
    Ring.of(issuer.store_directory).assert_legal(standbys=1)
    assert issuer.operator("audit", "verify")


def test_a_rotation_that_finds_the_disk_full_goes_through_once_there_is_room(make_issuer, small_disk):
    issuer = make_issuer(rotation.SHORT)
    job = issuer.runner().register()
    poll(lambda: standbys_are_known(issuer), seconds=10, what="standbys that are published")
    before = rotation.active_kids(issuer)
    with full(small_disk):
        published = kids(issuer)
        count = failures(issuer)
        poll(lambda: failures(issuer) > count, seconds=20, every=0.2, what="a rotation that fails")
        assert "rotation failed" in issuer.output()
        for _ in range(3):
            assert kids(issuer) == published
            assert issuer.get("/.well-known/openid-configuration").status == 200
            assert job.ask().status == 503
        shown = issuer.cli("keys", "show", "--json")
        assert shown.returncode == 0, shown.stderr
        assert {key["kid"] for key in harness.strict_json(shown.stdout)["keys"] if key["state"] == "active"} \
            == set(before.values())
    poll(lambda: not set(before.values()) & set(rotation.active_kids(issuer).values()), seconds=15, every=0.2,
         what="the rotation, without a restart")
    assert published - kids(issuer) == set()
    assert_whole(issuer, job)


def test_a_revocation_that_finds_the_disk_full_fails_and_leaves_no_trace(make_issuer, small_disk):
    """Where not even the ledger has room, nothing is revoked, and whoever asked is told."""
    issuer = make_issuer(rotation.schedule())
    job = issuer.runner().register()
    kid = rotation.active_kids(issuer)["RS256"]
    ring = Ring.of(issuer.store_directory)
    with full(small_disk):
        done = revoke(issuer, kid)
        assert done.returncode == 1 and "ledger_unusable" in done.stderr, f"{done.returncode}: {done.stderr}"
        assert kid not in rotation.ledger(issuer)
        assert kid in kids(issuer)
    assert Ring.of(issuer.store_directory).version == ring.version
    assert_whole(issuer, job)
    assert revoke(issuer, kid).returncode == 0
    assert_revoked(issuer, kid)
    assert rotation.ledger(issuer) == {kid}
    assert_whole(issuer, job)


def test_a_revocation_that_only_the_ledger_took_is_finished_once_there_is_room(make_issuer, small_disk, directory):
    """With a ledger on another disk: the command fails, its line stands, and no token is signed with that key again."""
    ledger = directory / "ledger"
    environment = {"JOBSWORTH_KEYS_REVOCATION_LEDGER": str(ledger)}
    issuer = make_issuer({**rotation.schedule(), **environment})
    job = issuer.runner().register()
    kid = rotation.active_kids(issuer)["RS256"]
    with full(small_disk):
        done = revoke(issuer, kid, environment=harness.clean_environment(**environment))
        assert done.returncode == 1 and done.stderr.startswith("jobsworth: "), f"{done.returncode}: {done.stderr}"
        assert kid in ledger.read_text() and ledger.read_bytes().endswith(b"\n")
        assert job.ask().status == 503, "signed with a key that the ledger names"
        assert len(kids(issuer)) >= 3
    poll(lambda: kid not in kids(issuer), seconds=5, what="the end of the revocation, without a restart")
    assert_revoked(issuer, kid)
    assert_whole(issuer, job)
    assert harness.header_of(job.token())["kid"] != kid
    assert ledger.read_text().count(kid) == 1


def test_directly_on_the_file_a_full_disk_fails_the_revocation_and_the_next_try_does_it(make_issuer, small_disk):
    issuer = make_issuer(rotation.schedule())
    job = issuer.runner().register()
    kid = rotation.active_kids(issuer)["ES256"]
    issuer.stop()
    ring = Ring.of(issuer.store_directory)
    with full(small_disk):
        done = revoke(issuer, kid)
        assert done.returncode == 1 and done.stderr.startswith("jobsworth: "), f"{done.returncode}: {done.stderr}"
        rotated = issuer.cli("keys", "rotate")
        assert rotated.returncode in (0, 1), f"{rotated.returncode}: {rotated.stderr}"
    now = Ring.of(issuer.store_directory)
    now.assert_legal()
    now.assert_follows(ring)
    assert kid not in rotation.ledger(issuer) and now.states[kid] != "revoked", "refused, and done"
    assert revoke(issuer, kid).returncode == 0
    issuer.start()
    assert_revoked(issuer, kid)
    assert_whole(issuer, job)


def test_a_start_on_a_full_disk_publishes_the_keys_or_says_why_not(make_issuer, small_disk):
    """Keys are read even where nothing can be written; what is not possible has its reason."""
    issuer = make_issuer(rotation.schedule())
    job = issuer.runner().register()
    published = kids(issuer)
    issuer.stop()
    with full(small_disk):
        try:
            issuer.start()
        except AssertionError:
            last = issuer.output().strip().splitlines()[-1]
            assert issuer.process.returncode == 1 and last.startswith("jobsworth: "), issuer.output()
        else:
            assert kids(issuer) == published
            assert job.ask().status == 503
            issuer.stop()
    issuer.start()
    assert kids(issuer) >= published
    assert_whole(issuer, job)
