"""The peer that has a store: OpenBao's identity/oidc on raft, one core.

A job is an entity with metadata, its credential a userpass token, its JWT the role's template filled from the metadata:
26 claims, the `jti` a constant since the template language has no unique value. No audit device.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import secrets
import time
from collections.abc import Iterator

from . import jobs
from .exchange import ask, expect, wait_until_ready
from .faults import BenchmarkError
from .installed import openbao as program_file
from .processes import DEADLINE_SECONDS, Program, free_port, running
from .run import Run
from .target import Target, write_requests

KEYS_PATH = "/v1/identity/oidc/.well-known/keys"
FACTS = dict(list(jobs.FACTS.items())[:18])


@contextlib.contextmanager
def openbao(run: Run) -> Iterator[Target]:
    folder = run.folder("openbao")
    (folder / "raft").mkdir()
    port = free_port()
    file = folder / "server.hcl"
    file.write_text(configuration(folder, port, free_port()))
    serve = run.cores.serving([str(program_file()), "server", f"-config={file}"])
    with running(serve, folder / "server.log", GOMAXPROCS="1", HOME=str(folder)) as program:
        vault = Vault(program, port)
        vault.unseal()
        token = vault.prepare_job()
        requests = [("/v1/identity/oidc/token/bench", "X-Vault-Token", token)]
        yield Target("openbao", program, port, f"http://127.0.0.1:{port}",
                     requests=write_requests(folder / "requests", requests))  # fmt: skip


def configuration(folder: pathlib.Path, port: int, cluster: int) -> str:
    return f"""\
storage "raft" {{
  path = "{folder}/raft"
  node_id = "bench"
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster}"
log_level = "warn"
"""


class Vault:
    """The API of a server that starts empty."""

    def __init__(self, program: Program, port: int):
        self.program = program
        self.port = port
        self.token = ""

    def call(self, method: str, path: str, document: object | None = None) -> dict:
        headers = {"X-Vault-Token": self.token} if self.token else {}
        status, body = ask(self.port, method, f"/v1/{path}", headers=headers, document=document)
        if status not in (200, 204):
            raise BenchmarkError(f"OpenBao, {method} {path}: {status} {body[:500]!r}")
        return json.loads(body) if body else {}

    def unseal(self) -> None:
        """Returns when the node leads its cluster of one."""
        self.wait_until_it_answers()
        made = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.call("PUT", "sys/unseal", {"key": made["keys"][0]})
        self.token = made["root_token"]
        wait_until_ready(self.program, self.port, "/v1/sys/health")

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            self.program.check_alive()
            with contextlib.suppress(OSError):
                # 501: not initialised yet.
                expect(501, ask(self.port, "GET", "/v1/sys/health"), "OpenBao's health")
                return
            time.sleep(0.05)
        raise BenchmarkError("OpenBao does not answer")

    def prepare_job(self) -> str:
        """One job, its role, and the token that gets its JWT."""
        password = secrets.token_urlsafe(24)
        self.call("POST", "sys/auth/userpass", {"type": "userpass"})
        policy = 'path "identity/oidc/token/*" { capabilities = ["read"] }'
        self.call("POST", "sys/policies/acl/job", {"policy": policy})
        user = {"password": password, "token_policies": ["job"], "token_ttl": "24h"}
        self.call("POST", "auth/userpass/users/job", user)
        entity = self.call("POST", "identity/entity", {"name": "job", "metadata": FACTS})["data"]["id"]
        accessor = self.call("GET", "sys/auth")["data"]["userpass/"]["accessor"]
        self.call("POST", "identity/entity-alias", {"name": "job", "canonical_id": entity, "mount_accessor": accessor})
        self.prepare_role()
        return self.call("POST", "auth/userpass/login/job", {"password": password})["auth"]["client_token"]

    def prepare_role(self) -> None:
        key = {"algorithm": "ES256", "allowed_client_ids": ["*"], "rotation_period": "24h", "verification_ttl": "24h"}
        self.call("POST", "identity/oidc/key/bench", key)
        role = {"key": "bench", "client_id": jobs.AUDIENCE, "ttl": "5m", "template": template()}
        self.call("POST", "identity/oidc/role/bench", role)


def template() -> str:
    """The claims beside those that OpenBao sets itself; a placeholder brings its own quotes."""
    placeholders = {name: f"{{{{identity.entity.metadata.{name}}}}}" for name in FACTS}
    claims = {"repo": "{{identity.entity.metadata.repository}}", **placeholders}
    members = [f'"{name}": {value}' for name, value in claims.items()]
    return "{" + ", ".join([*members, '"jti": "9f8e7d6c5b4a39281706f5e4d3c2b1a0"']) + "}"
