"""What processes and cores have used, as Linux counts it (proc(5))."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import resource

from .faults import BenchmarkError

TICKS = os.sysconf("SC_CLK_TCK")


def status_fields(pid: int) -> list[str]:
    """/proc/PID/stat after the name, which may hold spaces: state, parent, …"""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid: int) -> list[int]:
    """A process and its children (nginx: the master and its worker)."""
    members = [pid]
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int(status_fields(int(entry.name))[1]) == pid:
                members.append(int(entry.name))
    return members


def cpu_seconds(pids: list[int]) -> float:
    """utime + stime."""
    return sum(int(field) for pid in pids for field in status_fields(pid)[11:13]) / TICKS


def busy_seconds(cores: list[int]) -> float:
    """What these cores did for anybody, the hypervisor's other guests (steal) included."""
    text = pathlib.Path("/proc/stat").read_text()
    ticks = 0
    for core in cores:
        line = re.search(rf"^cpu{core} (.*)$", text, re.MULTILINE)[1]
        user, nice, system, _idle, _waiting, *interrupts_and_steal = map(int, line.split()[:8])
        ticks += user + nice + system + sum(interrupts_and_steal)
    return ticks / TICKS


def children_seconds() -> float:
    """CPU time of every child that has ended and was waited for: the load's programs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def resident_megabytes(pids: list[int]) -> float:
    """VmRSS, in millions of bytes."""
    kibibytes = 0
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
        if not found:
            raise BenchmarkError(f"process {pid} has ended")
        kibibytes += int(found[1])
    return kibibytes * 1024 / 1e6
