"""Hosts in network namespaces, on two wires whose plugs can be pulled: what is between the load balancer, the replicas
and their clients, and what is between the replicas and their databases.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

FRONT, BACK = "front", "back"
_NETWORKS = {FRONT: "10.203.1", BACK: "10.203.2"}
_RUN = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr.strip()}"


class Host:
    """One machine: a namespace with an address on each wire it is plugged into."""

    def __init__(self, name: str, namespace: str, addresses: dict[str, str], cables: dict[str, str]):
        self.name = name
        self.namespace = namespace
        self.addresses = addresses
        self._cables = cables

    @property
    def front(self) -> str:
        return self.addresses[FRONT]

    @property
    def back(self) -> str:
        return self.addresses[BACK]

    def command(self, *arguments) -> list[str]:
        """The same program on this host; it keeps the process's id."""
        return ["nsenter", f"--net={_RUN / self.namespace}", "--", *map(str, arguments)]

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread's sockets, and those of the threads and processes that it starts, are this host's meanwhile."""
        with open("/proc/thread-self/ns/net") as outside, open(_RUN / self.namespace) as inside:
            _set_namespace(inside.fileno())
            try:
                yield
            finally:
                _set_namespace(outside.fileno())

    def unplug(self, wire: str) -> None:
        """What is sent is lost, on both sides, and nobody is told."""
        self._set(wire, "down")

    def plug_in(self, wire: str) -> None:
        self._set(wire, "up")

    def _set(self, wire: str, state: str) -> None:
        # The wire's end of the cable: the host keeps its address and its routes.
        _ip("-n", self._cables["hub"], "link", "set", self._cables[wire], state)


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Laboratory:
    """The wires and the hosts on them; leaving removes it all."""

    def __init__(self):
        self._prefix = f"jwlab{os.getpid()}-"
        self._made: list[str] = []
        self._hub = self._prefix + "hub"

    def __enter__(self) -> "Laboratory":
        remove_abandoned()
        try:
            self._add(self._hub)
            for wire in (FRONT, BACK):
                _ip("-n", self._hub, "link", "add", wire, "type", "bridge", "forward_delay", "0")
                _ip("-n", self._hub, "link", "set", wire, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for namespace in reversed(self._made):
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, timeout=30)
        self._made.clear()

    def _add(self, namespace: str) -> None:
        _ip("netns", "add", namespace)
        self._made.append(namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")

    def host(self, name: str, *wires: str) -> Host:
        namespace = self._prefix + name
        self._add(namespace)
        number = 10 + len(self._made)
        addresses, cables = {}, {"hub": self._hub}
        for wire in wires:
            cable, address = f"{name}-{wire}", f"{_NETWORKS[wire]}.{number}"
            _ip("-n", self._hub, "link", "add", cable, "type", "veth", "peer", "name", wire, "netns", namespace)
            _ip("-n", self._hub, "link", "set", cable, "master", wire, "up")
            _ip("-n", namespace, "address", "add", f"{address}/24", "dev", wire)
            _ip("-n", namespace, "link", "set", wire, "up")
            addresses[wire], cables[wire] = address, cable
        return Host(name, namespace, addresses, cables)


def remove_abandoned() -> None:
    """What a run left behind that was killed."""
    for path in _RUN.glob("jwlab*-*") if _RUN.is_dir() else ():
        process = path.name.removeprefix("jwlab").split("-")[0]
        if process.isdigit() and not Path("/proc", process).exists():
            subprocess.run(["ip", "netns", "delete", path.name], capture_output=True, timeout=30)
