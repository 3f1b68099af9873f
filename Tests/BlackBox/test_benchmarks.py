"""The benchmark's own arithmetic: what its figures, its verdicts and its picture say follows from the samples."""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from Benchmarks import figures, load, rows, rounds, table  # noqa: E402
from Benchmarks.faults import BenchmarkError  # noqa: E402
from Benchmarks.picture import Bar, Group, groups, picture  # noqa: E402
from Benchmarks.rows import Goal, Row, at_most  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


# --- figures ---------------------------------------------------------------------------------------------------------

def test_a_spread_is_the_median_between_the_extremes():
    assert figures.spread([30.0, 10.0, 20.0]) == "20.0 (10.0–30.0)"
    assert figures.spread([1234567.0]) == "1 234 567"


def test_ratios_are_taken_round_by_round():
    # A moment that slowed both down changes no ratio.
    assert figures.ratios([100.0, 50.0, 100.0], [50.0, 25.0, 50.0]) == [2.0, 2.0, 2.0]


def test_medians_are_compared_where_rounds_do_not_match():
    assert figures.ratios([10.0, 20.0, 30.0], [5.0]) == [4.0]


def timeline(*answers: tuple[float, float, int]) -> list[tuple[int, int, int]]:
    return [(int(sent * 1e6), int(took * 1e6), status) for sent, took, status in answers]


def test_recovery_is_when_good_and_quick_answers_stay():
    slow = [(100 + step / 100, 0.2, 200) for step in range(50)]
    refused = [(100.5 + step / 100, 0.001, 503) for step in range(50)]
    well = [(101 + step / 100, 0.002, 200) for step in range(100)]
    assert figures.recovery_seconds(timeline(*slow, *refused, *well), 100_000_000) == pytest.approx(1.0)


def test_a_flood_without_harm_needs_no_recovery():
    assert figures.recovery_seconds(timeline(*((100 + step, 0.001, 200) for step in range(30))), 99_500_000) == 0


def test_one_bad_answer_among_good_ones_is_no_recovery():
    answers = [(100 + step / 10, 0.001, 200 if step % 10 else 503) for step in range(100)]
    assert math.isinf(figures.recovery_seconds(timeline(*answers), 100_000_000))
    assert figures.figure(math.inf) == "∞"


# --- verdicts and the table ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("value, verdict", [(3.0, "aim"), (2.99, "reach"), (1.6, "reach"), (1.59, "**no**")])
def test_more_is_better_for_a_rate(value, verdict):
    assert Goal(1.6, 3.0).verdict(value) == verdict


@pytest.mark.parametrize("value, verdict", [(5, "aim"), (5.1, "reach"), (20, "reach"), (20.1, "**no**")])
def test_less_is_better_for_a_latency(value, verdict):
    assert at_most(20, 5).verdict(value) == verdict


def test_a_ratio_is_held_against_its_goal():
    row = Row("tokens", "ours", "/s", "Go", "theirs", Goal(1.6, 3.0))
    samples = {"ours": [200.0, 210.0, 190.0], "theirs": [100.0, 105.0, 95.0]}
    assert table.cells(row, samples, {}) == [
        "tokens", "200 (190–210) /s", "Go: 100 (95.0–105) /s", "2 (2–2)", "1.6", "3", "reach",
    ]


def test_a_figure_without_a_peer_is_held_against_its_goal_itself():
    row = Row("memory", "ours", "MB", goal=at_most(40, 25))
    assert table.cells(row, {"ours": [30.0]}, {})[-3:] == ["≤ 40 MB", "≤ 25 MB", "reach"]


def test_what_was_not_measured_says_why_and_reaches_nothing():
    row = Row("HTTP/2", "ours", "/s", "nginx", "theirs", Goal(0.6, 1.0))
    cells = table.cells(row, {"theirs": [5.0]}, {"ours": "not offered"})
    assert cells[1] == cells[-1] == "not offered"
    assert table.cells(row, {"ours": [5.0]}, {})[-1] == "peer not measured"
    assert table.cells(row, {}, {})[-1] == "not measured"


