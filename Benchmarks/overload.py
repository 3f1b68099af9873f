"""Three times what the issuer can do: what the excess is told, what is left for others, how soon it is over.

Requests arrive at a fixed rate, whatever the answers do, each on a connection that is free or on a new one.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
from collections.abc import Iterator

from .faults import BenchmarkError, say
from .figures import recovery_seconds
from .issuer import add_runner, check_audit, issuer, register, register_jobs
from .load import CONNECTIONS, generate, generator_command
from .processes import environment
from .run import Run
from .target import Target, write_requests

TIMES_THE_PEAK = 3
# More than the issuer lets be under way at once, fewer than the files that a process may open.
FLOOD_CONNECTIONS = 6000
NEIGHBOUR_RATE = 50
NEIGHBOUR_CONNECTIONS = 512
RECOVERY_SECONDS = 8


def measure(run: Run) -> None:
    for algorithm in ("ES256", "RS256"):
        name = f"overload.{algorithm}"
        with issuer(run, name, algorithm) as target:
            credential = add_runner(run, name)
            target.requests = register_jobs(run, target, credential)
            overload = Overload(run, target, algorithm, credential)
            for number in range(run.rounds):
                say(f"overload of {algorithm}, round {number + 1} of {run.rounds}")
                overload.flood_by_all()
                overload.flood_by_one()
        check_audit(run, target)


class Overload:
    def __init__(self, run: Run, target: Target, algorithm: str, credential: pathlib.Path):
        self.run = run
        self.target = target
        self.name = f"overload.{algorithm}"
        # Long enough for the queues to fill.
        self.flood_seconds = 2 * run.seconds
        folder = run.folder(target.name)
        self.one_job = self.own_requests(credential, folder / "flooder", "7001")
        self.neighbour = self.own_requests(credential, folder / "neighbour", "7002")

    def own_requests(self, credential: pathlib.Path, file: pathlib.Path, run_id: str) -> pathlib.Path:
        path, token = register(self.target, credential, run_id)
        return write_requests(file, [(path, "Authorization", f"Bearer {token}")])

    def note(self, metric: str, value: float) -> None:
        self.run.note(f"{self.name}.{metric}", value)

    # The loads

    def requests(self, file: pathlib.Path, **options: object) -> dict:
        result = generate(self.run, "requests", address=f"127.0.0.1:{self.target.port}", requests=file, **options)
        self.target.program.check_alive()
        self.target.answered += result["answers"].get("200", 0)
        return result

    def peak(self) -> float:
        """Good answers a second when each of 64 connections waits for its answer."""
        result = self.requests(self.target.requests, seconds=self.run.seconds, connections=CONNECTIONS)
        if set(result["answers"]) != {"200"} or result["broken"]:
            raise BenchmarkError(f"{self.name}, before any flood: {json.dumps(result)}")
        return result["good_in_time"] / result["seconds"]

    def flood(self, file: pathlib.Path, rate: float) -> dict:
        return self.requests(
            file, rate=rate, seconds=self.flood_seconds, connections=FLOOD_CONNECTIONS, yielding=True
        )  # fmt: skip

    @contextlib.contextmanager
    def neighbour_asking(self, seconds: float) -> Iterator[list[dict]]:
        """Another job asks now and then meanwhile; the list has what it saw when the block has ended."""
        timeline = self.run.folder(self.target.name) / "timeline"
        command = generator_command(
            self.run, "requests", address=f"127.0.0.1:{self.target.port}", requests=self.neighbour,
            rate=NEIGHBOUR_RATE, seconds=seconds, connections=NEIGHBOUR_CONNECTIONS, timeline=timeline,
        )  # fmt: skip
        seen: list[dict] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
            yield seen
            text = process.communicate()[0]
        if process.returncode != 0:
            raise BenchmarkError(f"{self.name}: another job met a wrong answer")
        result = json.loads(text)
        self.target.answered += result["answers"].get("200", 0)
        seen.append(result | {"timeline": read_timeline(timeline)})

    # The measurements

    def flood_by_all(self) -> None:
        peak = self.peak()
        self.note("peak", peak)
        with self.neighbour_asking(self.flood_seconds + RECOVERY_SECONDS) as seen:
            flood = self.flood(self.target.requests, TIMES_THE_PEAK * peak)
        self.note("offered", sent(flood) / flood["seconds"])
        self.note("goodput", flood["good_in_time"] / flood["seconds"])
        self.note_refusals(flood)
        self.note("recovery_s", recovery_seconds(seen[0]["timeline"], flood["ended_us"]))
        # The load's own limit, beside the figures that it may have spoilt.
        self.note("lag_ms", flood["lag"]["p50_us"] / 1000)

    def note_refusals(self, flood: dict) -> None:
        """A request that was not answered well should have been refused with a time to come back."""
        excess = sent(flood) - flood["answers"].get("200", 0)
        if excess:
            self.note("refused_percent", 100 * flood["refused_with_retry_after"] / excess)
        else:
            self.run.absent[f"{self.name}.refused_percent"] = "none was refused"
        refused = sum(flood["answers"].get(status, 0) for status in ("429", "503"))
        if refused:
            self.note("refused_p99_ms", flood["refused"]["p99_us"] / 1000)
        else:
            self.run.absent[f"{self.name}.refused_p99_ms"] = "none was refused"

    def flood_by_one(self) -> None:
        with self.neighbour_asking(self.run.seconds) as alone:
            pass
        self.note("alone_p99_ms", alone[0]["good"]["p99_us"] / 1000)
        rate = TIMES_THE_PEAK * self.run.samples[f"{self.name}.peak"][-1]
        with self.neighbour_asking(self.flood_seconds) as beside:
            self.flood(self.one_job, rate)
        result = beside[0]
        good = result["answers"].get("200", 0)
        self.note("neighbour_good_percent", 100 * good / result["arrivals"])
        if good:
            self.note("neighbour_p99_ms", result["good"]["p99_us"] / 1000)


def sent(flood: dict) -> int:
    """Arrivals that found a connection before the end: the others nobody could have answered."""
    return flood["arrivals"] - flood["unsent"]


def read_timeline(file: pathlib.Path) -> list[tuple[int, int, int]]:
    """Sent (µs since 1970), latency (µs), status."""
    return [tuple(map(int, line.split())) for line in file.read_text().splitlines()]
