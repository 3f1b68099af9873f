"""The crontab and the systemd units of docs/cron, run as they are written.

In a mount namespace of its own: the machine's /etc and /var stay as they are.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import REPOSITORY_ROOT, binary, clean_environment, free_port, new_directory, poll, run_cli, strict_json

FOLDER = REPOSITORY_ROOT / "docs" / "cron"
SHORT = {"keys.rotationInterval": "5s", "keys.publicationLead": "3s", "keys.gracePeriod": "62s",
         "keys.refreshInterval": "1s", "keys.clockSkew": "1s", "keys.jwksMaxAge": "1s", "keys.maximumPublished": "40",
         "tokens.lifetime": "60", "tokens.maximumLifetime": "60"}


class Host:
    """A machine as the documents describe it: user, configuration, binary and store at their places."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.chmod(0o755)
        self.port = free_port()
        (directory / "etc").mkdir()
        (directory / "var").mkdir(mode=0o700)
        os.chown(directory / "var", 4711, 4711)
        text = (FOLDER / "jobsworth.yaml").read_text("utf-8")
        (directory / "etc" / "jobsworth.yaml").write_text(text, "utf-8")
        for name, line in (("passwd", "jobsworth:x:4711:4711::/var/lib/jobsworth:/bin/sh\n"),
                           ("group", "jobsworth:x:4711:\n"), ("shadow", "jobsworth:*:19000:0:99999:7:::\n")):
            (directory / name).write_text(Path("/etc", name).read_text("utf-8") + line, "utf-8")
        (directory / "cron.d").mkdir()
        self.database = directory / "var" / "issuer.sqlite"

    def command(self, *command: str) -> list[str]:
        mounts = [("etc", "/etc/jobsworth"), ("var", "/var/lib/jobsworth"), ("passwd", "/etc/passwd"),
                  ("group", "/etc/group"), ("shadow", "/etc/shadow"), ("cron.d", "/etc/cron.d")]
        script = "set -e; mount --make-rprivate /; mount -t tmpfs tmpfs /usr/local/bin; "
        script += "mkdir -p /etc/jobsworth /var/lib/jobsworth /etc/cron.d; touch /usr/local/bin/jobsworth; "
        script += f"mount --bind {binary()} /usr/local/bin/jobsworth; "
        script += "".join(f"mount --bind {self.directory / source} {target}; " for source, target in mounts)
        return ["unshare", "--mount", "/bin/sh", "-c", script + 'exec "$@"', "sh", *command]

    def run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(*command), capture_output=True, text=True, timeout=timeout,
                              env=clean_environment(), stdin=subprocess.DEVNULL)

    def as_jobsworth(self, *command: str) -> subprocess.CompletedProcess:
        return self.run("setpriv", "--reuid", "4711", "--regid", "4711", "--clear-groups", *command)

    def serve_once(self) -> None:
        """The first start, with a schedule so short that a rotation is due when the issuer has stopped."""
        for _ in range(8):
            self._serve()
            # A rotation just before the stop leaves a standby that nobody served: cron rightly waits for it.
            if self._is_published():
                return
        raise AssertionError("a rotation fell into every stop")

    def _is_published(self) -> bool:
        keys = self.keys()
        return len(keys) >= 4 and all(key.get("published_at") for key in keys if key["state"] == "prepared")

    def _serve(self) -> None:
        environment = clean_environment(**{
            "JOBSWORTH_" + re.sub(r"(?<!^)([A-Z])", r"_\1", key).replace(".", "_").upper(): value
            for key, value in SHORT.items()})
        server = subprocess.Popen(
            self.command("setpriv", "--reuid", "4711", "--regid", "4711", "--clear-groups", "jobsworth", "serve",
                         "--config", "/etc/jobsworth/jobsworth.yaml", "--listen", f"127.0.0.1:{self.port}"),
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            poll(self._is_published, seconds=30, what="a ring that is published")
        finally:
            server.terminate()
            server.wait(20)

    def keys(self) -> list[dict]:
        shown = run_cli("keys", "show", "--json", "--storage", f"sqlite:{self.database}",
                        "--admin", f"unix:{self.database}.admin.sock")
        return strict_json(shown.stdout)["keys"] if shown.returncode == 0 else []

    def signing(self) -> set[str]:
        return {key["kid"] for key in self.keys() if key["state"] == "active"}


@pytest.fixture
def host():
    if os.geteuid() != 0:
        raise AssertionError("the tests of cron need root, for a mount namespace and a user of their own")
    directory = new_directory()
    yield Host(directory)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.timeout(240)
def test_cron_itself_rotates_by_the_crontab_as_it_is_written(host):
    host.serve_once()
    before = host.signing()
    assert len(before) == 2
    shutil.copy(FOLDER / "jobsworth.crontab", host.directory / "cron.d" / "jobsworth")
    (host.directory / "cron.d" / "jobsworth").chmod(0o644)
    cron = subprocess.Popen(host.command("cron", "-f", "-L", "0"), stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment())
    try:
        poll(lambda: host.signing().isdisjoint(before) and len(host.signing()) == 2, seconds=150, every=1,
             what="a rotation by cron")
    finally:
        cron.terminate()
        cron.wait(10)
    # Our own look at the keys, as root, leaves nothing that the issuer's user can't open.
    assert {path.stat().st_uid for path in (host.directory / "var").iterdir()} == {4711}


def test_the_line_for_publishing_is_a_command_that_exists(host):
    lines = (FOLDER / "jobsworth.crontab").read_text("utf-8").splitlines()
    commands = [line.lstrip("#").split(None, 6)[6] for line in lines if re.match(r"#?\*(/5)? \* \* \* \* ", line)]
    assert len(commands) == 2
    for command in commands:
        words = command.removesuffix(" >/dev/null").split()
        assert words[0] == "jobsworth"
        verbs = [word for word in words[1:] if not word.startswith(("-", "/"))]
        assert run_cli(*verbs, "--help").returncode == 0, command


def test_systemd_accepts_the_units_and_the_service_rotates_as_it_is_written(host):
    for name in ("jobsworth-rotate.service", "jobsworth-rotate.timer"):
        shutil.copy(FOLDER / name, host.directory / name)
    verified = host.run("systemd-analyze", "verify", "--man=no", str(host.directory / "jobsworth-rotate.service"),
                        str(host.directory / "jobsworth-rotate.timer"))
    assert verified.returncode == 0 and "jobsworth" not in verified.stderr, verified.stderr
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(host.directory / "jobsworth-rotate.service")
    assert unit["Service"]["User"] == "jobsworth"
    timer = configparser.ConfigParser(interpolation=None)
    timer.optionxform = str
    timer.read(host.directory / "jobsworth-rotate.timer")
    calendar = subprocess.run(["systemd-analyze", "calendar", "--iterations=2", timer["Timer"]["OnCalendar"]],
                              capture_output=True, text=True, timeout=30)
    assert calendar.returncode == 0, calendar.stderr
    host.serve_once()
    before = host.signing()

    def rotated():
        done = host.as_jobsworth(*unit["Service"]["ExecStart"].split())
        assert done.returncode == 0, done.stderr
        return host.signing().isdisjoint(before)

    poll(rotated, seconds=60, every=2, what="a rotation by the service's command")
