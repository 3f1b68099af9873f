#!/usr/bin/env python3
"""The performance table of Jobsworth, beside its peers, in one run on one machine. See README.md."""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import datetime
import http.client
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

HERE = pathlib.Path(__file__).resolve().parent
LOAD_SCRIPT = HERE / "load.lua"
RESULTS = HERE / "results"
CONNECTIONS = 64
JOBS = 64
STARTS = 7
AUDIENCE = "sts.amazonaws.com"
JWKS_PATH = "/.well-known/jwks"
WARM_UP_SECONDS = 1
DISK_SECONDS = 1
DEADLINE_SECONDS = 60
# Above this share of both cores, other programs spoil the figures.
QUIET_PERCENT = 10

SHA = "0f3c5a9d7b1e2468ace013579bdf02468ace1357"
# The job of docs and contract, every fact given that a branch's job can have: 25 of them.
FACTS = {
    "repository": "acme/widgets", "repository_id": "42", "repository_owner": "acme", "repository_owner_id": "7",
    "repository_visibility": "private", "ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true",
    "sha": SHA, "workflow": "deploy", "workflow_ref": "acme/widgets/.ci/deploy.yml@refs/heads/main",
    "workflow_sha": SHA, "job_workflow_ref": "acme/widgets/.ci/release.yml@refs/heads/main",
    "job_workflow_sha": SHA, "job": "release", "run_id": "1001", "run_number": "5", "run_attempt": "1",
    "event_name": "push", "actor": "alice", "actor_id": "9", "environment": "production",
    "head_repository": "acme/widgets", "head_repository_id": "42", "runner_environment": "self-hosted",
}  # fmt: skip


class BenchmarkError(Exception):
    """Why there is no table."""


# -- Tools and processes ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Cores:
    server: int
    load: int

    def pinned(self, core: int, arguments: list[str]) -> list[str]:
        return ["taskset", "-c", str(core), *arguments]


def tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not found:
        raise BenchmarkError(f"{name} is missing; install the Debian package {package}")
    return found


def environment(**extra: str) -> dict[str, str]:
    """Ours, without settings that would change what the server does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBSWORTH_")}
    return kept | extra


def output(arguments: list[str], **extra: str) -> str:
    """What a program prints; anything but exit code 0 ends the benchmark."""
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment(**extra))
    if done.returncode != 0:
        # The last arguments may be a credential: only the program is named.
        raise BenchmarkError(f"{arguments[:5]} exited with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


@contextlib.contextmanager
def running(arguments: list[str], log: pathlib.Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, whatever happens in it."""
    with log.open("ab") as sink:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment()
        )
    try:
        yield process
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


def status_fields(pid: int) -> list[str]:
    """/proc/PID/stat after the name, which may hold spaces: state, parent, …"""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid: int) -> list[int]:
    """A process and its children (nginx: the master and its worker)."""
    members = [pid]
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int(status_fields(int(entry.name))[1]) == pid:
                members.append(int(entry.name))
    return members


