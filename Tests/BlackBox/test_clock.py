"""Clocks that are moved: nobody's key changes its state, no token is issued on a time that cannot be right, and all goes
on when the time returns.

Only `serve` and single commands run under libfaketime; Python would break under it. It leaves CLOCK_MONOTONIC and
CLOCK_BOOTTIME alone here, which the first test makes sure of.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

import harness
import rotation
from harness import assert_error, claims_of, clean_environment, poll, registration

DAY = 86_400
LIBRARY = "libfaketime.so.1"
# Keys that would change, were the clock right: a day is longer than each of these.
SCHEDULE = rotation.schedule(interval=3 * 3600, lead=600, grace=3602)


def library() -> str:
    """Debian's package libfaketime."""
    found = [path for folder in ("/usr/lib", "/usr/lib64") for path in Path(folder).glob(f"*/faketime/{LIBRARY}")]
    found += [path for folder in ("/usr/lib", "/usr/lib64") for path in Path(folder).glob(f"faketime/{LIBRARY}")]
    assert found, "libfaketime is missing: install the package libfaketime"
    return str(found[0])


@pytest.fixture(scope="module", autouse=True)
def leftovers_are_removed():
    """What the library leaves in shared memory when its process ends by a signal."""
    def names():
        return {path for path in Path("/dev/shm").glob("*faketime_*_*") if path.name.rpartition("_")[2].isdigit()}

    before = names()
    yield
    for path in names() - before:
        if not Path("/proc", path.name.rpartition("_")[2]).exists():
            path.unlink(missing_ok=True)


