"""Root folders of a Debian system, and commands in them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(base) / "jobsworth-replay"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def base_archive(suite: str) -> Path:
    """The smallest Debian, as a tar file that is made once."""
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    archive = cache_folder() / f"{suite}-{architecture}.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            subprocess.run(["debootstrap", "--variant=minbase", suite, f"{folder}/root", MIRROR], check=True,
                           stdout=subprocess.DEVNULL)
            # What the official images have as well: updates, and no packages that stay after their installation.
            root = Path(folder) / "root"
            (root / "etc/apt/sources.list").write_text(
                f"deb {MIRROR} {suite} main\ndeb {MIRROR} {suite}-updates main\n"
                f"deb {MIRROR}-security {suite}-security main\n")
            (root / "etc/apt/apt.conf.d/docker-clean").write_text(
                'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };\n')
            shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
            subprocess.run(["tar", "-C", root, "-cf", f"{folder}/archive", "."], check=True)
            os.replace(f"{folder}/archive", archive)
    return archive


class Root:
    """One root folder, removed at the end."""

    def __init__(self, folder: Path, suite: str | None):
        self.folder = folder
        folder.mkdir(parents=True)
        if suite:
            subprocess.run(["tar", "-C", folder, "-xpf", base_archive(suite)], check=True)

    def path(self, inside: str) -> Path:
        return self.folder / inside.lstrip("/")

    def script(self, mounts: list[tuple[Path, str]]) -> list[str]:
        """What makes the root's mounts; for a shell in a mount namespace of its own."""
        folder = shlex.quote(str(self.folder))
        lines = ["set -e", f"mount --bind {folder} {folder}", f"mkdir -p {folder}/proc {folder}/dev {folder}/tmp",
                 f"mount -t proc proc {folder}/proc", f"mount -t tmpfs -o mode=755 tmpfs {folder}/dev"]
        for device in DEVICES:
            lines += [f"touch {folder}/dev/{device}", f"mount --bind /dev/{device} {folder}/dev/{device}"]
        lines += [f"ln -s /proc/self/fd {folder}/dev/fd", f"mkdir {folder}/dev/shm {folder}/dev/pts {folder}/dev/mqueue",
                  f"mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts {folder}/dev/pts",
                  f"ln -s pts/ptmx {folder}/dev/ptmx"]
        for source, target in mounts:
            place = shlex.quote(str(self.path(target)))
            make = f"mkdir -p {place}" if source.is_dir() else f"touch {place}"
            lines += [make, f"mount --bind {shlex.quote(str(source))} {place}"]
        return lines

    def run(self, command: str, *, environment: dict[str, str] | None = None, folder: str = "/",
            mounts: list[tuple[Path, str]] = (), timeout: float = 3600, check: bool = True,
            capture: bool = False) -> subprocess.CompletedProcess:
        """A shell's command as root inside, with the machine's network."""
        variables = {"PATH": PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", **(environment or {})}
        pairs = " ".join(shlex.quote(f"{name}={value}") for name, value in variables.items())
        inner = f"cd {shlex.quote(folder)} && {command}"
        script = self.script([(Path("/etc/resolv.conf"), "/etc/resolv.conf"), *mounts])
        script.append(f"exec chroot {shlex.quote(str(self.folder))} env -i {pairs} /bin/sh -c {shlex.quote(inner)}")
        output = {"capture_output": True, "text": True} if capture else {}
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--propagation", "private",
             "/bin/sh", "-c", "\n".join(script)],
            check=check, timeout=timeout, stdin=subprocess.DEVNULL, **output)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
