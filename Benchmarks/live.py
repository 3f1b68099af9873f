"""Memory and starts: at rest, and with as many jobs alive as a large company has."""

from __future__ import annotations

import time

from .consumption import family, resident_megabytes
from .cycles import registration_file
from .faults import say
from .issuer import add_runner, issuer
from .load import CONNECTIONS, generate
from .run import Run

SETTLING_SECONDS = 0.5
# Starts with all the live jobs.
FULL_STARTS = 3
# Slow is a figure, not an error.
PATIENCE_SECONDS = 600


def measure(run: Run) -> None:
    starts(run, "starts", run.starts, "start_ms", "idle_mb")
    say(f"{run.live_jobs} live jobs")
    with issuer(run, "live") as target:
        registered = generate(
            run, "register", address=f"127.0.0.1:{target.port}", credential_file=add_runner(run, target.name),
            body_file=registration_file(run, target.name), count=run.live_jobs, connections=CONNECTIONS,
        )  # fmt: skip
        run.note("live.register_rate", registered["registered"] / registered["seconds"])
        time.sleep(SETTLING_SECONDS)
        run.note("live.mb", resident_megabytes(family(target.program.pid)))
    starts(run, "live", min(run.starts, FULL_STARTS), "live.start_ms", "live.restarted_mb")


def starts(run: Run, name: str, count: int, milliseconds: str, megabytes: str) -> None:
    """From starting the process to its first 200, on a store that exists; then what it takes at rest."""
    say(f"{count} starts")
    with issuer(run, name, patience=PATIENCE_SECONDS):
        # The first one makes the store, or warms the files' cache.
        pass
    for _ in range(count):
        started = time.monotonic()
        with issuer(run, name, patience=PATIENCE_SECONDS) as target:
            run.note(milliseconds, (time.monotonic() - started) * 1000)
            time.sleep(SETTLING_SECONDS)
            run.note(megabytes, resident_megabytes(family(target.program.pid)))
