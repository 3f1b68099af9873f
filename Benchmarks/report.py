"""What a run prints and keeps."""

from __future__ import annotations

import json
import pathlib
import statistics

from . import jobs
from .figures import spread
from .load import CONNECTIONS, HTTP2_CONNECTIONS, HTTP2_STREAMS
from .overload import FLOOD_CONNECTIONS
from .picture import groups, picture
from .rows import Row
from .run import Run
from .table import table

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "results"
PICTURE = HERE.parent / "docs/images/bench.svg"
# Above this share of both cores, other programs spoil the figures.
QUIET_PERCENT = 10


def report(run: Run, about: dict[str, str], rows: list[Row]) -> str:
    machine = "; ".join(f"{name}: {value}" for name, value in about.items()) + "."
    paragraphs = [machine, conditions(run), noise(run), table(rows, run.samples, run.absent), counted(run)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def conditions(run: Run) -> str:
    return (
        f"Rounds: {run.rounds}, {run.seconds} s a load, ours and peers in turn; every server on core "
        f"{run.cores.server}, every load on core {run.cores.load}. wrk: {CONNECTIONS} connections; h2load: "
        f"{HTTP2_CONNECTIONS} connections of {HTTP2_STREAMS} streams; floods: up to {FLOOD_CONNECTIONS} connections. "
        f"{run.starts} starts, {run.live_jobs} live jobs, {jobs.JOBS} jobs of {len(jobs.FACTS)} facts under load. "
        "MB are millions of bytes."
    )


def noise(run: Run) -> str:
    others = [share * 100 for metric, shares in run.samples.items() if metric.endswith(".others") for share in shares]
    if not others:
        return ""
    text = f"Other programs took {spread(others)} % of the two cores during the loads."
    if statistics.median(others) > QUIET_PERCENT:
        text += " **The machine was not quiet: do not compare these figures with another run's.**"
    return text


def counted(run: Run) -> str:
    """What was counted, so that nobody has to believe that the same work was done."""
    suffix = ".token_bytes"
    sizes = [f"{name.removesuffix(suffix)} {count}" for name, count in run.facts.items() if name.endswith(suffix)]
    parts = [
        f"{name}: {run.facts[name + '.tokens']} tokens received, {run.facts[name + '.audit_records']} permits in the "
        "audit log" for name in ("ES256", "RS256") if f"{name}.tokens" in run.facts
    ]  # fmt: skip
    if sizes:
        parts.insert(0, f"Bytes of a token: {', '.join(sizes)}; of the key set: {run.facts['jwks_bytes']}")
    return ". ".join(parts) + ("." if parts else "")


def save(run: Run, about: dict[str, str]) -> pathlib.Path:
    """Every sample, for later; not in git."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{about['date'].replace(':', '')}.json"
    medians = {metric: statistics.median(values) for metric, values in run.samples.items()}
    parameters = {"rounds": run.rounds, "seconds": run.seconds, "live_jobs": run.live_jobs, "watches": run.watches}
    document = {"machine": about, "parameters": parameters, "facts": run.facts, "absent": run.absent,
                "medians": medians, "samples": run.samples}  # fmt: skip
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return file


def write_picture(run: Run, about: dict[str, str]) -> pathlib.Path:
    note = f"{about['cpu']}, one core for the server; {about['date'][:10]}, {about['revision']}. Longer is faster."
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(picture("Jobsworth beside its peers", note, groups(run.samples)))
    return PICTURE
