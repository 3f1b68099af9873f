"""Why a run ends without a table, and what it says meanwhile."""

from __future__ import annotations

import sys


class BenchmarkError(Exception):
    """Why there is no table: a tool that is missing, or an answer that is wrong. Never a figure that is low."""


def say(text: str) -> None:
    """Progress; stdout is for the table alone."""
    print(text, file=sys.stderr, flush=True)
