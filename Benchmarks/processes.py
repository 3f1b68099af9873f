"""The programs of a run: how they are found, pinned to a core, started and ended."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import socket
import subprocess
from collections.abc import Iterator

from .faults import BenchmarkError

DEADLINE_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Cores:
    """One core for whatever is measured, another for what measures it."""

    server: int
    load: int

    def pinned(self, core: int, arguments: list[str]) -> list[str]:
        return ["taskset", "-c", str(core), *arguments]

    def serving(self, arguments: list[str]) -> list[str]:
        return self.pinned(self.server, arguments)

    def loading(self, arguments: list[str], *, yielding: bool = False) -> list[str]:
        """On the load's core; `yielding` to a process there that measures what the load does to others."""
        return self.pinned(self.load, ["nice", "-n", "19", *arguments] if yielding else arguments)


def two_cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchmarkError("two cores are needed: one for the server, one for the load")
    return Cores(server=allowed[0], load=allowed[1])


def tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not found:
        raise BenchmarkError(f"{name} is missing; install the Debian package {package}")
    return found


def environment(**extra: str) -> dict[str, str]:
    """Ours, without settings that would change what a server does."""
    unwanted = ("JOBSWORTH_", "BAO_", "VAULT_", "SPIFFE_", "GO")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return kept | extra


def output(arguments: list[str], *, standard_input: str | None = None, **extra: str) -> str:
    """What a program prints; anything but exit code 0 ends the benchmark."""
    done = subprocess.run(arguments, input=standard_input, capture_output=True, text=True, env=environment(**extra))
    if done.returncode != 0:
        # The last arguments may be a credential: only the program is named.
        raise BenchmarkError(f"{arguments[:5]} exited with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


@dataclasses.dataclass(frozen=True)
class Program:
    """A process that runs, and the file with what it says."""

    process: subprocess.Popen[bytes]
    log: pathlib.Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            raise BenchmarkError(f"{self.process.args} ended with {self.process.returncode}:\n{self.last_words()}")


@contextlib.contextmanager
def running(arguments: list[str], log: pathlib.Path, given: bytes = b"", **extra: str) -> Iterator[Program]:
    """A process that ends with the block, whatever happens in it; `given` is its standard input."""
    with log.open("ab") as sink:
        process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=sink, stderr=sink, env=environment(**extra)
        )
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(given)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        yield Program(process, log)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=DEADLINE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
