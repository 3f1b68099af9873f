"""The Markdown table. Pure."""

from __future__ import annotations

import statistics

from .figures import figure, ratios, spread
from .rows import Better, Row

HEAD = ["what", "ours: median (min–max)", "peer, same run", "ratio", "reach", "aim", "reached?"]


def three_digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else figure(value)


def goal_cells(row: Row, value: float | None, missing: str) -> list[str]:
    if row.goal is None:
        return ["", "", ""]
    sign = "" if row.goal.better is Better.MORE else "≤ "
    unit = "" if row.peer else f" {row.unit}"
    bounds = ["" if bound is None else f"{sign}{bound:g}{unit}" for bound in (row.goal.reach, row.goal.aim)]
    return [*bounds, missing if value is None else row.goal.verdict(value)]


def cells(row: Row, samples: dict[str, list[float]], absent: dict[str, str]) -> list[str]:
    """A row's cells; what was not measured says why."""
    peer = [row.convert(value) for value in samples.get(row.peer_metric, [])]
    theirs = f"{row.peer}: {spread(peer)} {row.unit}" if peer else "—"
    own = samples.get(row.metric)
    if not own:
        reason = absent.get(row.metric, "not measured")
        return [row.what, reason, theirs, "—", *goal_cells(row, None, reason)]
    mine = f"{spread(own)} {row.unit}"
    if not row.peer:
        return [row.what, mine, "—", "—", *goal_cells(row, statistics.median(own), "")]
    if not peer:
        return [row.what, mine, "—", "—", *goal_cells(row, None, "peer not measured")]
    shares = ratios(own, peer)
    return [row.what, mine, theirs, spread(shares, three_digits), *goal_cells(row, statistics.median(shares), "")]


def table(rows: list[Row], samples: dict[str, list[float]], absent: dict[str, str]) -> str:
    lines = [HEAD, ["---"] * len(HEAD)]
    lines += [cells(row, samples, absent) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
