"""The agent: how soon a job has its first SVID, and what a thousand jobs that wait for the next one cost."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import time
from collections.abc import Iterator

from .consumption import cpu_seconds, family, resident_megabytes
from .exchange import ask, bearer, expect
from .faults import BenchmarkError, say
from .issuer import add_runner, issuer, register
from .load import generate, generator_command
from .processes import Program, environment, output, running
from .run import Run
from .target import Target

TRUST_DOMAIN = "example.org"
FIRST_SVIDS = 200
WARM_SECONDS = 20
METRICS = ("first_ms", "idle_mb", "watches_mb", "watches_cpu_percent", "open_s")


def measure(run: Run) -> None:
    if "jobsworth agent" not in output([str(run.binary), "help"]):
        run.absent.update({f"agent.{metric}": "no agent in this binary" for metric in METRICS})
        return
    say(f"the agent, {run.watches} watches")
    with issuer(run, "agent-issuer") as target:
        token = job_token(run, target)
        with agent(run, target, token) as (program, socket):
            for _ in range(run.rounds):
                first = generate(run, "first", socket=socket, token_file=token, count=FIRST_SVIDS)
                run.note("agent.first_ms", first["p50_us"] / 1000)
            run.note("agent.idle_mb", resident_megabytes(family(program.pid)))
            hold_watches(run, program, socket, token)


def job_token(run: Run, target: Target) -> pathlib.Path:
    """A file with a token for the trust domain: the job's evidence."""
    path, request_token = register(target, add_runner(run, target.name), "1001", audience=f"spiffe://{TRUST_DOMAIN}")
    answer = expect(200, ask(target.port, "GET", path, headers=bearer(request_token)), "the job's token")
    file = run.folder(target.name) / "token"
    file.touch(mode=0o600)
    file.write_text(json.loads(answer)["value"])
    return file


@contextlib.contextmanager
def agent(run: Run, target: Target, token: pathlib.Path) -> Iterator[tuple[Program, pathlib.Path]]:
    """`jobsworth agent`, warm: it has the issuer's keys."""
    folder = run.folder("agent")
    socket, file = folder / "agent.sock", folder / "agent.yaml"
    file.write_text(configuration(socket, folder / "store.sqlite", target.url))
    serve = run.cores.serving([str(run.binary), "agent", "--config", str(file)])
    with running(serve, folder / "agent.log") as program:
        wait_until_warm(run, program, socket, token)
        yield program, socket


def wait_until_warm(run: Run, program: Program, socket: pathlib.Path, token: pathlib.Path) -> None:
    """Until it has given an SVID; it may be unavailable before, and clients of the Workload API then ask again."""
    deadline = time.monotonic() + WARM_SECONDS
    while True:
        program.check_alive()
        try:
            generate(run, "first", socket=socket, token_file=token)
            return
        except BenchmarkError as error:
            if time.monotonic() > deadline:
                raise BenchmarkError(f"no SVID from the agent: {error}\n{program.last_words()}") from None
        time.sleep(0.1)


def configuration(socket: pathlib.Path, store: pathlib.Path, issuer_url: str) -> str:
    return f"""\
section: Agent
schema: v1
spec:
  trustDomain: {TRUST_DOMAIN}
  cluster: {{name: ci}}
  socket: {socket}
  storage: sqlite:{store}
---
section: WorkloadAttestation
schema: v1
spec:
  jwt:
    enabled: true
    allowedIssuers:
      - issuer: {issuer_url}
---
section: SVIDIssuancePolicy
schema: v1
spec:
  policy:
    pathTemplate: "/{{{{cluster.name}}}}/repo/{{{{jwt.claim.repo}}}}/ref/{{{{jwt.claim.ref}}}}"
"""


def hold_watches(run: Run, program: Program, socket: pathlib.Path, token: pathlib.Path) -> None:
    """Each watch on a connection of its own, as jobs have them; open and silent while the agent is looked at."""
    command = generator_command(run, "watch", socket=socket, token_file=token, count=run.watches)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as watches:
        if watches.stdout.readline() != "open\n":
            watches.wait()
            raise BenchmarkError(f"the watches did not open:\n{program.last_words()}")
        pids = family(program.pid)
        before, started = cpu_seconds(pids), time.monotonic()
        time.sleep(max(2, run.seconds))
        run.note("agent.watches_cpu_percent", 100 * (cpu_seconds(pids) - before) / (time.monotonic() - started))
        run.note("agent.watches_mb", resident_megabytes(pids))
        opened = json.loads(watches.communicate("")[0])
    run.note("agent.open_s", opened["seconds"])