def cpu_seconds(pids: list[int]) -> float:
    """utime + stime."""
    ticks = sum(int(field) for pid in pids for field in status_fields(pid)[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def busy_seconds(cores: list[int]) -> float:
    """What these cores did for anybody, the hypervisor's other guests (steal) included."""
    text = pathlib.Path("/proc/stat").read_text()
    ticks = 0
    for core in cores:
        line = re.search(rf"^cpu{core} (.*)$", text, re.MULTILINE)[1]
        user, nice, system, _idle, _waiting, *interrupts_and_steal = map(int, line.split()[:8])
        ticks += user + nice + system + sum(interrupts_and_steal)
    return ticks / os.sysconf("SC_CLK_TCK")


def children_seconds() -> float:
    """CPU time of every child that has ended and was waited for: wrk, here."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def resident_mebibytes(pids: list[int]) -> float:
    kilobytes = 0
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        kilobytes += int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)[1])
    return kilobytes / 1024


# -- HTTP ------------------------------------------------------------------------------------------------------------


def ask(
    port: int, method: str, target: str, bearer: str | None = None, document: object | None = None
) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    body = None if document is None else json.dumps(document)
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def expect(status: int, answer: tuple[int, bytes], what: str) -> bytes:
    if answer[0] != status:
        raise BenchmarkError(f"{what}: {answer[0]} instead of {status}: {answer[1][:500]!r}")
    return answer[1]


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: pathlib.Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        check_alive(process, log)
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(port, "GET", JWKS_PATH)[0] == 200:
                return
        time.sleep(0.001)
    raise BenchmarkError(f"no 200 from port {port} within {DEADLINE_SECONDS} s")


def check_alive(process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
    if process.poll() is not None:
        lines = log.read_text(errors="replace")[-4000:]
        raise BenchmarkError(f"the server ended with {process.returncode}:\n{lines}")


# -- Targets ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Target:
    """One server under load."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: pathlib.Path
    url: str
    requests: pathlib.Path | None = None
    answered: int = 0


@dataclasses.dataclass(frozen=True)
class Load:
    """What wrk says about one run, and what it cost the server."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    # The share of both cores that neither the server nor wrk used: other programs, other guests.
    others: float


@dataclasses.dataclass(frozen=True)
class Bench:
    """One run of the benchmark: where, with what, how long, and every figure so far."""

    binary: pathlib.Path
    directory: pathlib.Path
    cores: Cores
    rounds: int
    seconds: int
    samples: dict[str, list[float]] = dataclasses.field(default_factory=dict)

    def note(self, metric: str, value: float) -> None:
        self.samples.setdefault(metric, []).append(value)

    def storage(self, algorithm: str) -> str:
        return f"sqlite:{self.directory / algorithm / 'store.sqlite'}"

    # Servers

    @contextlib.contextmanager
    def issuer(self, algorithm: str) -> Iterator[Target]:
        """`jobsworth serve` on the store of its algorithm, answering."""
        (self.directory / algorithm).mkdir(exist_ok=True)
        log = self.directory / algorithm / "serve.log"
        port = free_port()
        issuer = f"http://127.0.0.1:{port}"
        serve = [str(self.binary), "serve", "--issuer", issuer, "--listen", f"127.0.0.1:{port}",
                 "--storage", self.storage(algorithm), "--algorithm", algorithm]  # fmt: skip
        with running(self.cores.pinned(self.cores.server, serve), log) as process:
            wait_until_ready(process, port, log)
            yield Target(algorithm, process, port, log, issuer)

    @contextlib.contextmanager
    def nginx(self, jwks: bytes) -> Iterator[Target]:
        """One worker that answers with the same body from its configuration."""
        directory = self.directory / "nginx"
        directory.mkdir()
        port = free_port()
        configuration = directory / "nginx.conf"
        configuration.write_text(nginx_configuration(directory, port, jwks.decode("ascii")))
        log = directory / "nginx.log"
        serve = [tool("nginx", "nginx-light"), "-p", f"{directory}/", "-e", str(log), "-c", str(configuration)]
        with running(self.cores.pinned(self.cores.server, serve), log) as process:
            wait_until_ready(process, port, log)
            body = expect(200, ask(port, "GET", JWKS_PATH), "nginx")
            if body != jwks:
                raise BenchmarkError("nginx does not answer with the same bytes")
            yield Target("nginx", process, port, log, f"http://127.0.0.1:{port}{JWKS_PATH}")

    # Measurements

    def load(self, target: Target, seconds: int) -> Load:
        """One wrk run; any answer but a good one ends the benchmark."""
        pids = family(target.process.pid)
        both = [self.cores.server, self.cores.load]
        before = cpu_seconds(pids), children_seconds(), busy_seconds(both), time.monotonic()
        result = self.wrk(target, seconds)
        check_alive(target.process, target.log)
        after = cpu_seconds(pids), children_seconds(), busy_seconds(both), time.monotonic()
        spent, load, busy, elapsed = (now - then for now, then in zip(after, before))
        if result["refused"] or result["broken"] or not result["requests"]:
            raise BenchmarkError(f"{target.name} under load: {result}\n{self.explanation(target)}")
        target.answered += result["requests"]
        return Load(
            rate=result["requests"] / result["microseconds"] * 1e6,
            p50_ms=result["p50"] / 1000,
            p99_ms=result["p99"] / 1000,
            cpu_us=spent / result["requests"] * 1e6,
            others=max(0.0, busy - spent - load) / (2 * elapsed),
        )

    def wrk(self, target: Target, seconds: int) -> dict[str, int]:
        text = self.wrk_output(target, seconds)
        return json.loads(re.findall(r"^RESULT (.*)$", text, re.MULTILINE)[-1])

    def wrk_output(self, target: Target, seconds: int, **extra: str) -> str:
        command = [tool("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "--latency",
                   "-s", str(LOAD_SCRIPT), target.url]  # fmt: skip
        if target.requests:
            extra["BENCH_REQUESTS"] = str(target.requests)
        return output(self.cores.pinned(self.cores.load, command), **extra)

    def explanation(self, target: Target) -> str:
        """The bad answers themselves, from one more run, and the server's last words."""
        lines = self.wrk_output(target, 1, BENCH_EXPLAIN="1").splitlines()
        answers = [line for line in lines if line.startswith(("ANSWER", "  Socket errors"))]
        return "\n".join([*answers, target.log.read_text(errors="replace")[-2000:]])

    def signatures(self, algorithm: str) -> float:
        """Signatures a second of `openssl speed`: the limit of one core."""
        name, label = {"ES256": ("ecdsap256", r"256 bits ecdsa"), "RS256": ("rsa2048", r"rsa 2048 bits")}[algorithm]
        command = [tool("openssl", "openssl"), "speed", "-seconds", "2", name]
        text = output(self.cores.pinned(self.cores.server, command))
        found = re.search(label + r"[^\n]*?\d+s\s+([\d.]+)\s", text)
        if not found:
            raise BenchmarkError(f"openssl speed says something new:\n{text}")
        return float(found[1])

    def flushes(self) -> float:
        """4 KB appends with fdatasync a second, where the stores lie: what a durable record waits for."""
        count, block = 0, bytes(4096)
        with (self.directory / "flushes").open("wb", buffering=0) as file:
            started = time.monotonic()
            while time.monotonic() - started < DISK_SECONDS:
                file.write(block)
                os.fdatasync(file.fileno())
                count += 1
            return count / (time.monotonic() - started)


def nginx_configuration(directory: pathlib.Path, port: int, body: str) -> str:
    if set(body) & set("'\\$"):
        raise BenchmarkError("the key set cannot be quoted for nginx")
    temporary = "\n".join(
        f"  {kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
{temporary}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  server {{
    listen 127.0.0.1:{port};
    location = {JWKS_PATH} {{ default_type application/json; return 200 '{body}'; }}
  }}
}}
"""


# -- The steps of one run --------------------------------------------------------------------------------------------


def measure_starts(bench: Bench, algorithm: str) -> None:
    """Start-up on an existing store, and what it takes at rest; the first start only makes the store."""
    with bench.issuer(algorithm):
        pass
    for _ in range(STARTS):
        started = time.monotonic()
        with bench.issuer(algorithm) as target:
            bench.note("start_ms", (time.monotonic() - started) * 1000)
            time.sleep(0.5)
            bench.note("jobsworth.idle_mib", resident_mebibytes(family(target.process.pid)))


def register_jobs(bench: Bench, target: Target) -> pathlib.Path:
    """Jobs of one runner; returns the file of token requests for wrk."""
    credential = output(
        [str(bench.binary), "runner", "add", "bench", "--repository", "acme/*", "--storage", bench.storage(target.name)]
    ).strip()
    lines = []
    for number in range(JOBS):
        job = FACTS | {"run_id": str(1001 + number)}
        document = {"job": job, "permissions": {"id-token": "write"}, "expires_in": 86400}
        answer = expect(201, ask(target.port, "POST", "/v1/jobs", credential, document), "POST /v1/jobs")
        request = json.loads(answer)["id_token_request"]
        path = request["url"].removeprefix(target.url)
        lines.append(f"{path}&audience={AUDIENCE}\t{request['token']}\n")
    file = bench.directory / target.name / "requests"
    file.touch(mode=0o600)
    file.write_text("".join(lines))
    return file


def check_token(bench: Bench, target: Target) -> int:
    """One token as wrk will get them: right algorithm, verified, every fact in it. Returns its size."""
    path, bearer = target.requests.read_text().splitlines()[0].split("\t")
    token = json.loads(expect(200, ask(target.port, "GET", path, bearer), "token request"))["value"]
    claims = json.loads(
        output([str(bench.binary), "token", "verify", "--issuer", target.url, "--audience", AUDIENCE,
                "--jwks", target.url + JWKS_PATH, token])  # fmt: skip
    )
    head = token.partition(".")[0]
    algorithm = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["alg"]
    missing = [name for name in FACTS if claims.get(name) is None]
    if algorithm != target.name or missing:
        raise BenchmarkError(f"a token signed with {algorithm} instead of {target.name}, without {missing}")
    return len(token)


def check_audit(bench: Bench, target: Target) -> int:
    """Every token that wrk was given must be in the log; asked after the server has stopped."""
    command = [str(bench.binary), "audit", "show", "--json", "--storage", bench.storage(target.name)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        permits = sum(is_permitted_token(line) for line in process.stdout)
    if process.returncode != 0:
        raise BenchmarkError(f"audit show exited with {process.returncode}")
    if permits < target.answered:
        raise BenchmarkError(f"{target.name}: {target.answered} tokens, but only {permits} audit records")
    return permits


def is_permitted_token(line: bytes) -> bool:
    record = json.loads(line)
    return record["operation"] == "token" and record["decision"] == "permit"


def note_load(bench: Bench, name: str, load: Load) -> None:
    for field, value in dataclasses.asdict(load).items():
        bench.note(f"{name}.{field}", value)


def steps(bench: Bench, targets: list[Target]) -> list[Callable[[], None]]:
    """What is measured once a round, in this order."""

    def signing(algorithm: str) -> Callable[[], None]:
        return lambda: bench.note(f"openssl.{algorithm}.rate", bench.signatures(algorithm))

    def loading(target: Target) -> Callable[[], None]:
        return lambda: note_load(bench, target.name, bench.load(target, bench.seconds))

    disk: Callable[[], None] = lambda: bench.note("disk.rate", bench.flushes())
    return [signing("ES256"), signing("RS256"), disk, *map(loading, targets)]


def measure(bench: Bench) -> dict[str, int]:
    """Everything, every process ended at the end; returns facts that are not samples."""
    facts: dict[str, int] = {}
    say(f"{STARTS} starts")
    measure_starts(bench, "ES256")
    with contextlib.ExitStack() as stack:
        issuers = [stack.enter_context(bench.issuer(algorithm)) for algorithm in ("ES256", "RS256")]
        for issuer in issuers:
            issuer.requests = register_jobs(bench, issuer)
            facts[f"{issuer.name}.token_bytes"] = check_token(bench, issuer)
        key_set = expect(200, ask(issuers[0].port, "GET", JWKS_PATH), "JWKS")
        facts["jwks_bytes"] = len(key_set)
        nginx = stack.enter_context(bench.nginx(key_set))
        bench.note("nginx.idle_mib", resident_mebibytes(family(nginx.process.pid)))
        jwks = dataclasses.replace(issuers[0], name="jwks", url=issuers[0].url + JWKS_PATH, requests=None)
        run_rounds(bench, [*issuers, jwks, nginx])
        for target in (*issuers, nginx):
            bench.note(f"{target.name}.loaded_mib", resident_mebibytes(family(target.process.pid)))
    for issuer in issuers:
        facts[f"{issuer.name}.tokens"] = issuer.answered
        facts[f"{issuer.name}.audit_records"] = check_audit(bench, issuer)
    return facts


def run_rounds(bench: Bench, targets: list[Target]) -> None:
    say("warm-up")
    for target in targets:
        bench.load(target, WARM_UP_SECONDS)
    for number in range(bench.rounds):
        say(f"round {number + 1} of {bench.rounds}")
        for step in steps(bench, targets):
            step()


# -- The table -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Row:
    what: str
    metric: str
    unit: str
    peer: str = ""
    peer_metric: str = ""
    # The peer's figure from its sample: microseconds a signature from signatures a second, say.
    convert: Callable[[float], float] = lambda value: value


def microseconds(rate: float) -> float:
    return 1e6 / rate


ROWS = [
    Row("ES256 tokens, each with its durable audit record", "ES256.rate", "/s",
        "openssl speed ecdsap256", "openssl.ES256.rate"),
    Row("· CPU", "ES256.cpu_us", "µs/token", "openssl, one signature", "openssl.ES256.rate", microseconds),
    Row("· latency p50", "ES256.p50_ms", "ms"),
    Row("· latency p99", "ES256.p99_ms", "ms"),
    Row("RS256 tokens, each with its durable audit record", "RS256.rate", "/s",
        "openssl speed rsa2048", "openssl.RS256.rate"),
    Row("· CPU", "RS256.cpu_us", "µs/token", "openssl, one signature", "openssl.RS256.rate", microseconds),
    Row("· latency p50", "RS256.p50_ms", "ms"),
    Row("· latency p99", "RS256.p99_ms", "ms"),
    Row("JWKS, HTTP/1.1 keep-alive", "jwks.rate", "/s", "nginx, 1 worker, `return 200`", "nginx.rate"),
    Row("· CPU", "jwks.cpu_us", "µs/request", "nginx", "nginx.cpu_us"),
    Row("· latency p50", "jwks.p50_ms", "ms", "nginx", "nginx.p50_ms"),
    Row("· latency p99", "jwks.p99_ms", "ms", "nginx", "nginx.p99_ms"),
    Row("Resident memory at rest", "jobsworth.idle_mib", "MiB", "nginx, master and worker", "nginx.idle_mib"),
    Row("· after the ES256 and JWKS load", "ES256.loaded_mib", "MiB", "nginx, master and worker", "nginx.loaded_mib"),
    Row("· after the RS256 load", "RS256.loaded_mib", "MiB"),
    Row("Start to the first 200, existing store", "start_ms", "ms"),
    Row("The disk alone: append 4 KB, fdatasync", "disk.rate", "/s"),
]  # fmt: skip


def figure(value: float) -> str:
    digits = 0 if value >= 1000 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", " ")


def spread(values: list[float], show: Callable[[float], str] = figure) -> str:
    middle = show(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({show(min(values))}–{show(max(values))})"


def ratios(own: list[float], peer: list[float]) -> list[float]:
    """Round by round where both were measured in rounds, so that a slow moment hits both."""
    if len(own) == len(peer):
        return [mine / theirs for mine, theirs in zip(own, peer)]
    return [statistics.median(own) / statistics.median(peer)]


def cells(row: Row, samples: dict[str, list[float]]) -> list[str]:
    own = samples[row.metric]
    mine = f"{spread(own)} {row.unit}"
    if not row.peer:
        return [row.what, mine, "—", "—"]
    peer = [row.convert(value) for value in samples[row.peer_metric]]
    unit = "/s" if row.unit == "/s" else row.unit.partition("/")[0]
    return [row.what, mine, f"{row.peer}: {spread(peer)} {unit}", spread(ratios(own, peer), "{:.3g}".format)]


def table(samples: dict[str, list[float]]) -> str:
    head = ["what", "figure: median (min–max)", "peer, same run", "ratio"]
    rows = [head, ["---"] * len(head), *(cells(row, samples) for row in ROWS)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


# -- The machine -----------------------------------------------------------------------------------------------------


def first_line(arguments: list[str], pattern: str = r".+") -> str:
    """The part of a program's first words that matches; some print their version to stderr."""
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = re.search(pattern, done.stdout + done.stderr)
    return found[0] if found else "unknown"


def cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def machine(directory: pathlib.Path) -> dict[str, str]:
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cpu": cpu_model(),
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()}",
        "swift": first_line(["swift", "--version"], r"Swift version [^\s(]+"),
        "nginx": first_line([tool("nginx", "nginx-light"), "-v"], r"nginx/\S+"),
        "openssl": first_line([tool("openssl", "openssl"), "version"], r"OpenSSL \S+"),
        "wrk": first_line([tool("wrk", "wrk"), "-v"], r"wrk \S+"),
        "store's file system": first_line(["stat", "-f", "-c", "%T", str(directory)]),
        "load average before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "revision": first_line(["git", "-C", str(HERE), "describe", "--always", "--dirty"], r"^[0-9A-Za-z.-]+$"),
    }


