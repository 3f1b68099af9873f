"""What the run ran on."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
import re
import subprocess

from .processes import DEADLINE_SECONDS, tool

HERE = pathlib.Path(__file__).resolve().parent


def first_line(arguments: list[str], pattern: str = r".+") -> str:
    """The part of a program's first words that matches; some print their version to stderr."""
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = re.search(pattern, done.stdout + done.stderr)
    return found[0] if found else "unknown"


def cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def machine(directory: pathlib.Path, peers: pathlib.Path) -> dict[str, str]:
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cpu": cpu_model(),
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()}",
        "swift": first_line(["swift", "--version"], r"Swift version [^\s(]+"),
        "go": first_line([str(peers / "go"), "version"], r"go\d\S+"),
        "openbao": first_line([str(peers / "bao"), "version"], r"v\d[^\s,]*"),
        "nginx": first_line([tool("nginx", "nginx-light"), "-v"], r"nginx/\S+"),
        "openssl": first_line([tool("openssl", "openssl"), "version"], r"OpenSSL \S+"),
        "wrk": first_line([tool("wrk", "wrk"), "-v"], r"wrk \S+"),
        "h2load": first_line([tool("h2load", "nghttp2-client"), "--version"], r"nghttp2/\S+"),
        "store's file system": first_line(["stat", "-f", "-c", "%T", str(directory)]),
        "load average before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "revision": first_line(["git", "-C", str(HERE), "describe", "--always", "--dirty"], r"^[0-9A-Za-z.-]+$"),
    }
