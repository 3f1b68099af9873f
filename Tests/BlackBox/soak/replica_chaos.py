"""Replicas on PostgreSQL while machines, wires, clocks and primaries fail: what is acknowledged stays, and what is
withdrawn stays withdrawn.

    cd Tests/BlackBox && python -m soak.replica_chaos --seconds 1200

Needs root, for the hosts are network namespaces. Every operation goes into a record; the checker decides from it. The
last lines say what happened, and for how long each fault left everybody without a token.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import itertools
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import harness
from soak import checker
from soak.recorder import Recorder
from soak.replicas import ISSUER, ReplicaHost, Site, clock_of
from soak.rotation_soak import LIBRARIES, LiveTokens, Soak, SoakedJob, Timetable
from soak.watch import BOUNDS, Watch

# One second is left for the load balancer to see that a replica is not ready: refresh + max-age + skew + 1 = lead.
TIMETABLE = Timetable(lifetime=20, rotation_interval=12, publication_lead=9, grace_period=26, refresh_interval=3,
                      clock_skew=2, jwks_max_age=3)


class ReplicaChaos(Soak):
    """One run at a site; `run` ends with the record complete."""

    def __init__(self, site: Site, seed: int, recorder: Recorder, timetable: Timetable = TIMETABLE):
        self.site = site
        self.timetable = timetable
        self.recorder = recorder
        self.seed = seed
        self.issuer = site.proxy
        self.watch = Watch(site)
        self.tokens = LiveTokens()
        self._ending = threading.Event()
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._living: list[SoakedJob] = []
        self._ended: list[SoakedJob] = []

    def run(self, seconds: float, faults: tuple[str, ...] | None = None) -> None:
        """Ends with every fault mended; with names of faults, these in turn and no others."""
        with self.site.client.entered():  # and so do the threads that are started here
            self.runner = self.site.runner()
            threads = [threading.Thread(target=self._watched, args=work) for work in self._workers(faults)]
            for thread in threads:
                thread.start()
            self._ending.wait(seconds)
            self._ending.set()
            for thread in threads:
                thread.join(240)
                assert not thread.is_alive(), f"{thread} does not end"
            if self._errors:
                raise self._errors[0]
            self._settle()

    def _workers(self, faults: tuple[str, ...] | None):
        if faults is None:
            yield self._break_databases, "database nemesis"
            yield self._break_replicas, "replica nemesis"
        else:
            yield self._break_in_turn, "nemesis", faults
        yield self._poll, "poller"
        yield self._rotate, "cron"
        yield self._force_rotations, "operator"
        yield self._revoke, "security officer"
        for number in range(3):
            yield self._work, f"worker-{number}"
            yield self._verify, f"verifier-{number}", LIBRARIES[number]
            yield self._verify_at, f"verifier-{number} at a replica", LIBRARIES[number], self.site.replicas[number]
        yield self._end_somewhere, "ender"
        yield self._look, "watch"

    # -- keys

    def _popen(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(self.site.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=self.site.operator_environment())

    def _rotate(self, name: str, chance: random.Random) -> None:
        while not self._ending.wait(chance.uniform(2, 5)):
            with self.recorder.invoke(name, "rotate") as operation:
                self._finish(operation, self._popen("keys", "rotate", "--json"), chance)

    def _force_rotations(self, name: str, chance: random.Random) -> None:
        """Often refused, for the standby is too young; but not at every first moment, for a revocation wants one, too."""
        while not self._ending.wait(chance.uniform(1, 12)):
            with self.recorder.invoke(name, "rotate", forced=True) as operation:
                self._finish(operation, self._popen("keys", "rotate", "--now", "--json"), chance)

    def _finish(self, operation, process: subprocess.Popen, chance: random.Random) -> None:
        try:
            if chance.random() < 0.1:
                process.wait(chance.uniform(0, 0.4))
        except subprocess.TimeoutExpired:
            process.kill()
        output, complaint = process.communicate(timeout=120)
        if process.returncode == 0:
            answer = harness.strict_json(output)
            operation.ok(version=answer["version"], changes=answer["changes"])
        elif process.returncode < 0:
            operation.info(signal=-process.returncode)
        else:
            # A commit of which nobody knows whether it was done ends with 1, too.
            operation.info(status=process.returncode, complaint=complaint.decode("utf-8", "replace").strip())

    def _revoke(self, name: str, chance: random.Random) -> None:
        """A key that signs is withdrawn at once; only where its standby is old enough to be known to verifiers."""
        while not self._ending.wait(chance.uniform(0.5, 2)):
            shown = self.site.cli("keys", "show", "--json")
            if shown.returncode != 0:
                continue
            kid = revocable(harness.strict_json(shown.stdout)["keys"], self.timetable.publication_lead, chance)
            if kid is None:
                continue
            with self.recorder.invoke(name, "revoke", kid=kid) as operation:
                self.tokens.withdraw(kid)
                done = self.site.cli("keys", "revoke", kid)
                if done.returncode == 0:
                    operation.ok()
                else:
                    operation.info(status=done.returncode, complaint=done.stderr.strip())
            self._wait(chance, 8, 16)

    # -- jobs

    def _end_somewhere(self, name: str, chance: random.Random) -> None:
        """Ends at one replica, then asks all the others at once."""
        number = 0
        while not self._ending.wait(chance.uniform(0.05, 0.2)):
            number += 1
            reference, body = self._registration(name, number, chance)
            job = self._persist(lambda: self._register(name, reference, body))
            for replica in self.site.replicas:
                self._ask(name, job, chance, at=replica)
            if job is None:
                return
            one = chance.choice(self.site.replicas)
            runner = self.site.at(one, self.runner)
            if not self._end(name, job, runner) and not self._persist(lambda: self._end(name, job)):
                continue
            askers = [threading.Thread(target=self._ask, args=(f"{name} at {other.name}", job, chance, other))
                      for other in self.site.replicas if other is not one]
            for thread in askers:
                thread.start()
            for thread in askers:
                thread.join()
            with self._lock:
                self._ended.append(job)

    # -- verifiers

    def _verify_at(self, name: str, chance: random.Random, library, replica: ReplicaHost) -> None:
        """With a cache of its own, from one replica and no other."""
        copy = None
        while not self._ending.wait(chance.uniform(0.02, 0.1)):
            if copy is None or time.monotonic() >= copy["until"]:
                copy = self._fetch(name, copy, chance, at=replica)
                if copy is None:
                    self._ending.wait(0.2)
            found = self.tokens.some(chance)
            if copy and found and time.monotonic() < copy["until"]:
                self._verify_one(name, copy, library, *found)

    # -- what must stay inside

    def _look(self, name: str, _: random.Random) -> None:
        while not self._ending.wait(2):
            self.watch.gather()
            for replica in self.site.replicas:
                taken = self.watch.resources(replica)
                if taken:
                    self.recorder.invoke(name, "resources", replica=replica.name).ok(**taken)

    # -- faults

    def _break_databases(self, name: str, chance: random.Random) -> None:
        yet: list[str] = []
        while not self._ending.wait(chance.uniform(1, 5)):
            yet = yet or chance.sample(DATABASE_FAULTS, len(DATABASE_FAULTS))
            self._inflict(name, yet.pop(), chance)

    def _break_replicas(self, name: str, chance: random.Random) -> None:
        yet: list[str] = []
        while not self._ending.wait(chance.uniform(1, 5)):
            yet = yet or chance.sample(REPLICA_FAULTS, len(REPLICA_FAULTS))
            self._inflict(name, yet.pop(), chance)

    def _break_in_turn(self, name: str, chance: random.Random, faults: tuple[str, ...]) -> None:
        for fault in faults:
            if self._ending.wait(3):
                return
            self._inflict(name, fault, chance)
            self._ending.wait(3)
        self._ending.set()

    def _inflict(self, name: str, fault: str, chance: random.Random) -> None:
        with self.recorder.invoke(name, "fault", fault=fault) as operation:
            getattr(self, "_" + fault.replace(" ", "_"))(chance)
            operation.ok()

    def _wait(self, chance: random.Random, least: float, most: float) -> None:
        self._ending.wait(chance.uniform(least, most))

    def _replica_is_cut_off_from_the_database(self, chance: random.Random) -> None:
        replica = chance.choice(self.site.replicas)
        replica.host.unplug("back")
        self._wait(chance, 3, 15)
        replica.host.plug_in("back")
        replica.wait_until_ready()

    def _replica_is_cut_off_from_the_load_balancer(self, chance: random.Random) -> None:
        replica = chance.choice(self.site.replicas)
        replica.host.unplug("front")
        self._wait(chance, 2, 8)
        replica.host.plug_in("front")
        replica.wait_until_ready()

    def _replica_stands_still(self, chance: random.Random) -> None:
        replica = chance.choice(self.site.replicas)
        replica.process.send_signal(signal.SIGSTOP)
        self._wait(chance, 1, 8)
        replica.process.send_signal(signal.SIGCONT)
        replica.wait_until_ready()

    def _replica_is_killed(self, chance: random.Random) -> None:
        replica = chance.choice(self.site.replicas)
        replica.kill()
        self._wait(chance, 0, 3)
        replica.start()
        replica.wait_until_ready()

    def _replicas_are_restarted_in_turn(self, chance: random.Random) -> None:
        for replica in self.site.replicas:
            replica.stop()
            replica.start()
            replica.wait_until_ready()

    def _clock_of_a_replica_is_wrong(self, chance: random.Random) -> None:
        replica = chance.choice(self.site.replicas)
        replica.stop()
        replica.start(**clock_of(chance.choice(("-10", "+10"))))
        self._wait(chance, 4, 10)
        replica.stop()
        replica.start()
        replica.wait_until_ready()

    def _primary_stands_still(self, chance: random.Random) -> None:
        primary = self.site.cluster.primary
        primary.signal_all(signal.SIGSTOP)
        self._wait(chance, 2, 12)
        primary.signal_all(signal.SIGCONT)
        self._wait_for_tokens()

    def _connections_are_ended(self, chance: random.Random) -> None:
        until = time.monotonic() + chance.uniform(2, 4)
        while time.monotonic() < until:
            self._end_connections()
            time.sleep(chance.uniform(0.05, 0.4))
        self._wait_for_tokens()

    def _end_connections(self) -> None:
        self.site.cluster.primary.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")

    def _standby_is_cut_off(self, chance: random.Random) -> None:
        """The primary waits: what only one machine has is not acknowledged."""
        self.site.cluster.standby.host.unplug("back")
        self._wait(chance, 2, 8)
        self.site.cluster.standby.host.plug_in("back")
        self._wait_for_tokens()

    def _standby_lags(self, chance: random.Random) -> None:
        """It has what was committed, and shows it late; then it takes over."""
        self.site.cluster.standby.set(recovery_min_apply_delay="5s")
        self._wait(chance, 4, 8)
        self._fail_over(chance, "killed")

    def _primary_is_killed(self, chance: random.Random) -> None:
        self._fail_over(chance, "killed")

    def _primary_is_cut_off(self, chance: random.Random) -> None:
        self._fail_over(chance, "cut off")

    def _fail_over(self, chance: random.Random, how: str) -> None:
        cluster = self.site.cluster
        cluster.wait_until_safe()
        cluster.fence(how)
        self._wait(chance, 0, 1)
        cluster.promote()
        self._wait_for_tokens()
        cluster.rejoin()

    def _old_primary_returns(self, chance: random.Random) -> None:
        """As it was, beside the new one, while connections break and are made again: it is to be believed by nobody."""
        cluster = self.site.cluster
        cluster.wait_until_safe()
        how = chance.choice(("killed", "cut off"))
        cluster.fence(how)
        cluster.promote()
        self._wait_for_tokens()
        if how == "killed":
            cluster.standby.start(is_awaited=False)
        else:
            cluster.standby.host.plug_in("back")
        for _ in range(6):
            self._end_connections()
            self._wait(chance, 0.2, 2)
        cluster.rejoin()
        self._wait_for_tokens()

    def _wait_for_tokens(self) -> None:
        """Until somebody is given one that was asked for from now on."""
        began = len(self.recorder.history)

        def is_given() -> bool:
            entries = self.recorder.history[began:]
            asked = {entry["number"] for entry in entries
                     if entry["operation"] == "token" and entry["type"] == "invoke"}
            return any(entry["type"] == "ok" and entry["number"] in asked for entry in entries)

        if not self._ending.is_set():
            harness.poll(lambda: is_given() or self._ending.is_set(), seconds=120, every=0.1,
                         what="a token after the fault")

    # -- the end

    def _settle(self) -> None:
        """What the database and the replicas say after all of it: every job, and the whole audit log."""
        chance = random.Random(self.seed)
        for replica in self.site.replicas:
            replica.wait_until_ready()
        for job in [*self._living[-60:], *self._ended[-60:]]:
            self._ask("settling", job, chance, at=chance.choice(self.site.replicas))
        self._fetch("settling", None, chance)
        self.watch.gather()
        self.watch.add_request_tokens([job.request_token for job in [*self._living[-20:], *self._ended[-20:]]])
        with self.recorder.invoke("settling", "secrets_sought") as operation:
            operation.ok(private_keys=len(self.watch.canaries.private_keys), found=self.watch.found())
        with self.recorder.invoke("settling", "jobs_stored") as operation:
            rows = self.site.cluster.query(
                "SELECT convert_from(id, 'UTF8') || ' ' || (ended_at IS NOT NULL) FROM job")
            operation.ok(ended=dict(self._stored(row) for row in rows))
        with self.recorder.invoke("settling", "audit_show") as operation:
            lines = self.site.operator("audit", "show", "--json", timeout=300).splitlines()
            operation.ok(records=[harness.strict_json(line) for line in lines if line.strip()])
        with self.recorder.invoke("settling", "audit_verify") as operation:
            done = self.site.cli("audit", "verify", timeout=300)
            if done.returncode == 0:
                operation.ok()
            else:
                operation.fail(status=done.returncode, complaint=done.stderr)

    @staticmethod
    def _stored(row: str) -> tuple[str, bool]:
        job, is_ended = row.split()
        return job, is_ended == "true"


def revocable(keys: list[dict], lead: int, chance: random.Random) -> str | None:
    """A key that signs and whose standby every verifier may know."""
    def is_known(key: dict) -> bool:
        prepared = datetime.datetime.fromisoformat(key["prepared_at"]).timestamp()
        return key["state"] == "prepared" and time.time() - prepared > lead + 1

    known = {key["algorithm"] for key in keys if is_known(key)}
    found = [key["kid"] for key in keys if key["state"] == "active" and key["algorithm"] in known]
    return chance.choice(found) if found else None


DATABASE_FAULTS = ("primary stands still", "connections are ended", "standby is cut off", "standby lags",
                   "primary is killed", "primary is cut off", "old primary returns")
REPLICA_FAULTS = ("replica is cut off from the database", "replica is cut off from the load balancer",
                  "replica stands still", "replica is killed", "replicas are restarted in turn",
                  "clock of a replica is wrong")


# --- what happened ---------------------------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault from its beginning until it was mended, and the longest time in it, or soon after, without a token."""

    name: str
    lasted: float
    without_tokens: float

    def __str__(self) -> str:
        return f"{self.name}: lasted {self.lasted:.1f} s, {self.without_tokens:.1f} s without tokens"


