"""Faults of the disk and deaths at every flush: nothing acknowledged is lost, no token leaves without its record.

The faults are made by strace, which answers system calls of the issuer in the kernel's place.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

import harness
from harness import claims_of, poll


@contextlib.contextmanager
def failing(issuer, calls: str, error: str):
    """While it lasts, these system calls of the running issuer fail."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(issuer.process.pid),
         "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        status = Path(f"/proc/{issuer.process.pid}/status")
        poll(lambda: f"TracerPid:\t{tracer.pid}" in status.read_text(), seconds=10, every=0.05, what="strace")
        time.sleep(0.3)  # until it holds every thread, not just the first
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)


def assert_no_token(answer) -> None:
    assert answer.status == 503, answer
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "value" not in answer.json()
    assert answer.header("Retry-After")


def permitted(issuer) -> set[str]:
    return {record["jti"] for record in issuer.audit(decision="permit", operation="token")}


def test_on_a_full_disk_no_token_leaves_while_the_keys_are_still_published_and_room_mends_it(issuers):
    issuer = issuers.start()
    runner = issuer.runner()
    job = runner.register()
    before = claims_of(job.token())["jti"]
    with failing(issuer, "pwrite64", "ENOSPC"):
        for _ in range(3):
            assert_no_token(job.ask())
        assert runner.post(harness.registration()).status == 503
        assert issuer.get("/.well-known/jwks").status == 200
        assert issuer.get("/.well-known/openid-configuration").status == 200
    after = claims_of(poll(lambda: (answer := job.ask()).status == 200 and answer, seconds=10, every=0.2,
                           what="a token after the disk has room").json()["value"])["jti"]
    assert permitted(issuer) == {before, after}
    assert issuer.operator("audit", "verify")


def test_after_a_failed_flush_nothing_is_written_until_a_restart_and_nothing_acknowledged_is_lost(issuers):
    issuer = issuers.start()
    runner = issuer.runner()
    job = runner.register()
    before = claims_of(job.token())["jti"]
    with failing(issuer, "fdatasync,fsync", "EIO"):
        assert_no_token(job.ask())
    # What the disk holds is not known any more: the next flush could succeed and still not mean what it says.
    assert_no_token(job.ask())
    assert issuer.get("/.well-known/jwks").status == 200
    assert harness.call(issuer.metrics_port, "GET", "/readyz").status == 503
    issuer.stop()
    issuer.start()
    after = claims_of(job.token())["jti"]
    assert {before, after} <= permitted(issuer)
    assert issuer.operator("audit", "verify")


class DyingIssuer(harness.Issuer):
    """An issuer that is killed at the n-th flush of one of its threads."""

    flush = 0

    def command(self) -> list[str]:
        if not self.flush:
            return super().command()
        return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
                "-e", f"inject=fdatasync:signal=SIGKILL:when={self.flush}"] + super().command()

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
        super().kill()


class Acknowledged:
    """What the issuer said it had done before it died."""

    def __init__(self):
        self.jobs: list = []
        self.tokens: set[str] = set()
        self.ended: list = []
        self.kids: list[str] = []

    def gather(self, issuer) -> None:
        """Works until the issuer is gone."""
        with contextlib.suppress(OSError, AssertionError):
            self.kids = [key["kid"] for key in issuer.jwks()["keys"]]
            runner = issuer.runner()
            for _ in range(4):
                job = runner.register()
                self.jobs.append(job)
                self.tokens.add(claims_of(job.token())["jti"])
            job = self.jobs.pop(0)  # from here on it may be ended or not
            assert runner.end(job.id).status == 204
            self.ended.append(job)


@pytest.mark.parametrize("flush", range(1, 15))
def test_whatever_was_acknowledged_outlives_a_death_at_any_flush(directory, flush):
    issuer = DyingIssuer(directory)
    issuer.flush = flush
    acknowledged = Acknowledged()
    try:
        with contextlib.suppress(AssertionError):
            issuer.start()
            acknowledged.gather(issuer)
        issuer.kill()
        issuer.flush = 0
        issuer.start()
        kids = [key["kid"] for key in issuer.jwks()["keys"]]
        assert len(kids) == 4
        assert not acknowledged.kids or acknowledged.kids == kids
        assert acknowledged.tokens <= permitted(issuer)
        for job in acknowledged.jobs:
            assert job.ask().status == 200, "an acknowledged job is lost"
        for job in acknowledged.ended:
            assert job.ask().status == 401, "an ended job lives again"
        assert issuer.operator("audit", "verify")
    finally:
        issuer.kill()
