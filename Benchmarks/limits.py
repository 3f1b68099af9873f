"""What the machine itself can do: signatures of one core, flushes of the disk."""

from __future__ import annotations

import os
import re
import time

from .faults import BenchmarkError
from .processes import output, tool
from .run import Run

DISK_SECONDS = 1
SIGNATURE_SECONDS = 2
KINDS = {"ES256": ("ecdsap256", r"256 bits ecdsa"), "RS256": ("rsa2048", r"rsa 2048 bits")}


def signatures(run: Run, algorithm: str) -> float:
    """Signatures a second of `openssl speed`: the limit of one core."""
    name, label = KINDS[algorithm]
    command = [tool("openssl", "openssl"), "speed", "-seconds", str(min(SIGNATURE_SECONDS, run.seconds)), name]
    text = output(run.cores.serving(command))
    found = re.search(label + r"[^\n]*?\d+s\s+([\d.]+)\s", text)
    if not found:
        raise BenchmarkError(f"openssl speed says something new:\n{text}")
    return float(found[1])


def flushes(run: Run) -> float:
    """4 KB appends with fdatasync a second, where the stores lie: what a lone durable record waits for."""
    count, block = 0, bytes(4096)
    with (run.directory / "flushes").open("wb", buffering=0) as file:
        started = time.monotonic()
        while time.monotonic() - started < DISK_SECONDS:
            file.write(block)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.monotonic() - started)
