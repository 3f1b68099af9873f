"""Drives the shipped binary from outside: processes, sockets, requests, and nothing of the product's own code."""

from __future__ import annotations

import base64
import hashlib
import http.client
import itertools
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import tempfile
import time
import urllib.parse
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
START_DEADLINE = 60.0
STOP_DEADLINE = 25.0
COMMAND_DEADLINE = 45.0
AZURE_AUDIENCE = "api://AzureADTokenExchange"

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:id_token"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"

FACT_NAMES = (
    "repository", "repository_id", "repository_owner", "repository_owner_id", "repository_visibility", "ref",
    "ref_type", "ref_protected", "sha", "workflow", "workflow_ref", "workflow_sha", "job_workflow_ref",
    "job_workflow_sha", "job", "run_id", "run_number", "run_attempt", "event_name", "actor", "actor_id",
    "environment", "head_ref", "base_ref", "head_repository", "head_repository_id", "runner_environment",
)
REQUIRED_FACTS = ("repository", "ref", "workflow", "run_id")
REGISTERED_CLAIMS = {"iss", "sub", "aud", "exp", "iat", "nbf", "jti"}
PRIVATE_JWK_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


# --- the machine -----------------------------------------------------------------------------------------------------

def binary() -> Path:
    named = os.environ.get("JOBSWORTH_BINARY")
    path = Path(named) if named else REPOSITORY_ROOT / ".build" / "debug" / "jobsworth"
    return path.resolve()


# Tests ask for more tokens of one job than any pipeline does; the limit itself has tests of its own.
TESTED_RATE = {"JOBSWORTH_TOKENS_RATE_LIMIT": "1000000"}


def clean_environment(**changes: str | None) -> dict[str, str]:
    """The caller's environment without anything that could steer the product or a client under test."""
    unwanted = re.compile(
        r"^(JOBSWORTH_|ACTIONS_|SYSTEM_|GITHUB_|AWS_|AZURE_|GOOGLE_|BAO_|VAULT_|SPIFFE_|GITLAB|BUILDKITE|CIRCLE"
        r"|CI$|.*_ID_TOKEN$|.*_proxy$|.*_PROXY$)", re.IGNORECASE)
    environment = {name: value for name, value in os.environ.items() if not unwanted.match(name)}
    environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1,localhost"
    for name, value in changes.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


_ports = itertools.cycle(range(21000, 31000))
for _ in range(os.getpid() * 37 % 9000):
    next(_ports)


def free_port() -> int:
    """A port nobody listens on, below the range the kernel gives to clients, each given once per run."""
    while True:
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def poll(question, *, seconds: float, every: float = 0.05, what: str = "the condition"):
    """The first true answer of `question` before the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what} did not come within {seconds:g} s (last answer: {answer!r})")
        time.sleep(every)


def in_parallel(work, items, *, threads: int = 32) -> list:
    with ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(work, items))


# --- JSON and base64url, strictly ------------------------------------------------------------------------------------

def strict_json(text: str | bytes):
    """JSON as RFC 8259 has it: no duplicate members, no NaN, UTF-8 without a mark."""
    if isinstance(text, bytes):
        assert not text.startswith(b"\xef\xbb\xbf"), "a byte order mark"
        text = text.decode("utf-8")

    def members(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"duplicate members in {names}"
        return dict(pairs)

    def constant(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, object_pairs_hook=members, parse_constant=constant)


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    assert re.fullmatch(r"[A-Za-z0-9_-]*", text), f"not base64url: {text!r}"
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert b64url(data) == text, f"not canonical base64url: {text!r}"
    return data


def thumbprint(jwk: dict) -> str:
    """RFC 7638, computed here."""
    members = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}[jwk["kty"]]
    canonical = json.dumps({name: jwk[name] for name in members}, sort_keys=True, separators=(",", ":"))
    return b64url(hashlib.sha256(canonical.encode()).digest())


def header_of(token: str) -> dict:
    return strict_json(unb64url(token.split(".")[0]))


def claims_of(token: str) -> dict:
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", token), f"not a compact JWS: {token!r}"
    return strict_json(unb64url(token.split(".")[1]))


# --- HTTP ------------------------------------------------------------------------------------------------------------

class Answer:
    """One HTTP answer: status, headers and the body's bytes."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes):
        self.status = status
        self.fields = headers
        self.body = body

    def header(self, name: str) -> str | None:
        values = self.headers(name)
        return ", ".join(values) if values else None

    def headers(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self):
        return strict_json(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.text[:300]!r}>"


