"""A death, a failed call and a full disk at every point at which a rotation changes a file.

Whatever the point: the next turn works without any flag, every prefix of the history is a legal state, and nothing
acknowledged is undone. `FULL_SWEEP=1` tries every point; without it those are tried where something becomes durable or
gets its name, the first and last three, and a sample of the others.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import harness
import rotation
from harness import poll
from rotation import Point, Ring

FULL_SWEEP = bool(os.environ.get("FULL_SWEEP"))

pytestmark = pytest.mark.timeout(3600 if FULL_SWEEP else 300)


@pytest.fixture(scope="module")
def prepared(module_issuers):
    return rotation.prepare(module_issuers)


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    return rotation.compiled_shim(tmp_path_factory.mktemp("shim"))


@dataclass(frozen=True)
class Scenario:
    """A command that changes keys or what seals them."""

    name: str
    arguments: tuple[str, ...]

    def command(self, prepared, issuer) -> list[str]:
        places = {"KID": prepared.next_active, "BACKUP": str(prepared.backup), "STORE": issuer.storage}
        return [str(harness.binary()), *(places.get(word, word) for word in self.arguments)]

    def is_done(self, prepared, issuer, ring: Ring) -> bool:
        """Whether what the command answers for has happened."""
        if self.name == "revoke":
            return ring.states[prepared.next_active] == "revoked"
        if self.name == "restore":
            return ring.version > prepared.ring.version
        if self.name == "reseal":
            return sealing_key(issuer) != sealing_key(prepared.issuer)
        return not set(ring.kids("active")) & set(prepared.ring.kids("active"))


SCENARIOS = [
    Scenario("rotate", ("keys", "rotate", "--storage", "STORE")),
    Scenario("revoke", ("keys", "revoke", "--storage", "STORE", "--", "KID")),
    Scenario("reseal", ("keys", "reseal", "--storage", "STORE")),
    Scenario("restore", ("restore", "BACKUP", "--accept-loss", "--storage", "STORE")),
]
ROTATE, REVOKE, RESEAL, RESTORE = SCENARIOS
by_name = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


def sealing_key_file(issuer) -> Path:
    return issuer.database.with_name(issuer.database.name + ".sealing-key")


def sealing_key(issuer) -> bytes:
    return sealing_key_file(issuer).read_bytes()


@contextlib.contextmanager
def copied(prepared):
    issuer = prepared.copy()
    try:
        yield issuer
    finally:
        issuer.kill()
        shutil.rmtree(issuer.directory)


def faults(shim: Path, **settings) -> dict[str, str]:
    return harness.clean_environment(
        LD_PRELOAD=str(shim), **{f"DISK_FAULT_{name.upper()}": str(value) for name, value in settings.items()})


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60)


def points_of(scenario: Scenario, prepared, shim: Path) -> list[Point]:
    """The points of a run in which nothing fails."""
    with copied(prepared) as issuer:
        record = issuer.directory / "record"
        done = run(scenario.command(prepared, issuer), faults(shim, record=record))
        assert done.returncode == 0, done.stderr
        assert scenario.is_done(prepared, issuer, Ring.of(issuer.store_directory))
        return rotation.recorded(record)


def chosen(points: list[Point], others: list[Point]) -> list[Point]:
    """All of them, or those that say most and are not among the first of `others`, too."""
    if FULL_SWEEP:
        return points
    shared = next((index for index, (mine, its) in enumerate(zip(points, others)) if not mine.is_like(its)), 0)
    own = points[shared:]
    return in_order({point for point in own if point.is_turning_point} | set(own[:3]) | set(own[-3:]))


def in_order(points) -> list[Point]:
    return sorted(points, key=lambda point: point.number)


class Found:
    """What was wrong, point by point: one bad point does not hide the others."""

    def __init__(self):
        self.problems: list[str] = []
        self.tried = 0

    @contextlib.contextmanager
    def at(self, kind: str, point: Point):
        self.tried += 1
        try:
            yield
        except (AssertionError, KeyError, OSError) as problem:
            self.problems.append(f"{kind} at {point.number} ({point.address}): {problem}")

    def assert_nothing(self) -> None:
        assert self.tried
        assert not self.problems, f"{len(self.problems)} of {self.tried}:\n" + "\n".join(self.problems)


def assert_history(scenario: Scenario, prepared, ring: Ring, revoked: set[str], standbys: int = 0) -> None:
    """What holds of the store after the fault, and after the turn that follows it."""
    ring.assert_legal(standbys=standbys)
    assert ring.version >= prepared.ring.version, "the version went back"
    if scenario.name != "restore":  # which goes back on purpose
        ring.assert_follows(prepared.ring)
    for kid in prepared.live_kids - revoked:
        assert ring.states.get(kid) in rotation.PUBLISHED, f"{kid} is {ring.states.get(kid)} while its tokens live"
    for kid in revoked:
        assert ring.states.get(kid) == "revoked", f"{kid} was revoked and is {ring.states.get(kid)}"


def turn_by_command(prepared, issuer) -> None:
    done = issuer.cli("keys", "rotate", "--json")
    assert done.returncode == 0, f"the next turn ended with {done.returncode}: {done.stderr}"


def turn_by_server(prepared, issuer) -> None:
    """A start; what is published verifies every token that lives."""
    issuer.start()
    try:
        jwks = issuer.jwks()
        for token in prepared.tokens:
            rotation.verify(token, jwks)
        assert issuer.operator("audit", "verify")
    finally:
        issuer.stop()


def assert_is_legal(scenario: Scenario, prepared, issuer, acknowledged: bool) -> Ring:
    """What a fault may leave behind."""
    found = Ring.of(issuer.store_directory)
    assert_history(scenario, prepared, found, {prepared.revoked})
    assert set(found.kids("revoked")) <= rotation.ledger(issuer), "revoked, and a restored backup would bring it back"
    if acknowledged:
        assert scenario.is_done(prepared, issuer, found), "acknowledged, and not done"
        assert scenario is not REVOKE or prepared.next_active in rotation.ledger(issuer), "not in the ledger"
    return found


def assert_recovers(scenario: Scenario, prepared, issuer, found: Ring, turn) -> None:
    """From the state that a fault left, to one in which everything that was due is done."""
    revoked = {prepared.revoked} | rotation.ledger(issuer)
    turn(prepared, issuer)
    after = Ring.of(issuer.store_directory)
    assert_history(scenario, prepared, after, revoked, standbys=1)
    assert after.version >= found.version
    if scenario.name != "restore":
        assert {after.states[kid] for kid in prepared.due_to_retire} == {"retired"}, "not done: what was due"
        assert not set(after.kids("active")) & set(prepared.ring.kids("active")), "not done: the rotation that was due"
    assert issuer.operator("audit", "verify")


def kind_of_state(prepared, issuer, ring: Ring) -> tuple:
    """What a next turn can see of the files that a fault left."""
    names = {path.name.removesuffix("-journal") for path in issuer.files() if not path.name.endswith(".draft")}
    is_old_key = sealing_key(issuer) == sealing_key(prepared.issuer)
    return ring.version, sorted(ring.states.values()), sorted(names), is_old_key, len(rotation.ledger(issuer))


def sweep(scenario: Scenario, prepared, shim: Path, points: list[Point], kind: str, judge) -> None:
    """In the short form the next turn is not taken from each of many states that are alike, but from every third."""
    found, states = Found(), {}
    for index, point in enumerate(points):
        with copied(prepared) as issuer, found.at(kind, point):
            done = run(scenario.command(prepared, issuer), faults(shim, at=point.address, kind=kind))
            judge(done, point)
            ring = assert_is_legal(scenario, prepared, issuer, acknowledged=done.returncode == 0)
            state = repr(kind_of_state(prepared, issuer, ring))
            states[state] = states.get(state, 0) + 1
            if FULL_SWEEP or states[state] % 3 == 1:
                turn = turn_by_server if index % 10 == 5 else turn_by_command
                assert_recovers(scenario, prepared, issuer, ring, turn)
    found.assert_nothing()


@pytest.fixture(scope="module")
def points(prepared, shim):
    """The points of each scenario, by its name."""
    return {scenario.name: points_of(scenario, prepared, shim) for scenario in SCENARIOS}


def others(points, scenario: Scenario) -> list[Point]:
    """The turn at the beginning of each command is that of the first."""
    return [] if scenario is ROTATE else points[ROTATE.name]


# --- a death

def assert_death(done, point: Point) -> None:
    """How many pages are written differs a little from run to run; of all else there is as much in each."""
    assert done.returncode == -signal.SIGKILL or point.call == "pwrite64" and done.returncode == 0, \
        f"it ended with {done.returncode}: {done.stderr}"


@by_name
def test_a_death_at_any_write_or_flush_leaves_a_store_from_which_the_next_turn_goes_on(
        prepared, shim, points, scenario):
    sweep(scenario, prepared, shim, chosen(points[scenario.name], others(points, scenario)), "kill", assert_death)


@by_name
def test_a_write_that_a_death_cut_in_half_is_as_if_it_never_was(prepared, shim, points, scenario):
    writes = [point for point in points[scenario.name]
              if point.call in ("write", "pwrite64") and not point.file.endswith("-shm")]
    plain = [point for point in writes if point.call == "write"]
    few = writes if FULL_SWEEP else plain or writes[-1:]
    sweep(scenario, prepared, shim, few, "tear", assert_death)


# --- an error

def assert_clean_end(done, _: Point) -> None:
    assert done.returncode in (0, 1), f"it ended with {done.returncode}: {done.stderr}"
    if done.returncode == 1:
        lines = done.stderr.strip().splitlines()
        assert lines and lines[-1].startswith("jobsworth: ") and len(lines[-1]) > 30, f"no reason: {done.stderr!r}"


@by_name
def test_a_failed_call_ends_the_command_with_a_reason_and_nothing_half_done(prepared, shim, points, scenario):
    few = chosen(points[scenario.name], others(points, scenario))
    turning = [point for point in few if point.is_turning_point]
    sweep(scenario, prepared, shim, few if FULL_SWEEP else turning[::4], "EIO", assert_clean_end)


@by_name
def test_a_full_disk_ends_the_command_with_a_reason_and_nothing_half_done(prepared, shim, points, scenario):
    growing = [point for point in points[scenario.name] if point.call in ("write", "pwrite64", "rename")]
    named = [point for point in growing if point.call != "pwrite64"]
    few = growing if FULL_SWEEP else in_order({growing[len(growing) // 2], *named[:1]})
    sweep(scenario, prepared, shim, few, "ENOSPC", assert_clean_end)


# --- the first start

def first_start(shim: Path, issuer, **settings) -> int:
    """Starts on nothing; once it serves it is told to end. Its exit status."""
    issuer.environment = {**rotation.SHORT, "LD_PRELOAD": str(shim),
                          **{f"DISK_FAULT_{name.upper()}": str(value) for name, value in settings.items()}}
    process = issuer.spawn()

    def is_over():
        if process.poll() is not None:
            return True
        with contextlib.suppress(OSError):
            return harness.call(issuer.metrics_port, "GET", "/readyz", timeout=2).status == 200
        return False

    poll(is_over, seconds=30, every=0.02, what="the first start")
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    return process.wait(20)


@pytest.fixture(scope="module")
def first_points(shim, module_issuers):
    issuer = module_issuers.make()
    record = issuer.directory / "record"
    assert first_start(shim, issuer, record=record) == 0
    return rotation.recorded(record)


def assert_starts(issuer) -> None:
    """The next start needs no flag and makes a whole issuer."""
    issuer.environment = rotation.SHORT
    issuer.start()
    ring = Ring.of(issuer.store_directory)
    ring.assert_legal(standbys=1)
    assert {key["kid"] for key in issuer.jwks()["keys"]} == set(ring.kids(*rotation.PUBLISHED))
    assert issuer.operator("audit", "verify")
    assert issuer.stop() == 0


@pytest.mark.parametrize("kind", ["kill", "EIO"])
def test_whatever_happens_to_the_first_start_the_next_one_needs_no_flag(shim, first_points, issuers, kind):
    found = Found()
    if FULL_SWEEP:
        points = first_points
    else:
        turning = [point for point in first_points if point.is_turning_point]
        named = [point for point in turning if point.call == "rename" or "sealing-key" in point.file]
        points = in_order({*named, *turning[::9]} if kind == "kill" else named)
    for point in points:
        issuer = issuers.make()
        with found.at(kind, point):
            status = first_start(shim, issuer, at=point.address, kind=kind)
            assert status in ((-signal.SIGKILL, 0) if kind == "kill" else (0, 1)), f"{status}: {issuer.output()}"
            assert_starts(issuer)
        issuer.kill()
    found.assert_nothing()


# --- what an error may not lead to

def test_a_command_whose_disk_fails_says_one_line(prepared, shim, points):
    flush = next(point for point in points["rotate"] if point.call == "fdatasync")
    with copied(prepared) as issuer:
        done = run(ROTATE.command(prepared, issuer), faults(shim, at=flush.address, kind="EIO"))
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.parametrize("scenario", [RESEAL, RESTORE], ids=lambda scenario: scenario.name)
def test_no_draft_of_a_sealing_key_or_of_a_store_stays_behind_a_death(prepared, shim, points, scenario):
    """A draft of a store holds private keys that the store itself has erased."""
    drafts = [point for point in points[scenario.name]
              if point.call == "fsync" and point.file.endswith(".draft")
              or point.call == "fdatasync" and point.file.endswith(".restoring")]
    with copied(prepared) as issuer:
        names = {path.name for path in prepared.issuer.files()}
        done = run(scenario.command(prepared, issuer), faults(shim, at=drafts[0].address, kind="kill"))
        assert done.returncode == -signal.SIGKILL
        assert {path.name for path in issuer.files()} > names, "no draft was under way"
        turn_by_server(prepared, issuer)
        assert {path.name for path in issuer.files()} <= names


@contextlib.contextmanager
def served(prepared):
    with copied(prepared) as issuer:
        issuer.environment = rotation.schedule()  # nothing becomes due meanwhile
        yield issuer.start()


@contextlib.contextmanager
def failing(issuer, injection: str, *paths: Path):
    """While it lasts, these system calls of the running issuer fail; with paths, only those on these files."""
    only = [word for path in paths for word in ("-P", str(path))]
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(issuer.process.pid), *only, "-e", f"inject={injection}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        status = Path(f"/proc/{issuer.process.pid}/status")
        poll(lambda: f"TracerPid:\t{tracer.pid}" in status.read_text(), seconds=10, every=0.05, what="strace")
        time.sleep(0.3)  # until it holds every thread, not just the first
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)


@contextlib.contextmanager
def taken(path: Path):
    """While it lasts no file can be given this name."""
    aside = path.with_suffix(".aside")
    path.rename(aside)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        aside.rename(path)


def test_after_a_failed_flush_of_the_database_itself_nothing_is_written_until_a_restart(prepared):
    """The kernel forgets a failed flush: the next one says yes, though the pages never reached the disk."""
    with served(prepared) as issuer:
        with failing(issuer, "fdatasync,fsync:error=EIO", issuer.database):
            issuer.cli("keys", "prepare", "--algorithm", "ES256")
        assert harness.call(issuer.metrics_port, "GET", "/readyz").status == 503
        assert issuer.cli("keys", "prepare", "--algorithm", "ES256").returncode == 1
        assert issuer.get("/.well-known/jwks").status == 200
        issuer.stop()
        assert_starts(issuer)


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_a_sealing_key_that_could_not_get_its_name_is_not_lost_to_the_next_attempt(prepared, end):
    """The draft is the only copy of the key that everything is sealed with, until it has the key's name."""
    with served(prepared) as issuer:
        with taken(sealing_key_file(issuer)):
            done = issuer.cli("keys", "reseal")
            assert done.returncode == 1 and "sealing_key_not_replaced" in done.stderr, done.stderr
        with failing(issuer, "pwrite64:error=ENOSPC"):
            assert issuer.cli("keys", "reseal").returncode == 1
        issuer.kill() if end == "SIGKILL" else issuer.stop()
        assert_starts(issuer)


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_a_sealing_key_whose_work_may_or_may_not_be_on_the_disk_is_not_lost_to_the_next_attempt(prepared, end):
    with served(prepared) as issuer:
        with failing(issuer, "fdatasync:error=EIO"):
            assert issuer.cli("keys", "reseal").returncode == 1
        assert issuer.cli("keys", "reseal").returncode == 1, "after a failed flush nothing may be written"
        issuer.kill() if end == "SIGKILL" else issuer.stop()
        assert_starts(issuer)


