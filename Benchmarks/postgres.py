"""A PostgreSQL cluster for a run: durable as it comes, pinned with whatever it serves."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator

from .faults import BenchmarkError
from .processes import DEADLINE_SECONDS, Program, environment, free_port, output, running
from .run import Run

USER = "jobsworth"


@dataclasses.dataclass(frozen=True)
class Database:
    program: Program
    url: str


def program(name: str) -> str:
    """Debian keeps the server's programs beside the path."""
    places = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not places:
        raise BenchmarkError(f"{name} is missing; install the Debian package postgresql")
    return str(places[-1])


def unprivileged(arguments: list[str]) -> list[str]:
    """PostgreSQL refuses root."""
    if os.getuid() != 0:
        return arguments
    return ["setpriv", "--reuid=nobody", f"--regid={pwd.getpwnam('nobody').pw_gid}", "--clear-groups", *arguments]


@contextlib.contextmanager
def database(run: Run) -> Iterator[Database]:
    """A new and empty one; beside the run's folder, which is closed to others."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="jobsworth-bench-postgres-", dir=run.directory.parent))
    try:
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        data, port = folder / "data", free_port()
        output(unprivileged([program("initdb"), "-D", str(data), "-A", "trust", "-U", USER, "-E", "UTF8",
                             "--locale=C"]))  # fmt: skip
        serve = unprivileged([program("postgres"), "-D", str(data), "-k", str(folder), "-h", "127.0.0.1",
                              "-p", str(port)])  # fmt: skip
        with running(run.cores.serving(serve), run.folder("postgres") / "postgres.log") as started:
            url = f"postgres://{USER}@127.0.0.1:{port}/postgres"
            wait_until_answering(started, url)
            yield Database(started, url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_answering(started: Program, url: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        started.check_alive()
        if subprocess.run(["psql", url, "-c", "SELECT 1"], capture_output=True, env=environment()).returncode == 0:
            return
        time.sleep(0.05)
    raise BenchmarkError("PostgreSQL does not answer")
