"""What is made of samples: medians, spreads, ratios. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable


def figure(value: float) -> str:
    if math.isinf(value):
        return "∞"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", " ")


def spread(values: list[float], show: Callable[[float], str] = figure) -> str:
    """The median, and the smallest and the largest where there are several."""
    middle = show(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({show(min(values))}–{show(max(values))})"


def ratios(own: list[float], peer: list[float]) -> list[float]:
    """Round by round where both were measured in rounds, so that a slow moment hits both."""
    if len(own) == len(peer):
        return [mine / theirs for mine, theirs in zip(own, peer)]
    return [statistics.median(own) / statistics.median(peer)]


def microseconds(rate: float) -> float:
    """What one of so many a second takes."""
    return 1e6 / rate


def identity(value: float) -> float:
    return value


def recovery_seconds(
    timeline: list[tuple[int, int, int]], ended_us: int, calm: int = 20, within_us: int = 50_000
) -> float:
    """How long after the end of a flood the first of `calm` good and quick answers in a row was asked for.

    A timeline has a request a line: when it was sent (µs), how long its answer took (µs), the status.
    Infinite when the timeline ends before.
    """
    after = sorted(entry for entry in timeline if entry[0] >= ended_us)
    good = [status == 200 and latency <= within_us for _, latency, status in after]
    for first in range(len(good) - calm + 1):
        if all(good[first : first + calm]):
            # A flood that did no harm is followed by a good answer to the first question.
            return (after[first][0] - ended_us) / 1e6 if first else 0.0
    return math.inf
