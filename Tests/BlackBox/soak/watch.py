"""What replicas take of their machines, and what is secret in their database, looked at while a run goes on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from canaries import Canaries
from soak.replicas import ReplicaHost, Site

# In MiB, and in numbers: far more than a replica of a healthy run takes, far less than one that leaks.
BOUNDS = (("memory", 200), ("descriptors", 300), ("threads", 40))
# The whole log would be searched for minutes: of each kind of record there are some among the last.
_ROWS = {
    "audit": "(SELECT document FROM audit ORDER BY position DESC LIMIT 3000)",
    **{table: table for table in ("key_ring", "sealed_secret", "runner", "job", "audit_chain", "key_use", "sighting",
                                  "setting", "grant_use")}}


class Watch:
    """Of one site."""

    def __init__(self, site: Site):
        self.site = site
        self.canaries = Canaries()

    def resources(self, replica: ReplicaHost) -> dict[str, int] | None:
        """None for a process that is not there."""
        place = Path(f"/proc/{replica.process.pid}")
        try:
            status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
            return {"memory": int(status["VmRSS"].split()[0]) // 1024, "threads": int(status["Threads"]),
                    "descriptors": len(os.listdir(place / "fd"))}
        except (OSError, KeyError):
            return None

    def gather(self) -> None:
        """Every key is there for longer than two of these are apart; where the database is away, the next finds it."""
        try:
            ring, *secrets = self._query("""
                SELECT encode(document, 'hex') FROM key_ring
                UNION ALL SELECT encode(name, 'hex') || ' ' || encode(sealed, 'hex') FROM sealed_secret""")
        except (AssertionError, ValueError, subprocess.TimeoutExpired):
            return
        pairs = [tuple(map(bytes.fromhex, row.split())) for row in secrets]
        self.canaries.unseal(bytes.fromhex(ring), pairs, self.site.sealing_key)

    def add_request_tokens(self, tokens: list[str]) -> None:
        for token in tokens:
            self.canaries.needles[token.encode()] = "request token"

    def found(self) -> dict[str, list[str]]:
        """Which secrets lie in what the processes said, or in the rows as they are stored."""
        places = {path.name: path.read_bytes() for path in sorted(self.site.directory.glob("*.log"))}
        assert len(places) == len(self.site.replicas) + 1, places.keys()
        places |= {name: self._dump(rows) for name, rows in _ROWS.items()}
        found = {name: sorted(self.canaries.found_in(content)) for name, content in places.items()}
        return {name: secrets for name, secrets in found.items() if secrets}

    def _query(self, sql: str) -> list[str]:
        return self.site.cluster.primary.query(sql, self.site.cluster.name, timeout=5)

    def _dump(self, rows: str) -> bytes:
        return self.site.cluster.primary.copy_out(rows, self.site.cluster.name)
