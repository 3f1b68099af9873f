"""Verifiers beside jobs: how long the key set takes while the token plane has no core to spare."""

from __future__ import annotations

import json
import subprocess

from .exchange import JWKS_PATH
from .faults import BenchmarkError
from .load import generate, wrk_command, wrk_environment, wrk_result
from .processes import environment
from .run import Run
from .target import Target

VERIFIERS_RATE = 500
VERIFIERS_CONNECTIONS = 64


def jwks_beside_tokens(run: Run, target: Target) -> float:
    """The p99 in milliseconds, seen by a program that the token load yields its core to."""
    # The load begins before the questions and ends after them.
    command = run.cores.loading(wrk_command(target, run.seconds + 2), yielding=True)
    settings = environment(**wrk_environment(target))
    requests = run.folder(target.name) / "jwks-requests"
    requests.write_text(f"{JWKS_PATH}\n")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=settings) as tokens:
        try:
            tokens.wait(timeout=1)
        except subprocess.TimeoutExpired:
            result = generate(
                run, "requests", address=f"127.0.0.1:{target.port}", requests=requests, rate=VERIFIERS_RATE,
                seconds=run.seconds, connections=VERIFIERS_CONNECTIONS,
            )  # fmt: skip
            target.answered += check_tokens(target, tokens.communicate()[0])
        else:
            raise BenchmarkError(f"wrk ended with {tokens.returncode} at once")
    if set(result["answers"]) != {"200"} or result["broken"] or result["unsent"]:
        raise BenchmarkError(f"the key set beside tokens: {json.dumps(result)}")
    return result["good"]["p99_us"] / 1000


def check_tokens(target: Target, text: str) -> int:
    result = wrk_result(text)
    if result["refused"] or result["broken"]:
        raise BenchmarkError(f"{target.name} beside the key set: {result}")
    return result["requests"]