class Connection:
    """One TCP connection that is kept; not for use from several threads."""

    def __init__(self, port: int, *, timeout: float = 20, tls=None, host: str = HOST):
        if tls is None:
            self._http = http.client.HTTPConnection(host, port, timeout=timeout)
        else:
            self._http = http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)

    def call(self, method: str, target: str, *, headers=(), body: bytes | None = None) -> Answer:
        fields = list(headers.items()) if isinstance(headers, dict) else list(headers)
        names = {name.lower() for name, _ in fields}
        # The target goes out as it stands: http.client refuses what has no place in a request line, and no more.
        self._http.putrequest(method, target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in fields:
            self._http.putheader(name, value)
        if body is not None and "content-length" not in names and "transfer-encoding" not in names:
            self._http.putheader("Content-Length", str(len(body)))
        elif body is None and method in ("POST", "PUT", "PATCH") and "content-length" not in names:
            self._http.putheader("Content-Length", "0")
        self._http.endheaders()
        try:
            if body:
                self._http.send(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # an early refusal: the answer may still be there to read
        response = self._http.getresponse()
        data = response.read()
        return Answer(response.status, response.getheaders(), data)

    def close(self) -> None:
        self._http.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def call(port: int, method: str, target: str, *, headers=(), body: bytes | None = None, timeout: float = 20,
         tls=None, host: str = HOST) -> Answer:
    with Connection(port, timeout=timeout, tls=tls, host=host) as connection:
        return connection.call(method, target, headers=headers, body=body)


def raw_exchange(port: int, data: bytes, *, timeout: float = 5.0, half_close: bool = False) -> tuple[bytes, bool]:
    """Bytes out, bytes in, and whether the server closed the connection within the time given."""
    with socket.create_connection((HOST, port), timeout=timeout) as connection:
        deadline = time.monotonic() + timeout
        received = b""
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return received, False
            connection.settimeout(left)
            try:
                piece = connection.recv(65536)
            except (TimeoutError, socket.timeout):
                return received, False
            except OSError:
                return received, True
            if not piece:
                return received, True
            received += piece


def statuses_in(received: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"(?:^|\n|\}|\])HTTP/1\.[01] (\d{3})", received)]


def bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}"}


reasons_seen: set[str] = set()


def assert_error(answer: Answer, status: int | tuple[int, ...], *, error: str | tuple[str, ...] | None = None,
                 reason: str | None = None, no_store: bool = True) -> dict:
    """The product's error object, whole, under one of the statuses."""
    expected = (status,) if isinstance(status, int) else status
    assert answer.status in expected, f"expected {expected}, got {answer!r}"
    content_type = answer.header("Content-Type") or ""
    assert content_type.split(";")[0].strip() == "application/json", f"{content_type!r} in {answer!r}"
    body = answer.json()
    assert isinstance(body, dict), answer
    for member in ("error", "reason", "error_description", "message"):
        assert isinstance(body.get(member), str) and body[member], f"member {member!r} is missing in {answer!r}"
    assert "value" not in body and "oidcToken" not in body and "access_token" not in body, answer
    assert re.fullmatch(r"[a-z][a-z0-9_]*", body["error"]), answer
    assert re.fullmatch(r"[a-z][a-z0-9_]*", body["reason"]), answer
    if no_store:
        assert "no-store" in (answer.header("Cache-Control") or ""), f"may be cached: {answer.fields}"
    reasons_seen.add(body["reason"])
    if error is not None:
        assert body["error"] in ((error,) if isinstance(error, str) else error), answer
    if reason is not None:
        assert body["reason"] == reason, answer
    return body


