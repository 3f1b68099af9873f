"""What stands for the official Swift image: Debian, the packages that image has, and this machine's toolchain."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from .root import PATH, Root

# As swift.org's Dockerfile for Debian 12 names them, without what only an interactive debugger needs.
PACKAGES = ("binutils-gold", "ca-certificates", "gcc", "git", "gnupg2", "libc6-dev", "libcurl4-openssl-dev", "libedit2",
            "libgcc-12-dev", "libncurses6", "libpython3.11", "libsqlite3-0", "libstdc++-12-dev", "libxml2", "libz3-4",
            "pkg-config", "tzdata", "uuid-dev", "zlib1g-dev")


class Toolchain:
    def __init__(self, image: str):
        """`image` as the Dockerfile names it; another version here is an error."""
        match = re.fullmatch(r"swift:(\d+\.\d+\.\d+)-(\w+)", image)
        if not match:
            raise ValueError(f"{image} is not known here")
        version, self.suite = match.groups()
        said = subprocess.run(["swift", "--version"], capture_output=True, text=True, check=True).stdout
        if f"Swift version {version} " not in said:
            raise ValueError(f"{image} is to be replayed, and here is: {said.splitlines()[0]}")
        # …/usr/bin/swift: what holds `usr` goes to the same place in the root.
        self.folder = Path(shutil.which("swift")).resolve().parents[2]
        self.environment = {"PATH": f"{self.folder}/usr/bin:{PATH}"}
        self.mounts = [(self.folder, str(self.folder))]
        self._git = self._replaced_addresses()

    def _replaced_addresses(self) -> list[tuple[str, str]]:
        """Where git is told to take a folder for an address (`url.FOLDER.insteadOf`), so is the git in the root."""
        done = subprocess.run(["git", "config", "--get-regexp", r"^url\..*\.insteadof$"], capture_output=True, text=True)
        pairs = [line.split(" ", 1) for line in done.stdout.splitlines()]
        return [(name.removeprefix("url.").removesuffix(".insteadof"), address) for name, address in pairs]

    def prepare(self, root: Root) -> None:
        root.run("apt-get update -qq && apt-get install -y -qq --no-install-recommends "
                 f"{' '.join(PACKAGES)} >/dev/null")
        lines = ["[safe]\n\tdirectory = *\n"]
        for place, address in self._git:
            lines.append(f'[url "{place}"]\n\tinsteadOf = {address}\n')
            if Path(place).is_dir() and (Path(place), place) not in self.mounts:
                self.mounts.append((Path(place), place))
        root.path("/etc/gitconfig").write_text("".join(lines))