# So long after a fault was mended its consequences are still its own.
AFTERMATH = 5


def faults_in(record: checker.Record) -> list[Fault]:
    """Tokens are those that came through the load balancer, to whichever worker."""
    given = sorted(event.ended["monotonic"] for event in record.those("token", "ok")
                   if event.process.startswith("worker"))
    found = []
    for event in record.those("fault", "ok"):
        began, ended = event.invoked["monotonic"], event.ended["monotonic"]
        inside = [began, *(at for at in given if began <= at <= ended + AFTERMATH)]
        longest = max((later - earlier for earlier, later in itertools.pairwise(inside)), default=0)
        found.append(Fault(event.asked["fault"], ended - began, longest))
    return found


@dataclasses.dataclass(frozen=True)
class Summary:
    """What happened, so that a run in which nothing did cannot pass for a good one."""

    tokens: int
    verifications: int
    failed_verifications: int
    jobs: int
    ends: int
    refused_after_end: int
    key_changes: int
    revocations: int
    put_off: int
    unknown: int
    looks: int
    private_keys: int
    faults: list[Fault]

    def __str__(self) -> str:
        lines = [f"  {fault}" for fault in sorted(self.faults, key=lambda fault: fault.name)]
        return "\n".join([
            *lines,
            f"{self.tokens} tokens, {self.verifications} verifications, {self.jobs} jobs, {self.ends} ended, "
            f"{self.refused_after_end} requests refused after an end, {self.key_changes} keys began to sign, "
            f"{self.revocations} revoked, {len(self.faults)} faults, {self.put_off} token requests put off, "
            f"{self.unknown} operations of unknown outcome, {self.looks} looks at what replicas take, "
            f"{self.private_keys} private keys sought, failed verifications {self.failed_verifications}"])