# --- what a CI says about a job --------------------------------------------------------------------------------------

_numbers = itertools.count(100_000)


def facts(**changes: str) -> dict[str, str]:
    """The four required facts of a job in a repository that nobody else uses."""
    name = uuid.uuid4().hex[:10]
    return {"repository": f"acme/{name}", "ref": "refs/heads/main", "workflow": "deploy", "run_id": "1001", **changes}


def full_facts(**changes: str) -> dict[str, str]:
    """Every fact that the contract's example has, with an id nobody else uses."""
    number = str(next(_numbers))
    repository = changes.get("repository", f"acme/widgets-{number}")
    everything = {
        "repository": repository, "repository_id": number, "repository_owner": repository.split("/")[0],
        "repository_owner_id": "7", "repository_visibility": "private", "ref": "refs/heads/main",
        "ref_type": "branch", "ref_protected": "true", "sha": "0f" * 20, "workflow": "deploy",
        "workflow_ref": f"{repository}/.ci/deploy.yml@refs/heads/main", "workflow_sha": "0e" * 20,
        "job_workflow_ref": "", "job_workflow_sha": "", "job": "release", "run_id": "1001", "run_number": "5",
        "run_attempt": "1", "event_name": "push", "actor": "alice", "actor_id": "9", "environment": "production",
        "head_ref": "", "base_ref": "", "head_repository": repository, "head_repository_id": number,
        "runner_environment": "self-hosted",
    }
    everything.update(changes)
    if "repository_id" in changes and "head_repository_id" not in changes:
        everything["head_repository_id"] = changes["repository_id"]
    return everything


def registration(job: dict | None = None, **members) -> dict:
    """A registration with the request token granted; pass `permissions=None` for one without."""
    body = {"job": facts() if job is None else job, "permissions": {"id-token": "write"}, **members}
    return {name: value for name, value in body.items() if value is not None}


class Job:
    """A registered job, as its runner and its own process see it."""

    def __init__(self, issuer: "Issuer", answer: Answer):
        self.issuer = issuer
        self.answer = answer
        self.body = answer.json()
        self.id: str = self.body["id"]

    @property
    def request_token(self) -> str:
        return self.body["id_token_request"]["token"]

    @property
    def request_url(self) -> str:
        return self.body["id_token_request"]["url"]

    @property
    def environment(self) -> dict[str, str]:
        return self.body["environment"]

    @property
    def request_target(self) -> str:
        parts = urllib.parse.urlsplit(self.request_url)
        return f"{parts.path}?{parts.query}"

    @property
    def bare_target(self) -> str:
        return urllib.parse.urlsplit(self.request_url).path

    def ask(self, audience: str | None = "sts.amazonaws.com", *, suffix: str = "", headers=None,
            connection: Connection | None = None) -> Answer:
        """GitHub's request."""
        target = self.request_target
        if audience is not None:
            target += "&audience=" + urllib.parse.quote(audience, safe="")
        target += suffix
        headers = bearer(self.request_token) if headers is None else headers
        if connection is not None:
            return connection.call("GET", target, headers=headers)
        return self.issuer.call("GET", target, headers=headers)

    def token(self, audience: str = "sts.amazonaws.com") -> str:
        answer = self.ask(audience)
        assert answer.status == 200, answer
        return answer.json()["value"]

    def claims(self, audience: str = "sts.amazonaws.com") -> dict:
        return claims_of(self.token(audience))


