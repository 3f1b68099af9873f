"""A primary and its synchronous standby on hosts of their own, and what an operator does when one is lost."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import harness
from databases import USER, Server, program
from harness import poll
from soak.laboratory import Host

PORT = 5432
_SETTINGS = {
    "max_connections": "100", "shared_buffers": "32MB", "wal_log_hints": "on", "wal_keep_size": "512MB",
    "synchronous_commit": "on", "wal_receiver_status_interval": "1s", "wal_retrieve_retry_interval": "500ms",
    "wal_sender_timeout": "4s", "wal_receiver_timeout": "4s", "tcp_user_timeout": "5000",
    "tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3",
    "listen_addresses": "*", "log_min_messages": "warning",
}


class Database(Server):
    """One PostgreSQL server on a host of its own."""

    def __init__(self, host: Host):
        self.host = host
        self.name = host.name
        self.directory = harness.new_directory()
        self.data = self.directory / "data"
        self.log = self.directory / "postgres.log"
        self.port = PORT
        self.process: subprocess.Popen | None = None
        self._user = pwd.getpwnam("nobody")
        os.chown(self.directory, self._user.pw_uid, self._user.pw_gid)

    def _command(self, name: str, *arguments) -> list[str]:
        # nsenter changes the user, for it has to be root to get in; PostgreSQL refuses root.
        command = self.host.command(program(name), *arguments)
        return [command[0], "--setgid", str(self._user.pw_gid), "--setuid", str(self._user.pw_uid), *command[1:]]

    def run(self, name: str, *arguments, timeout: float = 120) -> None:
        done = subprocess.run(self._command(name, *arguments), timeout=timeout, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, cwd=self.directory)
        assert done.returncode == 0, f"{name} at {self.name}: {done.stderr[-2000:]}"

    def _place(self, database: str) -> list[str]:
        return ["-h", str(self.directory), "-p", str(PORT), "-U", USER, "-XAtq", "-v", "ON_ERROR_STOP=1",
                "-d", database]

    # -- its life

    def create(self) -> None:
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync")
        with open(self.data / "postgresql.conf", "a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in _SETTINGS.items())
        with open(self.data / "pg_hba.conf", "a") as file:
            file.write("host all all samenet trust\nhost replication all samenet trust\n")

    def start(self, *, is_awaited: bool = True, **settings: str) -> "Database":
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self._command("postgres", "-D", self.data, "-k", self.directory, "-p", PORT, *options),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)
        if is_awaited:
            poll(self.answers, seconds=60, what=f"PostgreSQL at {self.name}")
        return self

    def kill(self) -> None:
        """SIGKILL for all its processes: nothing is flushed, nobody is told."""
        self.signal_all(signal.SIGKILL)
        self.process.wait(30)
        # The last to go holds the shared memory, without which it does not start again.
        poll(lambda: not self.processes_in_it(), seconds=30, what=f"the end of PostgreSQL at {self.name}")

    def processes_in_it(self) -> list[int]:
        """Those whose working directory is the data's: what a postmaster left behind, too."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if os.readlink(entry) == str(self.data):
                    found.append(int(entry.parent.name))
            except OSError:
                continue
        return found

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.query(f"ALTER SYSTEM SET {name} = '{value}'", timeout=20)
        self.query("SELECT pg_reload_conf()")


class Cluster:
    """Which of the two is the primary, and how that changes."""

    def __init__(self, first: Host, second: Host):
        self.databases = [Database(first), Database(second)]
        self.primary, self.standby = self.databases
        self.name = "jobsworth"

    @property
    def url(self) -> str:
        places = ",".join(f"{database.host.back}:{PORT}" for database in self.databases)
        return f"postgres://{USER}@{places}/{self.name}"

    def start(self) -> None:
        self.primary.create()
        self.primary.start()
        self.primary.query(f"CREATE DATABASE {self.name}")
        self._copy(self.primary, self.standby)
        self.standby.start()
        self.wait_for_standby()

    def remove(self) -> None:
        for database in self.databases:
            if database.process is not None:
                database.remove()
            shutil.rmtree(database.directory, ignore_errors=True)

    def query(self, sql: str) -> list[str]:
        return self.primary.query(sql, self.name)

    def wait_for_standby(self, *, is_awaited: bool = True) -> None:
        """From here on nothing is acknowledged that only one of them has, where `is_awaited`."""
        name = self.standby.name
        poll(lambda: self.primary.query(
            f"SELECT 1 FROM pg_stat_replication WHERE application_name = '{name}' AND state = 'streaming'"),
            seconds=60, every=0.2, what="the standby")
        if is_awaited:
            self.primary.set(synchronous_standby_names=name)
            poll(lambda: self.primary.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"),
                 seconds=30, every=0.1, what="the synchronous standby")

    # -- when the primary is lost

    def fence(self, how: str) -> None:
        """The primary is out of everybody's reach before another takes its place: killed, or its plug is pulled."""
        if how == "killed":
            self.primary.kill()
        else:
            self.primary.host.unplug("back")

    def promote(self) -> None:
        """The standby takes over. It has none of its own yet: it waits for nobody, and may not be lost itself."""
        self.standby.query("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.standby.query("ALTER SYSTEM SET recovery_min_apply_delay = 0")
        self.standby.query("SELECT pg_reload_conf()")
        self.standby.run("pg_ctl", "promote", "-D", self.standby.data, "-w", "-t", "60")
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self) -> None:
        """The former primary becomes the standby: what it had alone is undone."""
        old = self.standby
        if old.is_running:
            old.signal_all(signal.SIGCONT)
            old.kill()
        old.host.plug_in("back")
        # Before its first checkpoint the new primary seems to be on the old one's timeline, with nothing to undo.
        self.primary.query("CHECKPOINT")
        try:
            old.run("pg_rewind", "--target-pgdata", old.data, "--source-server", self._source(self.primary, old),
                    "--write-recovery-conf")
            assert (old.data / "standby.signal").exists()
            self._follow(old)
        except AssertionError:
            self._copy(self.primary, old)
        old.start(is_awaited=False)
        poll(old.answers, seconds=60, what=f"the standby at {old.name}")
        self.wait_for_standby()

    def _follow(self, standby: Database) -> None:
        with open(standby.data / "postgresql.auto.conf", "a") as file:
            file.write("synchronous_standby_names = ''\nrecovery_min_apply_delay = '0'\n")

    def _copy(self, source: Database, target: Database) -> None:
        shutil.rmtree(target.data, ignore_errors=True)
        target.run("pg_basebackup", "-d", self._source(source, target), "-D", target.data, "-R", "-c", "fast",
                   "--no-sync")
        self._follow(target)

    def _source(self, source: Database, target: Database) -> str:
        return (f"host={source.host.back} port={PORT} user={USER} dbname=postgres application_name={target.name} "
                "connect_timeout=3 keepalives_idle=5 keepalives_interval=2 keepalives_count=3 tcp_user_timeout=5000")

    def wait_until_safe(self) -> None:
        """Until the standby has everything that was acknowledged: only then may it take over."""
        poll(lambda: self.primary.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"),
             seconds=60, every=0.1, what="the synchronous standby")