# --- what the commands say and do directly on the file

def test_a_rotation_on_the_file_says_what_it_changed(prepared):
    with copied(prepared) as issuer:
        done = issuer.cli("keys", "rotate", "--json")
        assert done.returncode == 0
        verbs = {change["transition"] for change in harness.strict_json(done.stdout)["changes"]}
        assert {"activate", "prepare", "retire"} <= verbs, f"said {verbs}, did {Ring.of(issuer.store_directory).states}"


@pytest.mark.parametrize("command", [("keys", "drill"), ("keys", "show"), ("keys", "tokens", "KID"), ("backup", "FILE")],
                         ids=lambda command: command[-2] if command[-1].isupper() else command[-1])
def test_a_command_that_only_looks_changes_no_key(prepared, command):
    with copied(prepared) as issuer:
        named = {"FILE": str(issuer.directory / "copy"), "KID": issuer.keys()["keys"][0]["kid"]}
        words = [named.get(word, word) for word in command]
        assert issuer.cli(*words).returncode == 0
        assert Ring.of(issuer.store_directory).version == prepared.ring.version


@pytest.mark.parametrize("verb", ["revoke", "retire", "activate", "tokens"])
def test_a_kid_that_begins_with_a_hyphen_is_a_kid(prepared, verb):
    """One in 64 does, and whoever has to revoke it is in a hurry."""
    with copied(prepared) as issuer:
        done = issuer.cli("keys", verb, "-LSr4EFNoGlObn-QS69I4zqxiaCoWZ3rcHwpNszt2f8")
        assert done.returncode in (0, 1) and "Usage" not in done.stderr, f"{done.returncode}: {done.stderr}"


# --- the shim itself

def test_the_points_are_all_there_are(prepared, shim):
    """What the kernel is asked for, as strace counts it, is what the shim counted."""
    calls = ("pwrite64", "fdatasync", "fsync", "ftruncate", "rename", "renameat", "unlink", "unlinkat")
    with copied(prepared) as issuer:
        record, trace = issuer.directory / "record", issuer.directory / "trace"
        command = RESEAL.command(prepared, issuer)
        done = run(["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={','.join(calls)}",
                    "-E", f"LD_PRELOAD={shim}", "-E", f"DISK_FAULT_RECORD={record}", *command],
                   harness.clean_environment())
        assert done.returncode == 0, done.stderr
        traced = [line.split(None, 1)[1].split("(")[0] for line in trace.read_text().splitlines() if "(" in line]
        counted = [point.call for point in rotation.recorded(record)]
    for call in calls:
        assert traced.count(call) == counted.count(call), f"{call}: {traced.count(call)} of the kernel"
    assert counted.count("fsync") and counted.count("rename") and counted.count("fdatasync")
