"""A PostgreSQL server of the tests' own, and issuers that share a database of it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import uuid
from pathlib import Path

import harness
from harness import HOST, Issuer, free_port, poll

USER = "jobsworth"


def program(name: str) -> str:
    """One of PostgreSQL's programs; Debian keeps those of the server beside the path."""
    found = shutil.which(name)
    if found is None:
        places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        assert places, f"there is no {name}: run `make packages`"
        found = str(places[-1])
    return found


class Server:
    """One cluster, reached over TCP as from another machine; it flushes what it commits."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "postgres.log"
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        # initdb refuses root.
        self._user = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        if self._user:
            os.chown(directory, self._user.pw_uid, self._user.pw_gid)
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync")

    def run(self, name: str, *arguments) -> None:
        subprocess.run([program(name), *map(str, arguments)], check=True, preexec_fn=self._as_nobody, timeout=120,
                       stdin=subprocess.DEVNULL, capture_output=True, cwd=self.directory)

    def _as_nobody(self) -> None:
        if self._user:
            os.setgroups([])
            os.setgid(self._user.pw_gid)
            os.setuid(self._user.pw_uid)

    def start(self, **settings: str) -> "Server":
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [program("postgres"), "-D", str(self.data), "-k", str(self.directory), "-h", HOST, "-p", str(self.port),
                 "-c", "max_connections=200", *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=self._as_nobody, cwd=self.directory)
        poll(lambda: self.answers(), seconds=60, what="PostgreSQL")
        return self

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return subprocess.run([program("psql"), *self._place("postgres"), "-c", "SELECT 1"],
                              capture_output=True).returncode == 0

    def _place(self, database: str) -> list[str]:
        return ["-h", HOST, "-p", str(self.port), "-U", USER, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database]

    def query(self, sql: str, database: str = "postgres", *, timeout: float = 60) -> list[str]:
        """The rows as psql prints them."""
        done = subprocess.run([program("psql"), *self._place(database), "-c", sql], capture_output=True, text=True,
                              timeout=timeout)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def copy_out(self, table: str, database: str) -> bytes:
        """The rows of a table, or of a query in brackets, with every value as it is."""
        done = subprocess.run([program("psql"), *self._place(database), "-c", f"COPY {table} TO STDOUT (FORMAT binary)"],
                              capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def database(self) -> str:
        """A new database; its name."""
        name = "d" + uuid.uuid4().hex[:12]
        self.query(f"CREATE DATABASE {name}")
        return name

    def url(self, database: str) -> str:
        return f"postgres://{USER}@{HOST}:{self.port}/{database}"

    def processes(self) -> list[int]:
        """The postmaster and what it started."""
        main = self.process.pid
        found = [main]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == main:
                found.append(int(stat.parent.name))
        return found

    def signal_all(self, number: signal.Signals) -> None:
        for process in self.processes():
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass

    def stop(self) -> None:
        """At once, as when its machine is lost; what was committed is there at the next start."""
        if self.process is not None and self.process.poll() is None:
            self.signal_all(signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Replica(Issuer):
    """One of several issuers that are one: the same URL, the same database, the same sealing key."""

    def __init__(self, group: "Replicas", name: str, **options):
        super().__init__(group.directory / name, **options)
        self.group = group
        self.name = name
        self.url = group.url
        # Answers this replica's own requests; the URL in a registration is that of all.
        self.environment = {**group.environment, "JOBSWORTH_STORAGE_REPLICA": name, **self.environment}

    @property
    def storage(self) -> str:
        return self.group.storage

    def cli(self, *arguments: str, **options):
        environment = harness.clean_environment(**self.group.environment)
        return harness.run_cli(*arguments, "--storage", self.storage, environment=environment, **options)

    def answers(self) -> bool:
        try:
            return harness.call(self.port, "GET", "/.well-known/jwks", timeout=2).status == 200
        except OSError:
            return False

    def ready(self) -> bool:
        try:
            return harness.call(self.metrics_port, "GET", "/readyz", timeout=2).status == 200
        except OSError:
            return False


class Replicas:
    """Issuers that share a database."""

    def __init__(self, server: Server, directory: Path, *, url: str | None = None, **environment: str):
        self.server = server
        self.directory = directory
        self.name = server.database()
        self.storage = server.url(self.name)
        self.url = url or f"http://{HOST}:{free_port()}"
        (directory / "keys").mkdir(mode=0o700)
        self.environment = {"JOBSWORTH_STORAGE_DIRECTORY": str(directory / "keys"), **environment}
        self.all: list[Replica] = []

    def start(self, count: int, **options) -> list[Replica]:
        """So many more; those whose clock is right are ready then."""
        for _ in range(count):
            name = f"r{len(self.all) + 1}"
            (self.directory / name).mkdir(mode=0o700)
            replica = Replica(self, name, **options)
            self.all.append(replica)
            replica.spawn()
        for replica in self.all:
            ready = replica.ready if "FAKETIME" not in replica.environment else replica.answers
            poll(lambda: not replica.is_running or ready(), seconds=60, what=replica.name)
            replica.assert_alive()
        return self.all

    def query(self, sql: str) -> list[str]:
        return self.server.query(sql, self.name)

    def recorded_tokens(self) -> set[str]:
        return set(self.query("SELECT convert_from(document, 'UTF8')::json ->> 'jti' FROM audit WHERE kid IS NOT NULL"))

    def end_all(self) -> None:
        for replica in self.all:
            if replica.is_running:
                replica.process.send_signal(signal.SIGCONT)
            replica.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