def summary_of(record: checker.Record) -> Summary:
    return Summary(
        tokens=len(record.tokens), verifications=len(record.those("verify", "ok")),
        failed_verifications=len(checker.failed_verifications(record)),
        jobs=len({event.answer["job"] for event in record.those("register", "ok")}),
        ends=len(checker.acknowledged_ends(record)),
        refused_after_end=sum(event.answer["status"] == 401 for event in record.those("token", "fail")),
        key_changes=len(checker.activations(record)), revocations=len(record.those("revoke", "ok")),
        put_off=sum(event.answer["status"] in (429, 503) for event in record.those("token", "fail")),
        unknown=sum(event.outcome == "info" for event in record.events), looks=len(record.those("resources", "ok")),
        private_keys=sum(event.answer["private_keys"] for event in record.those("secrets_sought", "ok")),
        faults=faults_in(record))


def rules(timetable: Timetable) -> checker.Rules:
    """The readers behind the load balancer are never without an answer."""
    return dataclasses.replace(
        timetable.rules(ISSUER), always_answered=frozenset(["poller", *(f"verifier-{n}" for n in range(3))]),
        bounds=BOUNDS)


def chaos(directory: Path, *, seconds: float, seed: int, file: Path | None = None,
          faults: tuple[str, ...] | None = None) -> tuple[list[checker.Violation], Summary]:
    """Runs at a site of its own, checks and counts."""
    with Site(directory, configuration=TIMETABLE.configuration) as site:
        return chaos_at(site, seconds=seconds, seed=seed, file=file, faults=faults)


