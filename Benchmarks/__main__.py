"""`python3 -m Benchmarks`: the table. See README.md."""

from __future__ import annotations

import argparse
import os
import pathlib
import signal
import sys
import tempfile

from . import agent, live, overload, replicas, rounds
from .faults import BenchmarkError, say
from .installed import HERE, build_programs, install_peers
from .machine import machine
from .processes import tool, two_cores
from .report import report, save, write_picture
from .rows import Row, STEADY, agent_rows, live_rows, overload_rows, replica_rows
from .run import Run

TOOLS = {
    "taskset": "util-linux", "wrk": "wrk", "h2load": "nghttp2-client", "nginx": "nginx-light", "openssl": "openssl",
}  # fmt: skip
SUBJECTS = {
    "rounds": rounds.measure, "overload": overload.measure, "live": live.measure, "replicas": replicas.measure,
    "agent": agent.measure,
}  # fmt: skip


def at_least_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m Benchmarks", description="Jobsworth beside its peers.")
    number = {"type": at_least_one}
    parser.add_argument("--rounds", **number, default=3, help="rounds over everything (default: 3)")
    parser.add_argument("--seconds", **number, default=3, help="of load each time (default: 3)")
    parser.add_argument("--starts", **number, default=7, help="how often the issuer is started (default: 7)")
    parser.add_argument("--live-jobs", **number, help="jobs alive at once (default: 100000)")
    parser.add_argument("--watches", **number, default=1000, help="open streams of the agent (default: 1000)")
    parser.add_argument("--quick", action="store_true", help="10000 live jobs; the table says so")
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="one subject; may be repeated")
    parser.add_argument("--directory", default="/var/tmp", help="where the stores lie meanwhile (default: /var/tmp)")
    parser.add_argument("--write-docs", action="store_true", help="write docs/images/bench.svg too")
    return parser.parse_args()


def binary() -> pathlib.Path:
    given = os.environ.get("JOBSWORTH_BINARY")
    path = pathlib.Path(given).resolve() if given else HERE.parent / ".build/release/jobsworth"
    if not os.access(path, os.X_OK):
        raise BenchmarkError(f"{path} is not there; run: swift build -c release --product jobsworth")
    return path


def rows(run: Run, subjects: list[str]) -> list[Row]:
    """Of the subjects that were measured."""
    by_subject = {
        "rounds": STEADY,
        "live": live_rows(run.live_jobs),
        "overload": [*overload_rows("ES256"), *overload_rows("RS256")],
        "replicas": replica_rows(),
        "agent": agent_rows(run.watches),
    }
    return [row for subject in by_subject if subject in subjects for row in by_subject[subject]]


def stop(number: int, _frame: object) -> None:
    """A signal ends the run as an error does: through every `finally`."""
    sys.exit(128 + number)


def benchmark(options: argparse.Namespace) -> None:
    for name, package in TOOLS.items():
        tool(name, package)
    peers = install_peers()
    with tempfile.TemporaryDirectory(prefix="jobsworth-bench-", dir=options.directory) as name:
        run = Run(
            binary=binary(), directory=pathlib.Path(name), cores=two_cores(), programs=build_programs(peers),
            rounds=options.rounds, seconds=options.seconds, starts=options.starts, watches=options.watches,
            live_jobs=options.live_jobs or (10_000 if options.quick else 100_000),
        )  # fmt: skip
        about = machine(run.directory, peers)
        os.sched_setaffinity(0, {run.cores.load})
        subjects = options.only or list(SUBJECTS)
        for subject in subjects:
            SUBJECTS[subject](run)
        print(report(run, about, rows(run, subjects)))
        say(f"raw figures: {save(run, about)}")
        if options.write_docs:
            say(f"picture: {write_picture(run, about)}")


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    try:
        benchmark(options)
    except BenchmarkError as error:
        say(f"bench: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
