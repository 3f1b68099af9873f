"""One run: with what, where, how long, and every figure so far."""

from __future__ import annotations

import dataclasses
import pathlib

from .processes import Cores


@dataclasses.dataclass(frozen=True)
class Run:
    binary: pathlib.Path
    directory: pathlib.Path
    cores: Cores
    # The Go programs that were built for this run, by name.
    programs: dict[str, pathlib.Path]
    rounds: int
    seconds: int
    starts: int
    live_jobs: int
    watches: int
    samples: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    # What is counted or checked rather than measured.
    facts: dict[str, int] = dataclasses.field(default_factory=dict)
    # Why a metric has no sample, in two or three words for the table.
    absent: dict[str, str] = dataclasses.field(default_factory=dict)

    def note(self, metric: str, value: float) -> None:
        self.samples.setdefault(metric, []).append(value)

    def folder(self, name: str) -> pathlib.Path:
        folder = self.directory / name
        folder.mkdir(exist_ok=True)
        return folder