class Runner:
    """A machine that registers jobs, with its credential."""

    def __init__(self, issuer: "Issuer", name: str, credential: str):
        self.issuer = issuer
        self.name = name
        self.credential = credential

    def post(self, body, *, headers=(), port: int | None = None) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {**bearer(self.credential), "Content-Type": "application/json", **dict(headers)}
        return self.issuer.call("POST", "/v1/jobs", headers=fields, body=data, port=port)

    def register(self, body: dict | None = None, **members) -> Job:
        answer = self.post(registration(**members) if body is None else body)
        assert answer.status in (200, 201), answer
        return Job(self.issuer, answer)

    def _json(self, method: str, target: str, body) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.issuer.call(method, target, body=data,
                                headers={**bearer(self.credential), "Content-Type": "application/json"})

    def patch(self, job_id: str, body) -> Answer:
        return self._json("PATCH", f"/v1/jobs/{job_id}", body)

    def heartbeat(self, job_id: str) -> Answer:
        return self.issuer.call("POST", f"/v1/jobs/{job_id}/heartbeat", headers=bearer(self.credential))

    def end(self, job_id: str) -> Answer:
        return self.issuer.call("DELETE", f"/v1/jobs/{job_id}", headers=bearer(self.credential))

    def end_by_reference(self, reference: str) -> Answer:
        return self.issuer.call("DELETE", "/v1/jobs?reference=" + urllib.parse.quote(reference, safe=""),
                                headers=bearer(self.credential))


# --- the server's process --------------------------------------------------------------------------------------------

