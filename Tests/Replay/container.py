"""Runs an image as a container engine would be told to: read-only, as its user, without capabilities, by itself."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

from .image import Image

NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--net")


class Container:
    """One process in namespaces of its own; its volumes are folders here, and it has loopback and no other network."""

    def __init__(self, image: Image, work: Path, environment: dict[str, str]):
        self.image = image
        self.environment = image.environment | environment
        self.log = work / "container.log"
        uid, gid = image.user.split(":")
        if "0" in (uid, gid):
            raise AssertionError("the image's user is root")
        self._become = f"setpriv --reuid {uid} --regid {gid} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
        mounts = []
        for volume in image.volumes:
            folder = work / "volumes" / volume.strip("/").replace("/", "_")
            folder.mkdir(parents=True, exist_ok=True)
            # A new volume gets what the image has at its place, owner and mode included.
            status = image.root.path(volume).stat()
            os.chown(folder, status.st_uid, status.st_gid)
            folder.chmod(status.st_mode & 0o7777)
            mounts.append((folder, volume))
        self._mounts = mounts

    def start(self) -> "Container":
        root = shlex.quote(str(self.image.root.folder))
        script = self.image.root.script(self._mounts)
        script += [f"mount -t tmpfs -o noexec,nosuid,nodev tmpfs {root}/tmp", f"mount -o remount,bind,ro {root}",
                   "ip link set lo up", f"exec {self._inside(self.image.entrypoint + self.image.command)}"]
        with open(self.log, "ab") as log:
            self._outer = subprocess.Popen(
                ["unshare", *NAMESPACES, "--fork", "--kill-child", "--propagation", "private", "/bin/sh", "-c",
                 "\n".join(script)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait()
        return self

    def _wait(self) -> None:
        """Until the first process is the image's own, and no more the shell that makes its mounts."""
        name = Path(self.image.entrypoint[0]).name[:15]
        deadline = time.monotonic() + 30
        while not (self._children() and Path(f"/proc/{self.pid}/comm").read_text().strip() == name):
            if time.monotonic() > deadline or self._outer.poll() is not None:
                raise AssertionError(f"the container did not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def _children(self) -> list[str]:
        return Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()

    def _inside(self, words: list[str], become: bool = True) -> str:
        pairs = [f"{name}={value}" for name, value in self.environment.items()]
        command = ["env", "-i", "-C", self.image.folder, *pairs, *words]
        user = self._become + " " if become else ""
        return f"chroot {shlex.quote(str(self.image.root.folder))} {user}{' '.join(map(shlex.quote, command))}"

    @property
    def pid(self) -> int:
        """Of the container's first process, as this machine counts."""
        children = self._children()
        if not children:
            raise AssertionError(f"the container has ended:\n{self.log.read_text()}")
        return int(children[0])

    def execute(self, *words: str, environment: dict[str, str] | None = None, root: bool = False,
                stdin: str = "") -> subprocess.CompletedProcess:
        """A further command in it, as its user."""
        before = self.environment
        self.environment = before | (environment or {})
        inside = self._inside(list(words), become=not root)
        self.environment = before
        return subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "-p", "-i", "-u", "-n", "/bin/sh", "-c", f"exec {inside}"],
            input=stdin, capture_output=True, text=True, timeout=60)

    def outside(self, *words: str) -> subprocess.CompletedProcess:
        """A program of this machine on the container's network: a client that shares nothing else with it."""
        return subprocess.run(["nsenter", "-t", str(self.pid), "-n", *words], capture_output=True, text=True, timeout=60)

    def healthy(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while (done := self.execute(*self.image.health)).returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError(f"not healthy: {done.stderr}\n{self.log.read_text()}")
            time.sleep(0.1)

    def stop(self) -> int:
        """The image's signal, and the exit status."""
        os.kill(self.pid, getattr(signal, self.image.signal))
        return self._outer.wait(35)

    def kill(self) -> None:
        if self._outer.poll() is None:
            self._outer.kill()
            self._outer.wait()