def chaos_at(site: Site, *, seconds: float, seed: int, file: Path | None = None,
             faults: tuple[str, ...] | None = None) -> tuple[list[checker.Violation], Summary]:
    recorder = Recorder(file)
    try:
        ReplicaChaos(site, seed, recorder).run(seconds, faults)
    finally:
        recorder.close()
    record = checker.Record(recorder.history, rules(TIMETABLE))
    return checker.violations_in(record), summary_of(record)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--seed", type=int, default=None, help="what the last run printed, to do the same again")
    parser.add_argument("--fault", action="append", choices=sorted(DATABASE_FAULTS + REPLICA_FAULTS), default=None,
                        help="this one, and those named with it, in turn and no others")
    parser.add_argument("--record", type=Path, default=None, help="where to keep the record, one operation a line")
    options = parser.parse_args()
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    directory = harness.new_directory()
    print(f"chaos: {options.seconds:g} s, seed {seed}, {directory}", flush=True)
    violations, summary = chaos(
        directory, seconds=options.seconds, seed=seed, file=options.record or directory / "record.jsonl",
        faults=tuple(options.fault) if options.fault else None)
    for name, count in collections.Counter(violation.name for violation in violations).items():
        print(f"{name}: {count} violations, the first of them:")
        print(*[f"  {violation}" for violation in violations if violation.name == name][:3], sep="\n")
    print(f"chaos: {summary}; {len(violations)} violations")
    if not violations:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
