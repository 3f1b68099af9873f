"""Bars as an SVG that reads on light and on dark pages. Pure."""

from __future__ import annotations

import dataclasses
import html
import statistics

from .figures import figure

WIDTH = 760
LABEL_WIDTH = 280
VALUE_WIDTH = 110
BAR_HEIGHT = 20
BAR_STEP = 28
TITLE_HEIGHT = 34
GAP = 22
MARGIN = 16

# The page's own colours stay behind the picture: nothing is painted there.
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .note { font-size: 12px; fill: #59636e; }
  .ours { fill: #c2410c; }
  .peer { fill: #8c959f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .ours { fill: #fb923c; }
    .peer { fill: #6e7681; }
  }
"""


@dataclasses.dataclass(frozen=True)
class Bar:
    label: str
    value: float
    is_ours: bool = False


@dataclasses.dataclass(frozen=True)
class Group:
    """Bars of one unit, all to one scale."""

    title: str
    bars: list[Bar]

    @property
    def height(self) -> int:
        return TITLE_HEIGHT + BAR_STEP * len(self.bars)

    @property
    def description(self) -> str:
        return f"{self.title}: " + ", ".join(f"{bar.label} {figure(bar.value)}" for bar in self.bars)


# The groups of the benchmark: title, then each bar's label and metric; the first is ours.
GROUPS = [
    ("ES256 tokens a second, one core", [
        ("Jobsworth, durable audit record", "ES256.rate"),
        ("Go net/http, no audit", "go.ES256.rate"),
        ("OpenBao identity/oidc", "openbao.rate"),
        ("openssl speed (signing alone)", "openssl.ES256.rate"),
    ]),
    ("RS256 tokens a second, one core", [
        ("Jobsworth, durable audit record", "RS256.rate"),
        ("Go net/http, no audit", "go.RS256.rate"),
        ("openssl speed (signing alone)", "openssl.RS256.rate"),
    ]),
    ("Key set, HTTP/1.1 requests a second, one core", [
        ("Jobsworth", "jwks.rate"),
        ("nginx return 200", "nginx.rate"),
    ]),
]  # fmt: skip


def groups(samples: dict[str, list[float]]) -> list[Group]:
    """Those that were measured."""
    found = []
    for title, wanted in GROUPS:
        measured = [(label, metric) for label, metric in wanted if samples.get(metric)]
        if measured:
            ours = wanted[0][1]
            bars = [Bar(label, statistics.median(samples[metric]), metric == ours) for label, metric in measured]
            found.append(Group(title, bars))
    return found


def picture(title: str, note: str, drawn: list[Group]) -> str:
    height = MARGIN + sum(group.height + GAP for group in drawn) + MARGIN
    description = ". ".join(group.description for group in drawn)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' aria-labelledby="title description">',
        f'<title id="title">{html.escape(title)}</title>',
        f'<desc id="description">{html.escape(description)}</desc>',
        f"<style>{STYLE}</style>",
    ]
    top = MARGIN
    for group in drawn:
        lines += group_lines(group, top)
        top += group.height + GAP
    lines.append(f'<text class="note" x="0" y="{height - MARGIN // 2}">{html.escape(note)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def group_lines(group: Group, top: int) -> list[str]:
    lines = [f'<text class="title" x="0" y="{top + 16}">{html.escape(group.title)}</text>']
    longest = max(bar.value for bar in group.bars)
    for number, bar in enumerate(group.bars):
        lines += bar_lines(bar, top + TITLE_HEIGHT + number * BAR_STEP, longest)
    return lines


def bar_lines(bar: Bar, top: int, longest: float) -> list[str]:
    """At least a pixel: a value that is there is seen."""
    width = max(1.0, (WIDTH - LABEL_WIDTH - VALUE_WIDTH) * bar.value / longest)
    middle = top + BAR_HEIGHT // 2 + 5
    name = "ours" if bar.is_ours else "peer"
    return [
        f'<text x="{LABEL_WIDTH - 12}" y="{middle}" text-anchor="end">{html.escape(bar.label)}</text>',
        f'<rect class="{name}" x="{LABEL_WIDTH}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="3"/>',
        f'<text x="{LABEL_WIDTH + width + 8:.1f}" y="{middle}">{figure(bar.value)}</text>',
    ]