def report(bench: Bench, about: dict[str, str], facts: dict[str, int]) -> str:
    lines = [f"{name}: {value}" for name, value in about.items()]
    how = (
        f"Rounds: {bench.rounds}, {bench.seconds} s a target, targets in turn; wrk -t1 -c{CONNECTIONS} on core "
        f"{bench.cores.load}, servers and openssl on core {bench.cores.server}; {STARTS} starts. "
        f"{JOBS} jobs of {len(FACTS)} facts; a token has {facts['ES256.token_bytes']} (ES256) or "
        f"{facts['RS256.token_bytes']} (RS256) bytes, the JWKS {facts['jwks_bytes']}."
    )
    audit = "; ".join(
        f"{name}: {facts[name + '.tokens']} tokens received, {facts[name + '.audit_records']} permits in the audit log"
        for name in ("ES256", "RS256")
    )
    others = [share * 100 for metric, shares in bench.samples.items() if metric.endswith(".others") for share in shares]
    noise = f"Other programs took {spread(others)} % of the two cores during the loads."
    if statistics.median(others) > QUIET_PERCENT:
        noise += " **The machine was not quiet: do not compare these figures with another run's.**"
    return "\n\n".join(["; ".join(lines) + ".", how, noise, table(bench.samples), audit + "."])


