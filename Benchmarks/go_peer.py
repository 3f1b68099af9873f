"""The peer of the token plane: the Go program of `go/peer`, one core, standard library, no audit."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterator

from . import issuer, jobs
from .exchange import wait_until_ready
from .processes import free_port, running
from .run import Run
from .target import Target, write_requests


@contextlib.contextmanager
def go_peer(run: Run, requests: pathlib.Path) -> Iterator[tuple[Target, Target]]:
    """ES256 and RS256; it knows the same bearers as the issuer, whose requests these are."""
    folder = run.folder("go")
    port = free_port()
    bearers = issuer.bearers(requests)
    settings = json.dumps({"subject": jobs.SUBJECT, "facts": jobs.FACTS, "bearers": bearers})
    serve = run.cores.serving([str(run.programs["peer"]), "-listen", f"127.0.0.1:{port}"])
    with running(serve, folder / "peer.log", settings.encode(), GOMAXPROCS="1") as program:
        wait_until_ready(program, port)
        target = Target("go", program, port, f"http://127.0.0.1:{port}")
        yield tuple(token_target(run, target, algorithm, bearers) for algorithm in ("ES256", "RS256"))


def token_target(run: Run, target: Target, algorithm: str, bearers: list[str]) -> Target:
    name = f"go.{algorithm}"
    path = f"/{algorithm.lower()}/id-token?audience={jobs.AUDIENCE}"
    requests = [(path, "Authorization", f"Bearer {bearer}") for bearer in bearers]
    return dataclasses.replace(
        target, name=name, requests=write_requests(run.folder("go") / f"requests.{algorithm}", requests)
    )