class Clock:
    """The wall clock of the processes that run in its environment."""

    def __init__(self, file: Path):
        self.file = file
        self.set(0)

    def set(self, offset: float) -> None:
        """So many seconds after the true time; in one step, since the library reads the file at each call."""
        draft = self.file.with_suffix(".draft")
        draft.write_text(f"{offset:+.0f}\n")
        draft.rename(self.file)
        self.offset = offset

    def set_to(self, instant: float) -> None:
        self.set(instant - time.time())

    @property
    def environment(self) -> dict[str, str]:
        # Where the last variable is missing the library adds it, which moves the environment, and Swift finds the
        # command line by where the environment lies. Stale names are replaced in their place.
        return {"LD_PRELOAD": library(), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_SHARED": "/none /none"}


JUMPS = {
    "an hour back": lambda clock: clock.set(-3600),
    "an hour forward": lambda clock: clock.set(3600),
    "a day back": lambda clock: clock.set(-DAY),
    "a day forward": lambda clock: clock.set(DAY),
    "400 days forward": lambda clock: clock.set(400 * DAY),
    "to 1970": lambda clock: clock.set_to(60),
    "to the end of 32 bits": lambda clock: clock.set_to(2_147_483_648),
    "to 2106": lambda clock: clock.set_to(4_294_967_297),
    "to just beyond the tolerance": lambda clock: clock.set(330),
    "back to just beyond the tolerance": lambda clock: clock.set(-330),
}
jumps = pytest.mark.parametrize("jump", JUMPS.values(), ids=[name.replace(" ", "-") for name in JUMPS])


class Scene:
    """An issuer whose clock can be moved, with a job that lives and one with a lease."""

    def __init__(self, issuers, **options):
        issuer = issuers.make(**options)
        self.clock = Clock(issuer.directory / "clock")
        issuer.environment = {**SCHEDULE, **self.clock.environment}
        self.issuer = issuer.start()
        self.runner = issuer.runner()
        poll(lambda: all(key.get("published_at") or key["state"] != "prepared" for key in issuer.keys()["keys"]),
             seconds=15, what="the note that the standbys are published")
        self.job = self.runner.register(lease=2000)
        self.before = self.token()
        self.states = self.key_states()
        self.jwks = issuer.get("/.well-known/jwks").body

    def token(self) -> dict:
        """A token's claims; no token expires before it was issued."""
        claims = self.job.claims()
        assert claims["nbf"] < claims["iat"] < claims["exp"], claims
        return claims

    def key_states(self) -> dict[str, str]:
        return {key["kid"]: key["state"] for key in self.issuer.keys()["keys"]}

    def is_ready(self) -> bool:
        return harness.call(self.issuer.metrics_port, "GET", "/readyz").status == 200

    def clock_gauge(self) -> str:
        text = harness.call(self.issuer.metrics_port, "GET", "/metrics").text
        return next(line.split()[1] for line in text.splitlines() if line.startswith("jobsworth_clock_trusted "))

    def assert_holds(self) -> None:
        """No token, no registration, no change; and the published documents as ever."""
        answer = assert_error(self.job.ask(), 503, error="temporarily_unavailable", reason="clock_uncertain")
        assert "clock" in answer["error_description"]
        assert_error(self.runner.post(registration()), 503, reason="clock_uncertain")
        exchanged = self.issuer.exchange(subject_token=self.job.request_token, audience="a.example")
        assert_error(exchanged, 503, reason="clock_uncertain")
        self.assert_publishes()
        assert not self.is_ready()
        assert harness.call(self.issuer.metrics_port, "GET", "/livez").status == 200
        assert self.clock_gauge() == "0"

    def assert_publishes(self) -> None:
        published = self.issuer.get("/.well-known/jwks")
        assert (published.status, published.body) == (200, self.jwks)
        assert "max-age" in published.header("Cache-Control")
        assert self.issuer.get("/.well-known/openid-configuration").status == 200
        assert self.key_states() == self.states

    def assert_goes_on(self, *, within: float = 2.0) -> None:
        """The same request token is good again, and all is as it was."""
        poll(lambda: self.job.ask().status == 200, seconds=within, what="a token after the time returned")
        claims = self.token()
        assert abs(claims["iat"] - time.time() - self.clock.offset) < 5
        assert self.is_ready() and self.clock_gauge() == "1"
        self.assert_publishes()

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.issuer.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def scene(module_issuers):
    return Scene(module_issuers)


@pytest.fixture
def fresh(issuers):
    return Scene(issuers)


def test_the_library_moves_the_wall_clock_and_no_other(directory):
    clock = Clock(directory / "clock")
    clock.set(-3600)
    program = "import time; print(*(time.clock_gettime(time.CLOCK_%s) for _ in [0]))"
    for name, expected in (("REALTIME", -3600), ("MONOTONIC", 0), ("BOOTTIME", 0)):
        here = time.clock_gettime(getattr(time, f"CLOCK_{name}"))
        there = float(subprocess.run(["python3", "-c", program % name], capture_output=True, check=True,
                                     env=clean_environment(**clock.environment)).stdout)
        assert abs(there - here - expected) < 10, name


@jumps
def test_while_the_clock_is_wrong_nothing_is_issued_and_nothing_changes_and_then_all_goes_on(scene, jump):
    jump(scene.clock)
    try:
        scene.assert_holds()
        time.sleep(2.2)  # two turns, two looks for lapsed jobs
        scene.assert_holds()
        live = [line for line in harness.call(scene.issuer.metrics_port, "GET", "/metrics").text.splitlines()
                if line.startswith("jobsworth_live_jobs ")]
        assert live == ["jobsworth_live_jobs 1"], "a job ended by a clock that is wrong"
    finally:
        scene.clock.set(0)
    scene.assert_goes_on()


@pytest.mark.parametrize("jump", [JUMPS["400 days forward"], JUMPS["to 1970"]], ids=["forward", "to-1970"])
def test_a_wrong_clock_makes_nobody_busy(scene, jump):
    jump(scene.clock)
    try:
        time.sleep(0.5)
        before = scene.processor_seconds()
        time.sleep(3)
        used = scene.processor_seconds() - before
    finally:
        scene.clock.set(0)
    assert used < 0.3, f"{used:.2f} s of processor time in 3 s"
    scene.assert_goes_on()


@pytest.mark.parametrize("offset", [240, -240])
def test_a_correction_within_the_tolerance_stops_nothing(scene, offset):
    scene.clock.set(offset)
    try:
        for _ in range(3):
            scene.assert_goes_on()
            time.sleep(0.7)
    finally:
        scene.clock.set(0)
    scene.assert_goes_on()


def test_a_clock_that_drifts_slowly_is_followed(fresh):
    for offset in (200, 400, 600):
        fresh.clock.set(offset)
        time.sleep(1.5)  # a turn
        fresh.assert_goes_on()
    for offset in (400, 200, 0):
        fresh.clock.set(offset)
        time.sleep(1.5)
        fresh.assert_goes_on()


def test_a_clock_that_drifted_is_still_right_after_a_restart(fresh):
    for offset in (200, 400, 600):
        fresh.clock.set(offset)
        time.sleep(1.5)
        fresh.assert_goes_on()
    fresh.issuer.stop()
    fresh.issuer.start()
    fresh.assert_goes_on()


def test_a_jump_between_the_look_at_the_clock_and_the_token_finds_no_room(fresh):
    """Whichever moment the clock is moved at: a token of the true time, or 503."""
    claims, others = [], []
    stop = threading.Event()

    def ask():
        with harness.Connection(fresh.issuer.port) as connection:
            while not stop.is_set():
                answer = fresh.job.ask(connection=connection)
                if answer.status == 200:
                    claims.append((claims_of(answer.json()["value"]), time.time()))
                elif answer.status != 503:
                    others.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for jump in range(200):
            fresh.clock.set((2 * DAY, -2 * DAY)[jump % 2])
            time.sleep(0.01)
            fresh.clock.set(0)
            time.sleep(0.04)
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
        fresh.clock.set(0)
    wrong = [one for one, at in claims if abs(one["iat"] - at) > 600]
    assert claims
    assert not wrong and not others, \
        f"of {len(claims)} tokens {len(wrong)} are of another day {wrong[:1]}; {len(others)} other answers {others[:1]}"
    fresh.assert_goes_on()


# --- the operator

def test_the_operator_can_say_that_the_clock_is_right_and_tokens_are_issued_again(fresh):
    fresh.clock.set(-DAY)
    fresh.assert_holds()
    said = fresh.issuer.operator("keys", "rotate")
    assert "clock" in said
    fresh.assert_holds()
    assert fresh.issuer.cli("keys", "rotate", "--clock-is-right").returncode == 0
    fresh.assert_goes_on()
    assert len(fresh.issuer.audit(operation="clock_accept")) == 1
    fresh.issuer.stop()
    fresh.issuer.start()
    fresh.assert_goes_on()
    # The time that the machine had before is now the one that is wrong.
    fresh.clock.set(0)
    fresh.assert_holds()
    fresh.issuer.operator("keys", "rotate", "--clock-is-right")
    fresh.assert_goes_on()


def test_on_a_day_that_the_operator_says_is_right_what_is_due_is_done(fresh):
    fresh.clock.set(DAY)
    time.sleep(1.5)
    fresh.assert_holds()
    before = {kid for kid, state in fresh.states.items() if state == "active"}
    fresh.issuer.operator("keys", "rotate", "--clock-is-right")
    states = fresh.key_states()
    assert {states[kid] for kid in before} == {"retiring"}, states
    fresh.issuer.assert_alive()
    assert fresh.issuer.operator("audit", "verify")


def test_a_restart_while_the_clock_is_wrong_changes_nothing(fresh):
    for offset in (DAY, -DAY):
        fresh.clock.set(offset)
        fresh.issuer.stop()
        fresh.issuer.start()
        fresh.assert_holds()
        time.sleep(1.2)
        fresh.assert_holds()
        fresh.clock.set(0)
        fresh.assert_goes_on()
    fresh.clock.set(400 * DAY)
    fresh.issuer.kill()
    fresh.issuer.start()
    fresh.assert_holds()
    fresh.clock.set(0)
    fresh.assert_goes_on()


def test_keys_are_revoked_whatever_the_clock_says(fresh):
    active = next(kid for kid, state in fresh.states.items()
                  if state == "active" and kid == harness.header_of(fresh.job.token())["kid"])
    fresh.clock.set(-DAY)
    rotation.revoke(fresh.issuer, active)
    assert active not in {key["kid"] for key in fresh.issuer.jwks()["keys"]}
    states = fresh.key_states()
    assert states[active] == "revoked"
    assert list(states.values()).count("active") == 2, states
    assert_error(fresh.job.ask(), 503, reason="clock_uncertain")
    fresh.clock.set(0)
    poll(lambda: fresh.job.ask().status == 200, seconds=2, what="a token after the time returned")
    assert harness.header_of(fresh.job.token())["kid"] != active


VERBS = (("prepare",), ("activate",), ("rotate", "--now"), ("retire", "KID"))


@pytest.mark.parametrize("verb", VERBS, ids=[verb[0] for verb in VERBS])
def test_a_wish_that_needs_the_time_is_refused_with_its_reason_while_the_clock_is_wrong(fresh, verb):
    standby = next(kid for kid, state in fresh.states.items() if state == "prepared")
    command = ("keys", *(standby if word == "KID" else word for word in verb))

    def ask(**options):
        words = [*command[:-1], "--storage", fresh.issuer.storage, "--", command[-1]] if "retire" in command \
            else [*command, "--storage", fresh.issuer.storage]
        return harness.run_cli(*words, **options)

    fresh.clock.set(DAY)
    done = ask()
    assert fresh.issuer.is_running, f"{command} ended the issuer with {fresh.issuer.process.poll()}"
    assert done.returncode == 1 and "clock_uncertain" in done.stderr, f"{done.returncode}: {done.stderr}"
    fresh.assert_holds()
    fresh.clock.set(0)
    fresh.assert_goes_on()
    with stopped(fresh) as environment:
        fresh.clock.set(-DAY)
        done = ask(environment=environment)
        assert done.returncode == 1 and "clock_uncertain" in done.stderr, f"{done.returncode}: {done.stderr}"
    fresh.assert_goes_on()


# --- directly on the file

@contextlib.contextmanager
def stopped(scene):
    """The store without its server, and an environment for commands whose clock can be moved."""
    scene.issuer.stop()
    yield clean_environment(**scene.clock.environment)
    scene.clock.set(0)
    scene.issuer.start()


@pytest.mark.parametrize("offset", [-DAY, DAY, 400 * DAY])
def test_directly_on_the_file_a_wrong_clock_rotates_nothing_and_a_revocation_still_holds(fresh, offset):
    with stopped(fresh) as environment:
        before = rotation.Ring.of(fresh.issuer.store_directory)
        fresh.clock.set(offset)
        done = fresh.issuer.cli("keys", "rotate", "--json", environment=environment)
        assert done.returncode == 0, done.stderr
        answer = harness.strict_json(done.stdout)
        assert answer["changes"] == [] and {wait["waits_for"] for wait in answer["waiting"]} == {"clock"}
        after = rotation.Ring.of(fresh.issuer.store_directory)
        assert (after.version, after.states) == (before.version, before.states)
        active = after.kids("active", algorithm="RS256")[0]
        rotation.revoke(fresh.issuer, active, environment=environment)
        revoked = rotation.Ring.of(fresh.issuer.store_directory)
        revoked.assert_legal()
        assert revoked.states[active] == "revoked" and revoked.version > before.version
    assert poll(lambda: fresh.job.ask().status == 200, seconds=3, what="a token")
    ring = rotation.Ring.of(fresh.issuer.store_directory)
    ring.assert_legal(standbys=1)
    assert ring.states[active] == "revoked"
    assert fresh.issuer.operator("audit", "verify")


def test_directly_on_the_file_the_operator_can_say_that_the_clock_is_right(fresh):
    with stopped(fresh) as environment:
        fresh.clock.set(DAY)
        assert fresh.issuer.cli("keys", "rotate", "--clock-is-right", environment=environment).returncode == 0
        ring = rotation.Ring.of(fresh.issuer.store_directory)
        assert len(ring.kids("retiring")) == 2, ring.states
        fresh.issuer.start()
        poll(lambda: fresh.job.ask().status in (200, 401), seconds=2, what="an answer on the new time")
        assert fresh.is_ready()
        fresh.issuer.stop()
