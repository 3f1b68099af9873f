"""Replicas on hosts of their own behind the load balancer that ships, on a database that has a standby."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import harness
from harness import poll
from soak.cluster import Cluster
from soak.laboratory import BACK, FRONT, Host, Laboratory

PORT, METRICS_PORT, PROXY_PORT = 8080, 9090, 8443
# Nobody dials it: what is dialled is the load balancer. http is for loopback only.
ISSUER = "http://127.0.0.1:8443"
NAMES = ("r1", "r2", "r3")
PROXY_CONFIGURATION = harness.REPOSITORY_ROOT / "docker" / "haproxy.cfg"


class Entrance:
    """Where the issuer answers, for who is on the same wire."""

    url = ISSUER

    def __init__(self, host: Host, port: int):
        self.host = host
        self.port = port

    def call(self, method: str, target: str, *, headers=(), body: bytes | None = None, timeout: float = 20,
             port: int | None = None) -> harness.Answer:
        return harness.call(port or self.port, method, target, headers=headers, body=body, timeout=timeout,
                            host=self.host.front)

    def get(self, target: str, **options) -> harness.Answer:
        return self.call("GET", target, **options)


class ReplicaHost(Entrance):
    """One `serve` on its host; it may be ended and started again."""

    def __init__(self, host: Host, directory: Path, storage: str, arguments: tuple[str, ...],
                 environment: dict[str, str]):
        super().__init__(host, PORT)
        self.name = host.name
        self.log = directory / f"{host.name}.log"
        self.storage = storage
        self.arguments = arguments
        self.environment = {**environment, "JOBSWORTH_STORAGE_REPLICA": host.name}
        self.process: subprocess.Popen | None = None

    def spawn(self, **environment: str) -> None:
        command = self.host.command(
            harness.binary(), "serve", "--issuer", ISSUER, "--listen", f"{self.host.front}:{PORT}",
            "--metrics", f"{self.host.front}:{METRICS_PORT}", "--storage", self.storage, *self.arguments)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=harness.clean_environment(**harness.TESTED_RATE, **self.environment, **environment))

    def start(self, **environment: str) -> None:
        """As a service manager does it: what ends at its start, for the database is away, is started again."""
        self.spawn(**environment)

        def answers() -> bool:
            if not self.is_running:
                self.spawn(**environment)
            return self.answers()

        poll(answers, seconds=120, every=0.2, what=f"{self.name}: {self.output()}")

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        try:
            return self.get("/.well-known/jwks", timeout=2).status == 200
        except OSError:
            return False

    def ready(self) -> bool:
        try:
            return self.call("GET", "/readyz", timeout=2, port=METRICS_PORT).status == 200
        except OSError:
            return False

    def wait_until_ready(self, seconds: float = 90) -> None:
        poll(self.ready, seconds=seconds, every=0.1, what=f"{self.name} ready")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        if self.process is not None:
            if self.is_running:
                self.process.kill()
            self.process.wait()

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""


class Proxy(Entrance):
    """HAProxy with the configuration that ships."""

    def __init__(self, host: Host, directory: Path, replicas: list[ReplicaHost]):
        super().__init__(host, PROXY_PORT)
        self.log = directory / "haproxy.log"
        self.environment = {"PROXY_PLAIN": "1", "PROXY_LISTEN": f"{host.front}:{PROXY_PORT}"}
        for number, replica in enumerate(replicas, 1):
            self.environment[f"REPLICA_{number}"] = f"{replica.host.front}:{PORT}"
            self.environment[f"REPLICA_{number}_METRICS_PORT"] = str(METRICS_PORT)
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.host.command(program, "-db", "-f", PROXY_CONFIGURATION), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=harness.clean_environment(**self.environment))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Site:
    """All of it; leaving ends and removes it."""

    def __init__(self, directory: Path, *, configuration: str):
        self.directory = directory
        self._laboratory = Laboratory()
        self._configuration = directory / "configuration.yaml"
        self._configuration.write_text(configuration)
        self.replicas: list[ReplicaHost] = []
        self.cluster: Cluster | None = None
        self.proxy: Proxy | None = None

    def __enter__(self) -> "Site":
        self._laboratory.__enter__()
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self) -> None:
        lab = self._laboratory
        self.cluster = Cluster(lab.host("pg1", BACK), lab.host("pg2", BACK))
        self.client = lab.host("rp", FRONT)
        # Operators reach the database, and nothing that is done to a replica keeps them from it.
        self.operator_host = lab.host("op", BACK)
        self.cluster.start()
        keys = self.directory / "keys"
        keys.mkdir(mode=0o700)
        self.environment = {"JOBSWORTH_STORAGE_DIRECTORY": str(keys)}
        self.sealing_key = keys / "issuer.sealing-key"
        arguments = ("--config", str(self._configuration))
        self.replicas = [
            ReplicaHost(lab.host(name, FRONT, BACK), self.directory, self.cluster.url, arguments, self.environment)
            for name in NAMES]
        self.proxy = Proxy(lab.host("lb", FRONT), self.directory, self.replicas)
        with self.client.entered():
            for replica in self.replicas:
                replica.start()
            self.proxy.start()
            for replica in self.replicas:
                replica.wait_until_ready()
            poll(self._is_served, seconds=30, what="the load balancer")

    def _is_served(self) -> bool:
        try:
            # What no replica was asked for is not answered 404.
            return self.proxy.get("/v1/nothing", timeout=2).status != 503
        except OSError:
            return False

    def __exit__(self, *_) -> None:
        for process in (self.proxy, *self.replicas):
            if process is not None:
                process.kill()
        if self.cluster is not None:
            self.cluster.remove()
        self._laboratory.__exit__()

    def command(self, *arguments: str) -> list[str]:
        """An operator's command, on the operator's host."""
        return self.operator_host.command(harness.binary(), *arguments, "--storage", self.cluster.url)

    def operator_environment(self) -> dict[str, str]:
        return harness.clean_environment(**self.environment)

    def cli(self, *arguments: str, timeout: float = 60, environment: dict[str, str] | None = None,
            ) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments), env={**self.operator_environment(), **(environment or {})},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)

    def operator(self, *arguments: str, timeout: float = 60) -> str:
        done = self.cli(*arguments, timeout=timeout)
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def runner(self) -> harness.Runner:
        name = f"runner-{os.urandom(4).hex()}"
        credential = self.operator("runner", "add", name, "--repository", "acme/*").strip()
        return harness.Runner(self.proxy, name, credential)

    def at(self, replica: ReplicaHost, runner: harness.Runner) -> harness.Runner:
        return harness.Runner(replica, runner.name, runner.credential)


def clock_of(offset: str) -> dict[str, str]:
    """The environment in which a server's wall clock is wrong by so many seconds."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert libraries, "libfaketime is missing: run `make packages`"
    return {
        "LD_PRELOAD": str(libraries[0]), "FAKETIME": offset, "FAKETIME_NO_CACHE": "1",
        # What a name is missing, the library adds, which moves the environment under Swift.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_SHARED": "/none /none"}
