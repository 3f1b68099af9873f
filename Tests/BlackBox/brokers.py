"""The broker under a user of its own, and commands under others."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import harness

BROKER, AGENT, OTHER_AGENT, JOB = 64_001, 64_002, 64_003, 64_004
FACTS = ("--fact", "ref=refs/heads/main", "--fact", "workflow=deploy", "--fact", "run_id=1",
         "--permission", "id-token=write")


def started_as(uid: int) -> dict:
    return {"user": uid, "group": uid, "extra_groups": []}


def run_as(uid: int, *arguments, environment: dict[str, str] | None = None, **options) -> subprocess.CompletedProcess:
    """One command of the binary as this user."""
    return subprocess.run(
        [str(harness.binary()), *map(str, arguments)], capture_output=True, text=True, timeout=60, cwd="/",
        stdin=subprocess.DEVNULL, env=harness.clean_environment(HOME="/nonexistent", **(environment or {})),
        **started_as(uid), **options)


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("broker", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self.path))


class Broker:
    """One `jobsworth runner broker`; it may be ended and started again."""

    def __init__(self, issuer, *, credential: str, allowed: tuple = (AGENT,), user: int = BROKER, url: str | None = None):
        self.url = url or issuer.url
        self.user = user
        self.allowed = allowed
        self.directory = harness.new_directory()
        self.directory.chmod(0o755)
        self.folder = self.directory / "run"
        self.folder.mkdir(mode=0o755)
        os.chown(self.folder, user, user)
        self.socket = self.folder / "broker.sock"
        self.credential_file = self.directory / "credential"
        self.write_credential(credential)
        self.log = self.directory / "broker.log"
        self.process: subprocess.Popen | None = None

    def write_credential(self, credential: str, mode: int = 0o600) -> None:
        self.credential_file.touch(mode=0o600)
        self.credential_file.write_text(credential + "\n")
        os.chown(self.credential_file, self.user, self.user)
        self.credential_file.chmod(mode)

    def command(self) -> list[str]:
        command = [str(harness.binary()), "runner", "broker", "--credential-file", str(self.credential_file),
                   "--socket", str(self.socket), "--issuer", self.url]
        return command + [part for uid in self.allowed for part in ("--allow-uid", str(uid))]

    def spawn(self) -> subprocess.Popen:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env=harness.clean_environment(HOME="/nonexistent"), **started_as(self.user))
        return self.process

    def start(self) -> "Broker":
        process = self.spawn()
        harness.poll(lambda: process.poll() is not None or self.socket.exists(), seconds=60, what="the broker's socket")
        assert process.poll() is None, self.output()
        return self

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()

    def end(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def call(self, method: str, target: str, *, headers=(), body: bytes | None = None) -> harness.Answer:
        """A request as root."""
        connection = SocketConnection(self.socket)
        try:
            connection.request(method, target, body=body, headers=dict(headers))
            response = connection.getresponse()
            return harness.Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    # -- as an agent does it

    def job(self, uid: int, *arguments) -> subprocess.CompletedProcess:
        return run_as(uid, "job", *arguments, environment={"JOBSWORTH_RUNNER_BROKER": str(self.socket)})

    def start_job(self, uid: int = AGENT, *arguments, repository: str | None = None) -> dict:
        repository = repository or harness.facts()["repository"]
        done = self.job(uid, "start", "--fact", f"repository={repository}", *FACTS, *arguments)
        assert done.returncode == 0, f"{done.stderr}\n{self.output()}"
        return json.loads(done.stdout)

    def ask_as(self, uid: int, method: str, target: str, body: dict | None = None) -> tuple[int, str]:
        """A request as this user: the status, 0 where there is no answer, and the body."""
        script = (
            "import http.client, socket, sys\n"
            "method, path, target, body = sys.argv[1:]\n"
            "connection = http.client.HTTPConnection('broker')\n"
            "connection.sock = socket.socket(socket.AF_UNIX)\n"
            "connection.sock.settimeout(20)\n"
            "connection.sock.connect(path)\n"
            "headers = {'Content-Type': 'application/json'} if body else {}\n"
            "try:\n"
            "    connection.request(method, target, body=body or None, headers=headers)\n"
            "    answer = connection.getresponse()\n"
            "    print(answer.status, answer.read().decode())\n"
            "except (http.client.RemoteDisconnected, ConnectionError):\n"
            "    print(0, '')\n")
        done = subprocess.run(
            ["python3", "-c", script, method, str(self.socket), target, json.dumps(body) if body else ""],
            capture_output=True, text=True, timeout=60, cwd="/", env={"PATH": os.environ["PATH"]}, **started_as(uid))
        assert done.returncode == 0, done.stderr
        status, _, text = done.stdout.rstrip("\n").partition(" ")
        return int(status), text
