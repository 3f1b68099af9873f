"""Jobsworth itself: `serve` on a SQLite store, its runner, its jobs, and what its audit log must hold."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import subprocess
import urllib.parse
from collections.abc import Collection, Iterator

from . import jobs
from .exchange import JWKS_PATH, ask, bearer, expect, wait_until_ready
from .faults import BenchmarkError
from .processes import DEADLINE_SECONDS, environment, free_port, output, running
from .run import Run
from .target import Target, write_requests


def storage(run: Run, name: str) -> str:
    return f"sqlite:{run.directory / name / 'store.sqlite'}"


@contextlib.contextmanager
def issuer(
    run: Run, name: str, algorithm: str = "ES256", certificate: tuple[pathlib.Path, pathlib.Path] | None = None,
    *, patience: int = DEADLINE_SECONDS,
) -> Iterator[Target]:  # fmt: skip
    """`jobsworth serve` on the store of its name, answering; https with a certificate and its key."""
    folder = run.folder(name)
    port = free_port()
    url = f"http{'s' if certificate else ''}://127.0.0.1:{port}"
    serve = [str(run.binary), "serve", "--issuer", url, "--listen", f"127.0.0.1:{port}",
             "--storage", storage(run, name), "--algorithm", algorithm]  # fmt: skip
    if certificate:
        serve += ["--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])]
    with running(run.cores.serving(serve), folder / "serve.log") as program:
        wait_until_ready(program, port, tls=certificate is not None, seconds=patience)
        yield Target(name, program, port, url)


def add_runner(run: Run, name: str) -> pathlib.Path:
    """A runner of the issuer of this name; the file with its credential."""
    file = run.folder(name) / "credential"
    file.touch(mode=0o600)
    command = [str(run.binary), "runner", "add", "bench", "--repository", jobs.RUNNER_PATTERN]
    file.write_text(output([*command, "--storage", storage(run, name)]))
    return file


def register_jobs(run: Run, target: Target, credential: pathlib.Path) -> pathlib.Path:
    """Jobs of one runner; returns the file of their token requests."""
    requests = []
    for number in range(jobs.JOBS):
        path, token = register(target, credential, str(1001 + number))
        requests.append((path, "Authorization", f"Bearer {token}"))
    return write_requests(run.folder(target.name) / "requests", requests)


def register(
    target: Target, credential: pathlib.Path, run_id: str, audience: str = jobs.AUDIENCE
) -> tuple[str, str]:
    """One job: the path that gives its token, audience included, and its request token."""
    secret = bearer(credential.read_text().strip())
    answer = ask(target.port, "POST", "/v1/jobs", headers=secret, document=jobs.registration(run_id))
    request = json.loads(expect(201, answer, "POST /v1/jobs"))["id_token_request"]
    path = request["url"].removeprefix(target.url)
    return f"{path}&audience={urllib.parse.quote(audience, safe='')}", request["token"]


def bearers(requests: pathlib.Path) -> list[str]:
    return [line.rpartition(" ")[2] for line in requests.read_text().splitlines()]


def check_token(
    run: Run, target: Target, algorithm: str, *, member: tuple[str, ...] = ("value",), issuer_url: str | None = None,
    keys: str = JWKS_PATH, facts: Collection[str] = tuple(jobs.FACTS),
) -> int:  # fmt: skip
    """One token as the load will get them: right algorithm, verified, every fact in it. Returns its size."""
    path, header, value = target.requests.read_text().splitlines()[0].split("\t")
    token = json.loads(expect(200, ask(target.port, "GET", path, headers={header: value}), f"{target.name}'s token"))
    for name in member:
        token = token[name]
    claims = json.loads(
        output([str(run.binary), "token", "verify", "--issuer", issuer_url or target.url, "--audience", jobs.AUDIENCE,
                "--jwks", f"http://127.0.0.1:{target.port}{keys}", token])  # fmt: skip
    )
    signed_with, missing = header_of(token)["alg"], [name for name in facts if not claims.get(name)]
    if signed_with != algorithm or missing:
        raise BenchmarkError(f"{target.name}: a token of {signed_with} instead of {algorithm}, without {missing}")
    return len(token)


def header_of(token: str) -> dict[str, str]:
    head = token.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))


def check_audit(run: Run, target: Target) -> int:
    """Every token that the load was given must be in the log; asked after the server has stopped."""
    permits = permitted_tokens(run, storage(run, target.name))
    if permits < target.answered:
        raise BenchmarkError(f"{target.name}: {target.answered} tokens, but only {permits} audit records")
    return permits


def permitted_tokens(run: Run, storage_url: str, **extra: str) -> int:
    """How many tokens the log of a store says were permitted."""
    command = [str(run.binary), "audit", "show", "--json", "--storage", storage_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(**extra)) as process:
        permits = sum(is_permitted_token(line) for line in process.stdout)
    if process.returncode != 0:
        raise BenchmarkError(f"audit show exited with {process.returncode}")
    return permits


def is_permitted_token(line: bytes) -> bool:
    record = json.loads(line)
    return record["operation"] == "token" and record["decision"] == "permit"
