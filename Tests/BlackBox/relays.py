"""`jobsworth agent socket`: a Workload API socket that belongs to one job."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import harness


class Relay:
    """The socket of one job, beside the file with its token."""

    def __init__(self, agent, token: str, directory: Path):
        self.token_file = directory / "token"
        self.socket = directory / "job.sock"
        self.log = directory / "relay.log"
        self.write(token)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(harness.binary()), "agent", "socket", "--token-file", str(self.token_file),
                 "--socket", str(self.socket), "--config", str(agent.file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=harness.clean_environment())
        deadline = time.monotonic() + harness.START_DEADLINE
        while not self.socket.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"

    def write(self, token: str) -> None:
        draft = self.token_file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(token + "\n")
        os.replace(draft, self.token_file)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
