"""A Debian that runs: systemd as the first process of namespaces of its own, over one root."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path

from .root import PATH, Root

UNIFIED = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


class Machine:
    """It has loopback and no other network; what it prints goes to `log`."""

    def __init__(self, root: Root, log: Path):
        self.root = root
        self.log = log
        base = next(path for path in UNIFIED if (path / "cgroup.procs").exists())
        self._group = base / f"replay-{os.getpid()}"

    def boot(self) -> "Machine":
        root = shlex.quote(str(self.root.folder))
        script = self.root.script([])
        script += [
            f"mount -t sysfs -o ro sysfs {root}/sys", f"mount -t cgroup2 cgroup2 {root}/sys/fs/cgroup",
            f"mount -t tmpfs -o mode=755 tmpfs {root}/run",
            f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp", "ip link set lo up",
            # systemd makes namespaces for its services: its root must be a real one, and no chroot.
            f"mkdir -p {root}/mnt/before", f"cd {root}", "pivot_root . mnt/before", "cd /", "umount -l /mnt/before",
            "mount --make-rshared /",
            f"exec env -i container=replay PATH={PATH} /lib/systemd/systemd --system --show-status=false "
            "--unit=multi-user.target",
        ]
        self._group.mkdir(exist_ok=True)
        join = f"echo $$ >{self._group}/cgroup.procs; exec \"$@\""
        with open(self.log, "ab") as log:
            self._outer = subprocess.Popen(
                ["/bin/sh", "-c", join, "sh", "unshare", "--mount", "--pid", "--cgroup", "--ipc", "--uts", "--net", "--fork",
                 "--kill-child", "--propagation", "private", "/bin/sh", "-c", "\n".join(script)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        state = ""
        while state not in ("running", "degraded"):
            if time.monotonic() > deadline:
                raise AssertionError(f"systemd is {state or 'away'}:\n{self.log.read_text()}")
            time.sleep(0.2)
            state = self.run("systemctl", "is-system-running", check=False).strip() if self._first() else ""
        if state != "running":
            raise AssertionError(self.run("systemctl", "list-units", "--failed", "--no-pager", check=False))
        return self

    def _first(self) -> int | None:
        """The first process, as this machine counts; none while it begins."""
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
        if not children or Path(f"/proc/{children[0]}/comm").read_text().strip() != "systemd":
            return None
        return int(children[0])

    def run(self, *words: str, check: bool = True, stdin: str = "") -> str:
        """A command in it, as root; standard output, and with it standard error where the command may fail."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._first()), "-m", "-p", "-i", "-u", "-n", "-C", "env", "-i", f"PATH={PATH}",
             "DEBIAN_FRONTEND=noninteractive", *words],
            input=stdin, text=True, timeout=120, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if check else subprocess.STDOUT)
        if check and done.returncode != 0:
            journal = self.run("journalctl", "-n", "30", "--no-pager", "-o", "cat", check=False)
            raise AssertionError(f"{words}: {done.returncode}: {done.stdout}{done.stderr}\n{journal}")
        return done.stdout

    def halt(self) -> None:
        self._outer.kill()
        self._outer.wait()
        for _ in range(50):
            try:
                self._remove_groups()
                return
            except OSError:
                time.sleep(0.1)

    def _remove_groups(self) -> None:
        for folder, _, _ in os.walk(self._group, topdown=False):
            os.rmdir(folder)
