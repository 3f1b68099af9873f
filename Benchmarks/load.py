"""The programs that ask: wrk, h2load, and the Go program of `go/load` for what these cannot do."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import time

from .consumption import busy_seconds, children_seconds, cpu_seconds, family
from .faults import BenchmarkError
from .processes import output, tool
from .run import Run
from .target import Target

CONNECTIONS = 64
HTTP2_CONNECTIONS = 16
HTTP2_STREAMS = 10
SCRIPT = pathlib.Path(__file__).resolve().parent / "load.lua"


@dataclasses.dataclass(frozen=True)
class Load:
    """What a load says about its requests, and what they cost the server. Its fields are the names of the metrics."""

    rate: float
    cpu_us: float
    # The share of both cores that neither the server nor the load used: other programs, other guests.
    others: float
    p50_ms: float | None = None
    p99_ms: float | None = None


def note(run: Run, name: str, load: Load) -> None:
    for field, value in dataclasses.asdict(load).items():
        if value is not None:
            run.note(f"{name}.{field}", value)


class Meter:
    """What a server and both cores use while its block lasts."""

    def __init__(self, run: Run, target: Target):
        self.pids = family(target.program.pid)
        self.cores = [run.cores.server, run.cores.load]

    def reading(self) -> tuple[float, float, float, float]:
        return cpu_seconds(self.pids), children_seconds(), busy_seconds(self.cores), time.monotonic()

    def __enter__(self) -> Meter:
        self.before = self.reading()
        return self

    def __exit__(self, *_: object) -> None:
        spent, load, busy, elapsed = (now - then for now, then in zip(self.reading(), self.before))
        self.cpu = spent
        self.others = max(0.0, busy - spent - load) / (2 * elapsed)


# -- wrk


def wrk(run: Run, target: Target, seconds: int) -> Load:
    """64 connections, each asking again when it is answered; any answer but a good one ends the benchmark."""
    with Meter(run, target) as meter:
        result = wrk_result(wrk_output(run, target, seconds))
    target.program.check_alive()
    if result["refused"] or result["broken"] or not result["requests"]:
        raise BenchmarkError(f"{target.name} under load: {result}\n{explanation(run, target)}")
    target.answered += result["requests"]
    return Load(
        rate=result["requests"] / result["microseconds"] * 1e6,
        cpu_us=meter.cpu / result["requests"] * 1e6,
        others=meter.others,
        p50_ms=result["p50"] / 1000,
        p99_ms=result["p99"] / 1000,
    )


def wrk_command(target: Target, seconds: int) -> list[str]:
    return [tool("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "--latency",
            "-s", str(SCRIPT), target.url]  # fmt: skip


def wrk_environment(target: Target) -> dict[str, str]:
    return {"BENCH_REQUESTS": str(target.requests)} if target.requests else {}


def wrk_output(run: Run, target: Target, seconds: int, **extra: str) -> str:
    return output(run.cores.loading(wrk_command(target, seconds)), **wrk_environment(target), **extra)


def wrk_result(text: str) -> dict[str, int]:
    return json.loads(re.findall(r"^RESULT (.*)$", text, re.MULTILINE)[-1])


def explanation(run: Run, target: Target) -> str:
    """The bad answers themselves, from one more run, and the server's last words."""
    lines = wrk_output(run, target, 1, BENCH_EXPLAIN="1").splitlines()
    answers = [line for line in lines if line.startswith(("ANSWER", "  Socket errors"))]
    return "\n".join([*answers, target.program.last_words()])


# -- h2load


def h2load(run: Run, target: Target, seconds: int) -> Load:
    command = [tool("h2load", "nghttp2-client"), "-t1", f"-c{HTTP2_CONNECTIONS}", f"-m{HTTP2_STREAMS}",
               f"-D{seconds}", target.url]  # fmt: skip
    with Meter(run, target) as meter:
        text = output(run.cores.loading(command))
    target.program.check_alive()
    requests = h2load_requests(text)
    target.answered += requests
    return Load(rate=requests / seconds, cpu_us=meter.cpu / requests * 1e6, others=meter.others)


def h2load_requests(text: str) -> int:
    """How many requests had a good answer; h2load's latencies are means, and left out."""
    done = re.search(r"^requests: .*?(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text, re.MULTILINE)
    good = re.search(r"^status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", text, re.MULTILINE)
    if not done or not good or not int(good[1]) or any(int(count) for count in done.groups()[1:]):
        raise BenchmarkError(f"h2load met bad answers:\n{text[-2000:]}")
    return int(good[1])


# -- go/load


def generator_command(run: Run, command: str, yielding: bool = False, **options: object) -> list[str]:
    given = [f"-{name.replace('_', '-')}={value}" for name, value in options.items()]
    return run.cores.loading([str(run.programs["load"]), command, *given], yielding=yielding)


def generate(run: Run, command: str, *, yielding: bool = False, **options: object) -> dict:
    return json.loads(output(generator_command(run, command, yielding, **options)))
