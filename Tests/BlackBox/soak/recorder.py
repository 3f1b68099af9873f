"""The record of a run: every operation as it was invoked and as it came out, in the order in which that was known."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from pathlib import Path

# In place of an HTTP status: the request was never sent.
NOBODY_LISTENED = 0


class Operation:
    """One operation under way: `ok` it took place, `fail` it did not, `info` nobody knows (a lost answer)."""

    def __init__(self, recorder: "Recorder", number: int, process: str, name: str):
        self._recorder = recorder
        self._number = number
        self._process = process
        self._name = name
        self._is_open = True

    def ok(self, **values) -> None:
        self._close("ok", values)

    def fail(self, **values) -> None:
        self._close("fail", values)

    def info(self, **values) -> None:
        self._close("info", values)

    def _close(self, outcome: str, values: dict) -> None:
        assert self._is_open, f"{self._name} has come out already"
        self._is_open = False
        self._recorder.write(self._number, self._process, self._name, outcome, values)

    def __enter__(self) -> "Operation":
        return self

    def __exit__(self, kind, error, _) -> bool:
        """What did not come out is unknown, save where nobody listened; a broken connection is no error here."""
        if self._is_open and kind is ConnectionRefusedError:
            self.fail(status=NOBODY_LISTENED)
        elif self._is_open:
            self.info(error=repr(error))
        return kind is not None and issubclass(kind, (OSError, http.client.HTTPException))


class Recorder:
    """Append-only; in memory and, where a file is named, as one JSON object a line."""

    def __init__(self, file: Path | None = None):
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._file = open(file, "a", encoding="utf-8", buffering=1) if file else None
        self.history: list[dict] = []

    def invoke(self, process: str, name: str, **values) -> Operation:
        number = next(self._numbers)
        self.write(number, process, name, "invoke", values)
        return Operation(self, number, process, name)

    def write(self, number: int, process: str, name: str, kind: str, values: dict) -> None:
        with self._lock:  # the clocks are read under the lock: the order of lines is the order of times
            entry = {"number": number, "process": process, "operation": name, "type": kind,
                     "monotonic": time.monotonic(), "wall": time.time(), **values}
            self.history.append(entry)
            if self._file:
                self._file.write(json.dumps(entry) + "\n")

    def close(self) -> None:
        if self._file:
            self._file.close()


def history_in(file: Path) -> list[dict]:
    """A record that was kept in a file."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
