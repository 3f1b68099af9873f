"""Replicas on one PostgreSQL: what a token costs them, and what it costs the database.

Replicas and database share the server's core, so that the figures are of processors and not of how many there are:
what a token takes of each says how far more of them go.
"""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import time
from collections.abc import Iterator

from . import jobs
from .consumption import cpu_seconds, family
from .cycles import registration_file
from .exchange import wait_until_ready
from .faults import BenchmarkError, say
from .issuer import permitted_tokens, register_jobs
from .load import CONNECTIONS, generate, wrk_command, wrk_environment, wrk_result
from .postgres import Database, database
from .processes import environment, free_port, output, running
from .run import Run
from .target import Target

COUNTS = (1, 2, 3)
WARM_UP_SECONDS = 1
NAME = "replicas"


def measure(run: Run) -> None:
    with database(run) as shared:
        group = Group(run, shared)
        requests = group.prepared()
        for number in range(run.rounds):
            for count in COUNTS:
                say(f"{count} replicas, round {number + 1} of {run.rounds}")
                with group.replicas(count, requests) as targets:
                    group.tokens(targets, WARM_UP_SECONDS)
                    group.note_tokens(targets)
                    if count == 1:
                        group.note_cycles(targets[0])
        group.check_audit()


class Group:
    """Issuers that are one: the same URL, the same database, the same sealing key."""

    def __init__(self, run: Run, shared: Database):
        self.run = run
        self.shared = shared
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.answered = 0
        self.extra = {"JOBSWORTH_STORAGE_DIRECTORY": str(run.folder(NAME))}

    def prepared(self) -> pathlib.Path:
        """Jobs in the database, and the file of their token requests."""
        with self.replicas(1, None) as targets:
            self.credential = self.run.folder(NAME) / "credential"
            self.credential.touch(mode=0o600)
            add = [str(self.run.binary), "runner", "add", "bench", "--repository", jobs.RUNNER_PATTERN]
            self.credential.write_text(output([*add, "--storage", self.shared.url], **self.extra))
            return register_jobs(self.run, targets[0], self.credential)

    @contextlib.contextmanager
    def replicas(self, count: int, requests: pathlib.Path | None) -> Iterator[list[Target]]:
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(self.replica(number, requests)) for number in range(count)]

    @contextlib.contextmanager
    def replica(self, number: int, requests: pathlib.Path | None) -> Iterator[Target]:
        port = free_port() if number else self.port
        serve = [str(self.run.binary), "serve", "--issuer", self.url, "--listen", f"127.0.0.1:{port}",
                 "--storage", self.shared.url, "--algorithm", "ES256"]  # fmt: skip
        log = self.run.folder(NAME) / f"serve{number}.log"
        with running(self.run.cores.serving(serve), log, JOBSWORTH_STORAGE_REPLICA=f"r{number}", **self.extra) as one:
            wait_until_ready(one, port)
            # The target's URL is where a load goes; that of the registered requests is the issuer's.
            yield Target(NAME, one, port, f"http://127.0.0.1:{port}", requests)

    def spent(self, targets: list[Target]) -> tuple[float, float]:
        """CPU seconds of all replicas, and of the database."""
        replicas = sum(cpu_seconds(family(target.program.pid)) for target in targets)
        return replicas, cpu_seconds(family(self.shared.program.pid))

    def tokens(self, targets: list[Target], seconds: int) -> list[dict]:
        """A load for each replica, all at once."""
        processes = [
            subprocess.Popen(self.run.cores.loading(wrk_command(target, seconds)), stdout=subprocess.PIPE, text=True,
                             env=environment(**wrk_environment(target)))
            for target in targets
        ]  # fmt: skip
        results = [wrk_result(process.communicate()[0]) for process in processes]
        for result in results:
            if result["refused"] or result["broken"] or not result["requests"]:
                raise BenchmarkError(f"replicas under load: {result}")
            self.answered += result["requests"]
        return results

    def note_tokens(self, targets: list[Target]) -> None:
        before = self.spent(targets)
        results = self.tokens(targets, self.run.seconds)
        replicas, database_ = (now - then for now, then in zip(self.spent(targets), before))
        total = sum(result["requests"] for result in results)
        name = f"{NAME}.{len(targets)}"
        self.run.note(f"{name}.rate", sum(result["requests"] / result["microseconds"] * 1e6 for result in results))
        self.run.note(f"{name}.replica_us", replicas / total * 1e6)
        self.run.note(f"{name}.database_us", database_ / total * 1e6)
        self.run.note(f"{name}.p99_ms", max(result["p99"] for result in results) / 1000)

    def note_cycles(self, target: Target) -> None:
        before = self.spent([target])
        result = generate(
            self.run, "cycles", address=f"127.0.0.1:{target.port}", credential_file=self.credential,
            body_file=registration_file(self.run, NAME), audience=jobs.AUDIENCE, seconds=self.run.seconds,
            connections=CONNECTIONS, first_run=time.time_ns() // 1000,
        )  # fmt: skip
        replica, database_ = (now - then for now, then in zip(self.spent([target]), before))
        self.run.note(f"{NAME}.cycles.rate", result["cycles"] / result["seconds"])
        self.run.note(f"{NAME}.cycles.replica_us", replica / result["cycles"] * 1e6)
        self.run.note(f"{NAME}.cycles.database_us", database_ / result["cycles"] * 1e6)
        self.answered += result["cycles"]

    def check_audit(self) -> None:
        permits = permitted_tokens(self.run, self.shared.url, **self.extra)
        if permits < self.answered:
            raise BenchmarkError(f"replicas: {self.answered} tokens, but only {permits} audit records")