def run_cli(*arguments: str, environment: dict[str, str] | None = None, stdin: bytes | str | None = None,
            timeout: float = COMMAND_DEADLINE, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """One command of the binary; stdout and stderr are text."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [str(binary()), *arguments], env=environment if environment is not None else clean_environment(),
        input=data if data is not None else b"", capture_output=True, timeout=timeout, cwd=cwd)
    done.stdout_bytes = done.stdout
    done.stdout = done.stdout.decode("utf-8", "replace")
    done.stderr = done.stderr.decode("utf-8", "replace")
    return done


def wait_for_port(port: int, process: subprocess.Popen | None = None, *, seconds: float = 40) -> None:
    """Until somebody listens there; a process that should, and ended, is an error at once."""
    def listens() -> bool:
        assert process is None or process.poll() is None, f"it ended with {process.returncode}"
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return True
        except OSError:
            return False

    poll(listens, seconds=seconds, what=f"a listener on port {port}")


def new_directory() -> Path:
    """A private directory with a path short enough for a Unix socket in it."""
    return Path(tempfile.mkdtemp(prefix="jw-"))


class Issuer:
    """One `jobsworth serve` and everything it keeps on disk; it may be stopped and started again on the same store."""

    def __init__(self, directory: Path, *, path: str = "", scheme: str = "http", metrics: bool = True,
                 arguments: tuple[str, ...] = (), environment: dict[str, str] | None = None,
                 open_files: int | None = None, runner_plane_apart: bool = False, tls=None, admin: bool = False):
        self.directory = directory
        self.store_directory = directory / "store"
        self.database = self.store_directory / "jobsworth.sqlite"
        self.store_directory.mkdir(mode=0o700, exist_ok=True)
        self.log = directory / "server.log"
        self.port = free_port()
        self.path = path
        self.url = f"{scheme}://{HOST}:{self.port}{path}"
        self.metrics_port = free_port() if metrics else None
        self.runner_port = free_port() if runner_plane_apart else self.port
        self.admin_socket = directory / "a.sock" if admin else None
        self.arguments = arguments
        self.environment = environment or {}
        self.open_files = open_files
        self.tls = tls
        self.process: subprocess.Popen | None = None

    # -- its life

    @property
    def storage(self) -> str:
        return f"sqlite:{self.database}"

    def command(self) -> list[str]:
        command = [str(binary()), "serve", "--issuer", self.url, "--listen", f"{HOST}:{self.port}",
                   "--storage", self.storage]
        if self.metrics_port is not None:
            command += ["--metrics", f"{HOST}:{self.metrics_port}"]
        if self.runner_port != self.port:
            command += ["--runner-listen", f"{HOST}:{self.runner_port}",
                        "--runner-url", f"http://{HOST}:{self.runner_port}{self.path}"]
        if self.admin_socket is not None:
            command += ["--admin", f"unix:{self.admin_socket}"]
        return command + list(self.arguments)

    def spawn(self) -> subprocess.Popen:
        limit = self.open_files

        def before_exec():
            os.umask(0o022)
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=before_exec,
                env=clean_environment(**TESTED_RATE | self.environment), cwd=self.directory)
        return self.process

    def start(self) -> "Issuer":
        process = self.spawn()
        deadline = time.monotonic() + START_DEADLINE
        while True:
            if process.poll() is not None:
                raise AssertionError(f"the issuer ended with {process.returncode} at its start:\n{self.output()}")
            try:
                if self.get("/.well-known/openid-configuration", timeout=2).status == 200:
                    return self
            except OSError:
                pass
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the issuer did not answer within {START_DEADLINE:g} s:\n{self.output()}")
            time.sleep(0.03)

    def stop(self, *, deadline: float = STOP_DEADLINE) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the issuer did not end within {deadline:g} s of SIGTERM:\n{self.output()}") from None

    def kill(self) -> None:
        """SIGKILL, and nothing left running."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")[-6000:] if self.log.exists() else ""

    def assert_alive(self) -> None:
        assert self.is_running, f"the issuer ended with {self.process.returncode}:\n{self.output()}"
        assert self.get("/.well-known/jwks").status == 200

    # -- its planes

    def call(self, method: str, target: str, *, headers=(), body: bytes | None = None, timeout: float = 20,
             port: int | None = None) -> Answer:
        """A request; a target that does not start with the issuer's path gets it in front."""
        if self.path and not target.startswith(self.path + "/") and target != self.path:
            target = self.path + target
        if port is None:
            is_runner_plane = target[len(self.path):].startswith(("/v1/", "/token"))
            port = self.runner_port if is_runner_plane else self.port
        return call(port, method, target, headers=headers, body=body, timeout=timeout, tls=self.tls)

    def get(self, target: str, **options) -> Answer:
        return self.call("GET", target, **options)

    def discovery(self) -> dict:
        return self.get("/.well-known/openid-configuration").json()

    def jwks(self) -> dict:
        return self.get("/.well-known/jwks").json()

    def exchange(self, *parameters: tuple[str, str], headers=(), **replaced: str | None) -> Answer:
        """RFC 8693: the usual parameters, replaced or (with None) left out, and further ones."""
        form = {"grant_type": GRANT_TYPE, "subject_token_type": ACCESS_TOKEN_TYPE}
        form.update(replaced)
        pairs = [(name, value) for name, value in form.items() if value is not None] + list(parameters)
        return self.call("POST", "/token", body=urllib.parse.urlencode(pairs).encode(),
                         headers={"Content-Type": "application/x-www-form-urlencoded", **dict(headers)})

    # -- its operator

    def cli(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        return run_cli(*arguments, "--storage", self.storage, **options)

    def operator(self, *arguments: str, **options) -> str:
        """An operator's command that has to succeed; its stdout."""
        done = self.cli(*arguments, **options)
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}: {done.stderr}\n{self.output()}"
        return done.stdout

    def runner(self, *patterns: str, name: str | None = None) -> Runner:
        name = name or f"runner-{uuid.uuid4().hex[:8]}"
        options = [part for pattern in patterns or ("acme/*",) for part in ("--repository", pattern)]
        credential = self.operator("runner", "add", name, *options)
        assert re.fullmatch(r"jwr_[A-Za-z0-9._~-]{43,}\n?", credential), f"not a credential alone: {credential!r}"
        return Runner(self, name, credential.strip())

    def audit(self, **wanted: str) -> list[dict]:
        """The audit records, those that match only."""
        lines = self.operator("audit", "show", "--json").splitlines()
        records = [strict_json(line) for line in lines if line.strip()]
        return [record for record in records if all(record.get(name) == value for name, value in wanted.items())]

    def keys(self) -> dict:
        return strict_json(self.operator("keys", "show", "--json"))

    def files(self) -> list[Path]:
        """Every regular file of the store's directory."""
        return sorted(path for path in self.store_directory.rglob("*") if stat.S_ISREG(path.lstat().st_mode))

    def sockets(self) -> list[Path]:
        return sorted(path for path in self.directory.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode))