def test_a_converted_peer_is_compared_in_its_new_unit():
    row = Row("CPU", "ours", "µs", "openssl", "theirs", convert=figures.microseconds)
    assert table.cells(row, {"ours": [50.0]}, {"theirs": "x"})[3] == "—"
    assert table.cells(row, {"ours": [50.0], "theirs": [40_000.0]}, {})[2:4] == ["openssl: 25.0 µs", "2"]


def test_every_line_of_the_table_has_a_cell_for_every_column():
    everything = [*rows.STEADY, *rows.live_rows(100_000), *rows.overload_rows("RS256"), *rows.agent_rows(1000)]
    lines = table.table(everything, {}, {}).splitlines()
    assert len(lines) == len(everything) + 2
    assert {line.count(" | ") for line in lines} == {len(table.HEAD) - 1}


def test_goals_for_many_live_jobs_judge_no_run_with_fewer():
    assert all(row.goal for row in rows.live_rows(100_000)[:5])
    assert [row.goal for row in rows.live_rows(10_000) if row.metric.startswith("live.")] == [None] * 4


# --- what the loads' programs say ------------------------------------------------------------------------------------

H2LOAD = """finished in 3.00s, {rate} req/s, 1.2MB/s
requests: 30 total, 40 started, 30 done, {good} succeeded, {failed} failed, {failed} errored, 0 timeout
status codes: {good} 2xx, 0 3xx, 0 4xx, {failed} 5xx
"""


def test_h2load_counts_only_when_every_answer_was_good():
    assert load.h2load_requests(H2LOAD.format(rate=10, good=30, failed=0)) == 30
    for good, failed in ((29, 1), (0, 0)):
        with pytest.raises(BenchmarkError):
            load.h2load_requests(H2LOAD.format(rate=10, good=good, failed=failed))


def test_warming_up_leaves_no_sample(tmp_path):
    run = a_run(tmp_path)
    rounds.warm_up(run, [lambda run: run.note("x", run.seconds)])
    assert run.samples == {}
    rounds.go_rounds(run, [lambda run: run.note("x", run.seconds)])
    assert run.samples == {"x": [7, 7]}


def a_run(directory: Path):
    from Benchmarks.processes import Cores
    from Benchmarks.run import Run

    return Run(binary=directory / "none", directory=directory, cores=Cores(0, 1), programs={}, rounds=2, seconds=7,
               starts=1, live_jobs=1, watches=1)


# --- the picture -----------------------------------------------------------------------------------------------------

def drawn(*bars: Bar) -> ElementTree.Element:
    return ElementTree.fromstring(picture("a < b", "note & more", [Group("rates", list(bars))]))


def test_bars_are_as_long_as_their_values():
    widths = [float(bar.get("width")) for bar in drawn(Bar("x", 100, True), Bar("y", 25)).iter(f"{SVG}rect")]
    assert widths[0] == pytest.approx(4 * widths[1])


def test_a_bar_is_within_the_picture_with_its_value_beside_it():
    root = drawn(Bar("x", 12345, True), Bar("y", 0))
    width = float(root.get("viewBox").split()[2])
    assert all(float(bar.get("x")) + float(bar.get("width")) < width - 60 for bar in root.iter(f"{SVG}rect"))
    assert "12 345" in [text.text for text in root.iter(f"{SVG}text")]


def test_the_picture_says_its_figures_to_those_who_do_not_see_it():
    root = drawn(Bar("ours", 3, True), Bar("theirs", 2))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}desc").text == "rates: ours 3.00, theirs 2.00"


def test_the_picture_reads_on_dark_pages_too():
    assert "prefers-color-scheme: dark" in drawn(Bar("x", 1)).find(f"{SVG}style").text


def test_the_picture_draws_what_was_measured_and_nothing_else():
    found = groups({"jwks.rate": [3.0, 1.0, 2.0], "nginx.rate": [4.0]})
    assert [(bar.value, bar.is_ours) for group in found for bar in group.bars] == [(2.0, True), (4.0, False)]
