"""The agent as operators run it, and issuers of evidence: ours, and one of which every claim can be chosen."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import harness

TRUST_DOMAIN = "example.org"
AUDIENCE = f"spiffe://{TRUST_DOMAIN}"
SEED_TEMPLATE = "/{{cluster.name}}/repo/{{jwt.claim.repo}}/ref/{{jwt.claim.ref}}"
QUICK_KEYS = {
    "refreshHint": "1s", "maximumLifetime": "1h",
    "keys": {"rotationInterval": "1000s", "publicationLead": "3s", "gracePeriod": "3602s", "refreshInterval": "1s",
             "clockSkew": "1s", "maximumPublished": 20},
}
"""Settings under which standbys may sign 3 s after they were published, and nothing rotates by itself."""


class EvidenceIssuer:
    """An OpenID Connect issuer on loopback that signs whatever it is told to, and counts what is fetched from it."""

    def __init__(self, path: str = ""):
        self.keys = {"es": ec.generate_private_key(ec.SECP256R1())}
        self.fetches: list[str] = []
        self.metadata_changes: dict = {}
        self.headers: dict[str, str] = {}
        self.answer = None
        """A function (handler) -> bool that may answer in place of the documents."""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.fetches.append(self.path)
                if outer.answer is not None and outer.answer(self):
                    return
                body = outer.document(self.path)
                self.send_response(200 if body is not None else 404)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((harness.HOST, 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://{harness.HOST}:{self.port}{path}"
        self.path = path
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def document(self, path: str) -> bytes | None:
        if path == self.path + "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.url, "jwks_uri": self.url + "/keys", **self.metadata_changes}).encode()
        if path == self.path + "/keys":
            return json.dumps({"keys": self.jwks()}).encode()
        return None

    def jwks(self) -> list[dict]:
        return [self.jwk(kid) for kid in self.keys]

    def jwk(self, kid: str) -> dict:
        key = self.keys[kid].public_key()
        if isinstance(key, rsa.RSAPublicKey):
            document = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key))
            return {**document, "kid": kid, "alg": "RS256", "use": "sig", "key_ops": ["verify"]}
        document = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key))
        return {**document, "kid": kid, "alg": "ES256", "use": "sig"}

    def token(self, kid: str = "es", *, key=None, headers: dict | None = None, lifetime: int = 600, **claims) -> str:
        now = int(time.time())
        payload = {"iss": self.url, "aud": AUDIENCE, "sub": "job", "iat": now, "exp": now + lifetime,
                   "repo": "acme/widgets", "ref": "refs/heads/main", **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        key = key or self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid, **(headers or {})})

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def document(section: str, spec: dict) -> str:
    """JSON is YAML."""
    return "---\n" + json.dumps({"section": section, "schema": "v1", "spec": spec}) + "\n"


class Agent:
    """One `jobsworth agent` and everything it keeps on disk; it may be stopped and started again on the same store."""

    def __init__(self, directory: Path, *, issuers: list | None = None, template: str = SEED_TEMPLATE,
                 policy: dict | None = None, overrides: list | None = None, settings: dict | None = None,
                 more: str = "", environment: dict[str, str] | None = None, arguments: tuple[str, ...] = ()):
        self.directory = directory
        self.socket = directory / "agent.sock"
        self.file = directory / "agent.yaml"
        self.log = directory / "agent.log"
        self.database = directory / "store" / "agent.sqlite"
        self.database.parent.mkdir(mode=0o700, exist_ok=True)
        self.environment = environment or {}
        self.arguments = arguments
        self.settings = {"trustDomain": TRUST_DOMAIN, "cluster": {"name": "ci"}, "socket": str(self.socket),
                         "storage": self.storage, **(settings or {})}
        self.issuers = issuers or []
        self.policy = {"pathTemplate": template, **(policy or {})}
        self.overrides = overrides
        self.more = more
        self.process: subprocess.Popen | None = None
        self.write()

    @property
    def storage(self) -> str:
        return f"sqlite:{self.database}"

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"

    def write(self) -> None:
        """The file as the members say, replaced in one piece."""
        policy = {"policy": self.policy}
        if self.overrides:
            policy["policyOverrides"] = self.overrides
        draft = self.file.with_suffix(".new")
        draft.write_text(
            document("Agent", self.settings)
            + document("WorkloadAttestation", {"jwt": {"enabled": True, "allowedIssuers": self.issuers}}
                       if self.issuers else {"jwt": {"enabled": False}})
            + document("SVIDIssuancePolicy", policy) + self.more)
        os.replace(draft, self.file)

    def command(self) -> list[str]:
        return [str(harness.binary()), "agent", "--config", str(self.file), *self.arguments]

    def start(self) -> "Agent":
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                env=harness.clean_environment(**self.environment))
        deadline = time.monotonic() + harness.START_DEADLINE
        while not self.socket.exists():
            if self.process.poll() is not None:
                raise AssertionError(f"the agent ended with {self.process.returncode} at its start:\n{self.output()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the agent's socket did not appear:\n{self.output()}")
            time.sleep(0.02)
        return self

    def stop(self, *, deadline: float = harness.STOP_DEADLINE) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the agent did not end within {deadline:g} s:\n{self.output()}") from None

    def kill(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")[-8000:] if self.log.exists() else ""

    def svid(self, *arguments: str, token: str | None = None, **options) -> subprocess.CompletedProcess:
        """A client command of the product against this agent."""
        environment = {"SPIFFE_ENDPOINT_SOCKET": self.endpoint}
        if token is not None:
            environment["SPIFFE_IDENTITY_EXCHANGE_TOKEN"] = token
        return harness.run_cli("svid", *arguments, environment=environment, **options)

    def operator(self, *arguments: str, **options) -> str:
        done = harness.run_cli(*arguments, "--storage", self.storage, **options)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def rotate(self) -> None:
        """The standbys sign, as soon as they were published for long enough; see QUICK_KEYS."""
        harness.poll(
            lambda: harness.run_cli("keys", "rotate", "--now", "--storage", self.storage).returncode == 0,
            seconds=20, every=0.3, what="a rotation")

    def audit(self, **wanted: str) -> list[dict]:
        records = [harness.strict_json(line) for line in self.operator("audit", "show", "--json").splitlines()]
        return [record for record in records if all(record.get(name) == value for name, value in wanted.items())]
