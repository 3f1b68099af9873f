"""The rows of the table, and the goal of each."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable

from .figures import identity, microseconds


class Better(enum.Enum):
    MORE = "≥"
    LESS = "≤"


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a median is held against: the ratio of a row with a peer, else the figure itself."""

    reach: float
    aim: float | None = None
    better: Better = Better.MORE

    def verdict(self, value: float) -> str:
        if self.aim is not None and self.holds(value, self.aim):
            return "aim"
        return "reach" if self.holds(value, self.reach) else "**no**"

    def holds(self, value: float, bound: float) -> bool:
        return value >= bound if self.better is Better.MORE else value <= bound


@dataclasses.dataclass(frozen=True)
class Row:
    what: str
    metric: str
    unit: str
    peer: str = ""
    peer_metric: str = ""
    goal: Goal | None = None
    # The peer's figure from its sample: microseconds a signature from signatures a second, say.
    convert: Callable[[float], float] = identity


def at_most(reach: float, aim: float | None = None) -> Goal:
    return Goal(reach, aim, Better.LESS)


STEADY = [
    Row("ES256 tokens, each with its durable audit record", "ES256.rate", "/s",
        "Go, standard library, no audit", "go.ES256.rate", Goal(1.6, 3.0)),
    Row("· the same", "ES256.rate", "/s", "OpenBao, identity/oidc on raft", "openbao.rate", Goal(14, 25)),
    Row("· the same", "ES256.rate", "/s", "openssl speed ecdsap256", "openssl.ES256.rate", Goal(0.35, 0.66)),
    Row("· CPU", "ES256.cpu_us", "µs", "Go", "go.ES256.cpu_us"),
    Row("· latency p50", "ES256.p50_ms", "ms", "Go", "go.ES256.p50_ms"),
    Row("· latency p99", "ES256.p99_ms", "ms", "Go", "go.ES256.p99_ms"),
    Row("RS256 tokens, each with its durable audit record", "RS256.rate", "/s",
        "openssl speed rsa2048", "openssl.RS256.rate", Goal(0.90, 0.97)),
    Row("· the same", "RS256.rate", "/s", "Go, standard library, no audit", "go.RS256.rate"),
    Row("· CPU", "RS256.cpu_us", "µs", "openssl, one signature", "openssl.RS256.rate", convert=microseconds),
    Row("· latency p50", "RS256.p50_ms", "ms", "Go", "go.RS256.p50_ms"),
    Row("· latency p99", "RS256.p99_ms", "ms", "Go", "go.RS256.p99_ms"),
    Row("JWKS over HTTP/1.1", "jwks.rate", "/s", "nginx, `return 200`", "nginx.rate", Goal(0.80, 1.0)),
    Row("· CPU", "jwks.cpu_us", "µs", "nginx", "nginx.cpu_us"),
    Row("· latency p99", "jwks.p99_ms", "ms", "nginx", "nginx.p99_ms"),
    Row("JWKS over HTTP/2 with TLS", "jwks.h2.rate", "/s", "nginx, `return 200`", "nginx.h2.rate", Goal(0.60, 1.0)),
    Row("· CPU", "jwks.h2.cpu_us", "µs", "nginx", "nginx.h2.cpu_us"),
    Row("JWKS p99 while RS256 tokens saturate the core", "RS256.jwks_p99_ms", "ms", goal=at_most(20, 5)),
    Row("· while ES256 tokens do", "ES256.jwks_p99_ms", "ms", goal=at_most(20, 5)),
    Row("A job registered, its token, its end", "cycles.rate", "/s", goal=Goal(1500, 4000)),
    Row("· latency p99 of the three together", "cycles.p99_ms", "ms"),
    Row("Resident memory after the ES256 load", "ES256.loaded_mb", "MB", "Go", "go.loaded_mb"),
    Row("The disk alone: append 4 KB, fdatasync", "disk.rate", "/s"),
]  # fmt: skip


# The goals of memory and start are for so many.
GOAL_LIVE_JOBS = 100_000


def live_rows(live_jobs: int) -> list[Row]:
    jobs = f"{live_jobs:,}".replace(",", " ")
    memory, start = (at_most(250, 120), at_most(150, 40)) if live_jobs >= GOAL_LIVE_JOBS else (None, None)
    return [
        Row("Resident memory, idle", "idle_mb", "MB", goal=at_most(40, 25)),
        Row(f"· with {jobs} live jobs", "live.mb", "MB", goal=memory),
        Row("· with them, after a restart", "live.restarted_mb", "MB", goal=memory),
        Row("Start to the first 200, existing store", "start_ms", "ms", goal=at_most(150, 40)),
        Row(f"· with {jobs} live jobs in it", "live.start_ms", "ms", goal=start),
        Row("· registrations meanwhile", "live.register_rate", "/s"),
    ]


def overload_rows(algorithm: str) -> list[Row]:
    name = f"overload.{algorithm}"
    return [
        Row(f"{algorithm} tokens, asked for at three times the peak: good answers", f"{name}.goodput", "/s",
            "its peak", f"{name}.peak", Goal(0.90)),
        Row("· asked for", f"{name}.offered", "/s", "its peak", f"{name}.peak"),
        Row("· how late the load itself asked, median", f"{name}.lag_ms", "ms"),
        Row("· of the rest, 429 or 503 with Retry-After", f"{name}.refused_percent", "%", goal=Goal(100)),
        Row("· p99 of that answer", f"{name}.refused_p99_ms", "ms", goal=at_most(50)),
        Row("· until all is well again", f"{name}.recovery_s", "s", goal=at_most(5)),
        Row("· one job's flood: p99 of another job's token", f"{name}.neighbour_p99_ms", "ms",
            "alone", f"{name}.alone_p99_ms"),
        Row("· the same, held against threats A15", f"{name}.neighbour_p99_ms", "ms", goal=at_most(100)),
        Row("· good answers to that other job", f"{name}.neighbour_good_percent", "%", goal=Goal(100)),
    ]  # fmt: skip


def replica_rows() -> list[Row]:
    rows = []
    for count in (1, 2, 3):
        name, plural = f"replicas.{count}", "" if count == 1 else "s"
        rows += [
            Row(f"ES256 tokens of {count} replica{plural} on PostgreSQL, all on one core", f"{name}.rate", "/s"),
            Row("· CPU of a token at its replica", f"{name}.replica_us", "µs"),
            Row("· CPU of a token at the database", f"{name}.database_us", "µs"),
            Row("· latency p99", f"{name}.p99_ms", "ms"),
        ]
    return rows + [
        Row("A job registered, its token, its end: 1 replica on PostgreSQL", "replicas.cycles.rate", "/s"),
        Row("· CPU at the replica", "replicas.cycles.replica_us", "µs"),
        Row("· CPU at the database", "replicas.cycles.database_us", "µs"),
    ]


def agent_rows(watches: int) -> list[Row]:
    streams = f"{watches:,}".replace(",", " ")
    return [
        Row("Agent: a new connection's first SVID, median", "agent.first_ms", "ms", goal=at_most(5)),
        Row(f"· resident memory with {streams} open watches", "agent.watches_mb", "MB"),
        Row("· before them", "agent.idle_mb", "MB"),
        Row("· CPU of these watches, of one core", "agent.watches_cpu_percent", "%"),
        Row("· from none to all of them open", "agent.open_s", "s"),
    ]

