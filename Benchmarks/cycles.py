"""Short jobs: each registered, given one token, and ended."""

from __future__ import annotations

import contextlib
import json
import pathlib
import time
from collections.abc import Iterator

from . import jobs
from .issuer import add_runner, issuer
from .load import CONNECTIONS, generate
from .run import Run
from .target import Target

# Where the Go program puts each job's own run id.
PLACEHOLDER = "@RUN@"


def registration_file(run: Run, name: str) -> pathlib.Path:
    file = run.folder(name) / "registration.json"
    file.write_text(json.dumps(jobs.registration(PLACEHOLDER)))
    return file


class Cycles:
    """An issuer of its own, so that ended jobs do not weigh on the other rows."""

    def __init__(self, target: Target, credential: pathlib.Path, body: pathlib.Path):
        self.target = target
        self.credential = credential
        self.body = body

    @classmethod
    @contextlib.contextmanager
    def started(cls, run: Run) -> Iterator[Cycles]:
        with issuer(run, "cycles") as target:
            yield cls(target, add_runner(run, target.name), registration_file(run, target.name))

    def measure(self, run: Run) -> None:
        result = generate(
            run, "cycles", address=f"127.0.0.1:{self.target.port}", credential_file=self.credential,
            body_file=self.body, audience=jobs.AUDIENCE, seconds=run.seconds, connections=CONNECTIONS,
            # Runs of another call have other ids.
            first_run=time.time_ns() // 1000,
        )  # fmt: skip
        self.target.program.check_alive()
        run.note("cycles.rate", result["cycles"] / result["seconds"])
        run.note("cycles.p99_ms", result["p99_us"] / 1000)