def save(bench: Bench, about: dict[str, str], facts: dict[str, int]) -> pathlib.Path:
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{about['date'].replace(':', '')}.json"
    medians = {metric: statistics.median(values) for metric, values in bench.samples.items()}
    parameters = {"rounds": bench.rounds, "seconds": bench.seconds, "connections": CONNECTIONS, "jobs": JOBS}
    document = {"machine": about, "parameters": parameters, "facts": facts, "medians": medians}
    document["samples"] = bench.samples
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return file


# -- Entry -----------------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Progress; stdout is for the table alone."""
    print(text, file=sys.stderr, flush=True)


def at_least_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=at_least_one, default=3, help="rounds over all targets (default: 3)")
    parser.add_argument("--seconds", type=at_least_one, default=3, help="of load a target and round (default: 3)")
    parser.add_argument("--directory", default="/var/tmp", help="where the stores lie meanwhile (default: /var/tmp)")
    return parser.parse_args()


def binary() -> pathlib.Path:
    given = os.environ.get("JOBSWORTH_BINARY")
    path = pathlib.Path(given).resolve() if given else HERE.parent / ".build/release/jobsworth"
    if not os.access(path, os.X_OK):
        raise BenchmarkError(f"{path} is not there; run: swift build -c release --product jobsworth")
    return path


def two_cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchmarkError("two cores are needed: one for the server, one for the load")
    return Cores(server=allowed[0], load=allowed[1])


def stop(number: int, _frame: object) -> None:
    """A signal ends the run as an error does: through every `finally`."""
    sys.exit(128 + number)


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    try:
        for name, package in {"taskset": "util-linux", "wrk": "wrk", "openssl": "openssl"}.items():
            tool(name, package)
        cores = two_cores()
        with tempfile.TemporaryDirectory(prefix="jobsworth-bench-", dir=options.directory) as name:
            bench = Bench(binary(), pathlib.Path(name), cores, options.rounds, options.seconds)
            about = machine(bench.directory)
            os.sched_setaffinity(0, {cores.load})
            facts = measure(bench)
            print(report(bench, about, facts))
            say(f"raw figures: {save(bench, about, facts)}")
    except BenchmarkError as error:
        say(f"bench: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
