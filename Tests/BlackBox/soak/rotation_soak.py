"""Rotation under load and deaths: jobs, tokens, caching verifiers, two crons that rotate, and an issuer that is killed.

    cd Tests/BlackBox && python -m soak.rotation_soak --seconds 600

Every operation goes into a record; the checker decides from it. The last line counts what happened.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import json
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwt

import harness
from soak import checker
from soak.recorder import Recorder

AUDIENCES = ("sts.amazonaws.com", "https://es256.example")
# What a proxy says that lost its server: nobody knows whether the server did what it was asked.
BEHIND_A_PROXY = (502, 504)
JWK_SET_NAMES = ("/.well-known/jwks", "/.well-known/jwks.json")


@dataclasses.dataclass(frozen=True)
class Timetable:
    """The schedule under test; its inequalities hold with no second to spare where the numbers are `tight`."""

    lifetime: int
    rotation_interval: int
    publication_lead: int
    grace_period: int
    refresh_interval: int
    clock_skew: int
    jwks_max_age: int
    maximum_published: int = 16

    @property
    def configuration(self) -> str:
        return json.dumps({  # which is YAML, too
            "tokens": {"lifetime": self.lifetime, "maximumLifetime": self.lifetime,
                       "audiences": {AUDIENCES[1]: {"algorithm": "ES256"}}},
            "keys": {"rotationInterval": self.rotation_interval, "publicationLead": self.publication_lead,
                     "gracePeriod": self.grace_period, "refreshInterval": self.refresh_interval,
                     "clockSkew": self.clock_skew, "jwksMaxAge": self.jwks_max_age,
                     "maximumPublished": self.maximum_published}})

    def rules(self, issuer: str) -> checker.Rules:
        return checker.Rules(issuer, self.lifetime, self.rotation_interval, self.publication_lead,
                             self.maximum_published)


TIMETABLES = {
    # Tokens of a minute, a rotation every twenty seconds: what the test programme asks for.
    "programme": Timetable(lifetime=60, rotation_interval=20, publication_lead=8, grace_period=63, refresh_interval=1,
                           clock_skew=2, jwks_max_age=5),
    # So short that a minute sees keys withdrawn.
    "brisk": Timetable(lifetime=10, rotation_interval=6, publication_lead=5, grace_period=13, refresh_interval=1,
                       clock_skew=2, jwks_max_age=2),
}


def verified_by_pyjwt(token: str, jwk: dict, audience: str, issuer: str) -> str | None:
    try:
        jwt.decode(token, jwt.PyJWK.from_dict(jwk), algorithms=[jwk["alg"]], audience=audience, issuer=issuer)
    except jwt.PyJWTError as error:
        return repr(error)
    return None


def verified_by_joserfc(token: str, jwk: dict, audience: str, issuer: str) -> str | None:
    wanted = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": audience}}
    try:
        decoded = joserfc.jwt.decode(token, joserfc.jwk.import_key(jwk), algorithms=[jwk["alg"]])
        joserfc.jwt.JWTClaimsRegistry(**wanted).validate(decoded.claims)
    except joserfc.errors.JoseError as error:
        return repr(error)
    return None


LIBRARIES = (verified_by_pyjwt, verified_by_joserfc, verified_by_pyjwt)


class LiveTokens:
    """The tokens that verifiers may meet."""

    def __init__(self):
        self._lock = threading.Lock()
        self._tokens: collections.deque[tuple[str, str, float]] = collections.deque()
        self._withdrawn: set[str] = set()

    def add(self, token: str, audience: str, expires: float) -> None:
        with self._lock:
            self._tokens.append((token, audience, expires))

    def withdraw(self, kid: str) -> None:
        """From now on nobody need accept tokens of this key."""
        with self._lock:
            self._withdrawn.add(kid)

    def some(self, chance: random.Random) -> tuple[str, str] | None:
        """One that lives for some seconds yet: the newest, the oldest, or any."""
        with self._lock:
            while self._tokens and self._tokens[0][2] < time.time() + 2:
                self._tokens.popleft()
            if not self._tokens:
                return None
            token, audience, _ = chance.choice((self._tokens[-1], self._tokens[0], chance.choice(self._tokens)))
            return None if harness.header_of(token)["kid"] in self._withdrawn else (token, audience)


@dataclasses.dataclass
class SoakedJob:
    """A job as its worker knows it."""

    id: str
    target: str
    request_token: str


class Soak:
    """One run; `run` ends with the record complete."""

    def __init__(self, directory: Path, timetable: Timetable, seed: int, recorder: Recorder):
        self.timetable = timetable
        self.recorder = recorder
        self.seed = seed
        configuration = directory / "configuration.yaml"
        configuration.write_text(timetable.configuration)
        self.issuer = harness.Issuer(directory, metrics=False, arguments=("--config", str(configuration)))
        self.tokens = LiveTokens()
        self._ending = threading.Event()
        self._settled = threading.Event()
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._living: list[SoakedJob] = []
        self._ended: list[SoakedJob] = []

    def run(self, seconds: float) -> None:
        try:
            self.issuer.start()
            self.runner = self.issuer.runner("acme/*")
            threads = [threading.Thread(target=self._watched, args=work) for work in self._workers()]
            for thread in threads:
                thread.start()
            self._ending.wait(seconds)
            self._ending.set()
            for thread in threads:
                thread.join(120)
                assert not thread.is_alive(), f"{thread} does not end"
            if self._errors:
                raise self._errors[0]
            self._settle()
        finally:
            self._ending.set()
            self.issuer.kill()

    def _workers(self):
        yield self._kill_and_restart, "nemesis"
        yield self._poll, "poller"
        for number in range(2):
            yield self._rotate, f"cron-{number}"
        for number in range(3):
            yield self._work, f"worker-{number}"
            yield self._verify, f"verifier-{number}", LIBRARIES[number]

    def _watched(self, work, name: str, *arguments) -> None:
        try:
            work(name, random.Random(f"{self.seed} {name}"), *arguments)
        except BaseException as error:  # whatever ends one thread ends the run, and is told
            self._errors.append(error)
            self._ending.set()

    # -- the issuer's deaths

    def _kill_and_restart(self, name: str, chance: random.Random) -> None:
        while not self._ending.wait(min(10, chance.expovariate(1 / 4))):
            with self.recorder.invoke(name, "kill") as operation:
                self.issuer.kill()
                operation.ok()
            # Mostly back at once; now and then away for long enough that the crons do the work.
            self._ending.wait(chance.choice((0, 0, 0.3, chance.uniform(1, 4))))
            if chance.random() < 0.2:
                with self.recorder.invoke(name, "kill", while_starting=True) as operation:
                    self.issuer.spawn()
                    time.sleep(chance.uniform(0, 0.4))
                    self.issuer.kill()
                    operation.ok()
            self._restart(name)

    def _restart(self, name: str) -> None:
        with self.recorder.invoke(name, "start") as operation:
            self.issuer.start()
            operation.ok()

    # -- rotation

    def _rotate(self, name: str, chance: random.Random) -> None:
        while not self._ending.wait(chance.uniform(0.5, 2)):
            with self.recorder.invoke(name, "rotate") as operation:
                self._rotate_once(operation, chance)

    def _rotate_once(self, operation, chance: random.Random) -> None:
        process = subprocess.Popen(
            [str(harness.binary()), "keys", "rotate", "--json", "--storage", self.issuer.storage],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.clean_environment())
        if chance.random() < 0.15:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, 0.4))
            process.kill()
        output, complaint = process.communicate(timeout=60)
        if process.returncode == 0:
            answer = harness.strict_json(output)
            operation.ok(version=answer["version"], changes=answer["changes"])
        elif process.returncode < 0:
            operation.info(signal=-process.returncode)
        else:
            operation.fail(status=process.returncode, complaint=complaint.decode("utf-8", "replace").strip())

    # -- jobs

    def _work(self, name: str, chance: random.Random) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            reference, body = self._registration(name, number, chance)
            job = self._persist(lambda: self._register(name, reference, body))
            for _ in range(chance.randint(1, 20)):
                self._ask(name, job, chance)
                if self._ending.wait(chance.uniform(0.01, 0.1)):
                    break
            if chance.random() < 0.3:
                self._register(name, reference, body)
            self._end_or_keep(name, job, chance)
            self._ask_of_some_older_job(name, chance)

    def _registration(self, name: str, number: int, chance: random.Random) -> tuple[str, dict]:
        reference = f"{name}/{number}"
        facts = harness.facts(repository=f"acme/{name}-{number % 5}", run_id=str(chance.getrandbits(40)),
                              ref=chance.choice(("refs/heads/main", "refs/tags/v1.0", "refs/heads/tópico")),
                              sha=f"{chance.getrandbits(160):040x}", actor=chance.choice(("alice", "bob")))
        return reference, harness.registration(facts, reference=reference, expires_in=86_400)

    def _persist(self, attempt):
        """What comes of it once the issuer is there; a client that is told nothing asks again."""
        while True:
            answer = attempt()
            if answer is not None or self._ending.wait(0.1):
                return answer

    def _register(self, name: str, reference: str, body: dict) -> SoakedJob | None:
        with self.recorder.invoke(name, "register", reference=reference, registration=body) as operation:
            answer = self.runner.post(body)
            if answer.status in BEHIND_A_PROXY:
                operation.info(status=answer.status)
                return None
            if answer.status not in (200, 201):
                operation.fail(status=answer.status, body=answer.text)
                return None
            job = harness.Job(self.issuer, answer)
            operation.ok(status=answer.status, job=job.id)
            return SoakedJob(job.id, job.request_target, job.request_token)
        return None

    def _ask(self, name: str, job: SoakedJob | None, chance: random.Random, at=None) -> None:
        """One request for a token, at the issuer or at one of its replicas."""
        if job is None:
            return
        audience = chance.choice(AUDIENCES)
        target = f"{job.target}&audience={urllib.parse.quote(audience, safe='')}"
        with self.recorder.invoke(name, "token", job=job.id, audience=audience) as operation:
            answer = (at or self.issuer).call("GET", target, headers=harness.bearer(job.request_token))
            if answer.status in BEHIND_A_PROXY:
                operation.info(status=answer.status)
                return
            if answer.status != 200:
                operation.fail(status=answer.status, body=answer.text)
                return
            token = answer.json()["value"]
            operation.ok(token=token)
            self.tokens.add(token, audience, harness.claims_of(token)["exp"])

    def _end_or_keep(self, name: str, job: SoakedJob | None, chance: random.Random) -> None:
        if job is None:
            return
        if chance.random() < 0.5:
            with self._lock:
                self._living.append(job)
        elif self._persist(lambda: self._end(name, job)):
            self._ask(name, job, chance)
            with self._lock:
                self._ended.append(job)

    def _end(self, name: str, job: SoakedJob, runner: harness.Runner | None = None) -> bool | None:
        with self.recorder.invoke(name, "end", job=job.id) as operation:
            answer = (runner or self.runner).end(job.id)
            if answer.status in BEHIND_A_PROXY:
                operation.info(status=answer.status)
                return None
            if answer.status != 204:
                operation.fail(status=answer.status, body=answer.text)
                return None
            operation.ok()
            return True
        return None

    def _ask_of_some_older_job(self, name: str, chance: random.Random) -> None:
        with self._lock:
            jobs = [chance.choice(kind) for kind in (self._living, self._ended) if kind]
        for job in jobs:
            self._ask(name, job, chance)

    # -- verifiers

    def _poll(self, name: str, chance: random.Random) -> None:
        copy = None
        while not self._ending.wait(0.1):
            copy = self._fetch(name, copy if chance.random() < 0.5 else None, chance)

    def _fetch(self, name: str, copy: dict | None, chance: random.Random, at=None) -> dict | None:
        """The JWK Set as an HTTP cache would have it: a 304 makes the copy fresh again."""
        headers = {"If-None-Match": copy["etag"]} if copy else {}
        sent = time.monotonic()
        with self.recorder.invoke(name, "jwks") as operation:
            answer = (at or self.issuer).get(chance.choice(JWK_SET_NAMES), headers=headers, timeout=5)
            if at is not None and not at.ready():
                # Whoever asks a replica by itself asks one that is ready, as the load balancer does.
                operation.info(status=answer.status)
                return None
            if answer.status not in (200, 304) or (answer.status == 304 and not copy):
                operation.fail(status=answer.status, body=answer.text)
                return None
            keys = copy["keys"] if answer.status == 304 else answer.json()["keys"]
            max_age = int(re.search(r"max-age=(\d+)", answer.header("Cache-Control"))[1])
            operation.ok(status=answer.status, etag=answer.header("ETag"), max_age=max_age, keys=keys)
            return {"keys": keys, "etag": answer.header("ETag"), "until": sent + max_age, "sent": sent}
        return None

    def _verify(self, name: str, chance: random.Random, library) -> None:
        copy = None
        while not self._ending.wait(chance.uniform(0.01, 0.06)):
            if copy is None or time.monotonic() >= copy["until"]:
                # A stale copy is worth a revalidation and no more.
                copy = self._fetch(name, copy, chance)
                if copy is None:
                    self._ending.wait(0.1)
            found = self.tokens.some(chance)
            if copy and found and time.monotonic() < copy["until"]:
                self._verify_one(name, copy, library, *found)

    def _verify_one(self, name: str, copy: dict, library, token: str, audience: str) -> None:
        kid, claims = harness.header_of(token)["kid"], harness.claims_of(token)
        age = time.monotonic() - copy["sent"]
        with self.recorder.invoke(name, "verify", kid=kid, jti=claims["jti"], age=age) as operation:
            jwk = next((key for key in copy["keys"] if key["kid"] == kid), None)
            error = "no such key" if jwk is None else library(token, jwk, audience, self.issuer.url)
            if error and jwk and claims["exp"] <= time.time():
                # On a machine that did something else meanwhile, what was alive when it was chosen is so no more.
                operation.info(error=error)
            elif error:
                operation.fail(error=error, kids=[key["kid"] for key in copy["keys"]])
            else:
                operation.ok()

    # -- the end

    def _settle(self) -> None:
        """The issuer as it is after all of it: every job, and the whole audit log."""
        chance = random.Random(self.seed)
        self.issuer.kill()
        self._restart("settling")
        for job in self._living + self._ended:
            self._ask("settling", job, chance)
        self._fetch("settling", None, chance)
        with self.recorder.invoke("settling", "audit_show") as operation:
            operation.ok(records=self.issuer.audit())
        with self.recorder.invoke("settling", "audit_verify") as operation:
            done = self.issuer.cli("audit", "verify")
            if done.returncode == 0:
                operation.ok()
            else:
                operation.fail(status=done.returncode, complaint=done.stderr)


@dataclasses.dataclass(frozen=True)
class Summary:
    """What happened, so that a run in which nothing did cannot pass for a good one."""

    tokens: int
    verifications: int
    failed_verifications: int
    rotations: int
    withdrawals: int
    kills: int
    killed_rotations: int
    put_off: int
    unknown: int
    least_lead: float | None

    def __str__(self) -> str:
        lead = "none" if self.least_lead is None else f"{self.least_lead:.1f} s"
        return (f"{self.tokens} tokens, {self.verifications} verifications, {self.rotations} rotations, "
                f"{self.withdrawals} keys withdrawn, {self.kills} kills, {self.killed_rotations} rotations killed, "
                f"{self.put_off} token requests put off, {self.unknown} operations of unknown outcome, "
                f"least lead {lead}, "
                f"failed verifications {self.failed_verifications}")


def summary_of(history: list[dict], rules: checker.Rules) -> Summary:
    record = checker.Record(history, rules)
    leads = [lead for _, _, lead in checker.leads(record) if lead is not None]
    ever = set().union(*(answer.kids for answer in record.answers))
    return Summary(
        tokens=len(record.tokens), verifications=len(record.those("verify", "ok")),
        failed_verifications=len(record.those("verify", "fail")),
        rotations=sum(row["reason"] == "due" for row in checker.activations(record)),
        withdrawals=len(ever - record.answers[-1].kids) if record.answers else 0,
        kills=len(record.those("kill", "ok")), killed_rotations=len(record.those("rotate", "info")),
        put_off=sum(event.answer["status"] in (429, 503) for event in record.those("token", "fail")),
        unknown=sum(event.outcome == "info" for event in record.events), least_lead=min(leads, default=None))


def soaked(directory: Path, timetable: Timetable, *, seconds: float, seed: int,
           file: Path | None = None) -> tuple[list[checker.Violation], Summary]:
    """Runs, checks and counts."""
    recorder = Recorder(file)
    try:
        soak = Soak(directory, timetable, seed, recorder)
        soak.run(seconds)
    finally:
        recorder.close()
    rules = timetable.rules(soak.issuer.url)
    return checker.check(recorder.history, rules), summary_of(recorder.history, rules)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="what the last run printed, to do the same again")
    parser.add_argument("--timetable", choices=sorted(TIMETABLES), default="programme")
    parser.add_argument("--record", type=Path, default=None, help="where to keep the record, one operation a line")
    options = parser.parse_args()
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    directory = harness.new_directory()
    print(f"soak: {options.seconds:g} s, seed {seed}, {directory}", flush=True)
    violations, summary = soaked(directory, TIMETABLES[options.timetable], seconds=options.seconds, seed=seed,
                                 file=options.record or directory / "record.jsonl")
    for name, count in collections.Counter(violation.name for violation in violations).items():
        print(f"{name}: {count} violations, the first of them:")
        print(*[f"  {violation}" for violation in violations if violation.name == name][:3], sep="\n")
    print(f"soak: {summary}; {len(violations)} violations")
    if not violations:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
