"""A server under load."""

from __future__ import annotations

import dataclasses
import pathlib

from .processes import Program


@dataclasses.dataclass
class Target:
    """Where a load goes: one path of a server, or the requests of a file in turn."""

    name: str
    program: Program
    port: int
    url: str
    # Lines of: target TAB header TAB value.
    requests: pathlib.Path | None = None
    answered: int = 0


def write_requests(file: pathlib.Path, requests: list[tuple[str, str, str]]) -> pathlib.Path:
    """A private file: it holds credentials."""
    file.touch(mode=0o600)
    file.write_text("".join("\t".join(request) + "\n" for request in requests))
    return file
