#!/usr/bin/env python3
"""Checks the model of the rotation: sound as it stands, and every variant that breaks one rule is found out.

Needs spin and gcc. What is modelled, and what is not, says README.md.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import sys
import tempfile
import time

MODEL = pathlib.Path(__file__).with_name("rotation.pml")
CHECKER = ["-DSAFETY", "-DNOREDUCE", "-DNOFAIR", "-DNOBOUNDCHECK", "-DNOCOMP", "-DMEMLIM=1900"]
DEADLINE = 300
SMALL = ("-DREPLICAS=2", "-DKEYS=3")

# What each assertion of the model is called, by a part of it that no other has.
PROPERTIES = {
    "a: one active key": "count==1",
    "b: published for its lead before it signs": "servedFor>=",
    "c: never withdrawn while a token lives": "(ring[key].tokenLeft==0) (",
    "d: every fresh copy has the key of every live token": "missedFor==0",
    "e: private halves are erased": "hasPrivateHalf",
    "f: versions rise by one": "planVersion==version",
    "g: a withdrawn key gives no token": "(ring[key].state==2)||(ring[key].state==3)",
    "witness": "WITNESS",
}


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    flags: tuple[str, ...]
    violates: str | None = None
    """The beginning of the property's name; none where there must be no error."""


SOUND = [
    Variant("2 replicas, 3 keys, jumping clocks", SMALL),
    Variant("2 replicas, 3 keys, jumping clocks, skew over refresh", (*SMALL, "-DSKEW=2")),
    Variant("3 replicas, 3 keys", ("-DREPLICAS=3", "-DKEYS=3", "-DWITHOUT_JUMPS")),
    Variant("2 replicas, 4 keys", ("-DREPLICAS=2", "-DKEYS=4", "-DWITHOUT_JUMPS")),
    Variant("grace period alone, prompt turns", (*SMALL, "-DPROMPT", "-DBREAK_EVIDENCE")),
]
BROKEN = [
    Variant("lead one tick short", (*SMALL, "-DBREAK_LEAD"), "d"),
    Variant("grace one tick short, no evidence, prompt turns", (*SMALL, "-DPROMPT", "-DBREAK_GRACE"), "c"),
    Variant("a turn that stops, no evidence", (*SMALL, "-DBREAK_EVIDENCE"), "c"),
    Variant("skew over refresh, no evidence, prompt turns", (*SMALL, "-DPROMPT", "-DBREAK_EVIDENCE", "-DSKEW=2"), "c"),
    Variant("no compare-and-swap", (*SMALL, "-DBREAK_CAS"), "f"),
    Variant("no compare-and-swap, versions not looked at", (*SMALL, "-DBREAK_CAS", "-DWITHOUT_VERSIONS"), "a"),
    Variant("no fence", (*SMALL, "-DBREAK_FENCE"), "g"),
    Variant("a jumped clock is trusted", (*SMALL, "-DBREAK_CLOCK"), "c"),
    Variant("active without published_at", (*SMALL, "-DBREAK_PUBLISHED"), "b"),
    Variant("stale replicas are read", (*SMALL, "-DBREAK_EVICTION"), "d"),
    Variant("private half kept", (*SMALL, "-DBREAK_ERASURE"), "e"),
]
# What the sound model must be able to do, or its silence would mean nothing.
REACHED = [
    Variant("a scheduled rotation's key signs", (*SMALL, "-DWITNESS_ROTATION"), "witness"),
    Variant("two keys are withdrawn", (*SMALL, "-DWITNESS_WITHDRAWAL"), "witness"),
    Variant("a replacement loses", (*SMALL, "-DWITNESS_CONFLICT"), "witness"),
]


@dataclasses.dataclass(frozen=True)
class Result:
    states: int
    assertion: str | None
    seconds: float


def checked(variant: Variant) -> Result:
    """What the search over all states of one variant finds; it stops at the first error."""
    with tempfile.TemporaryDirectory(prefix="model-") as directory:
        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=DEADLINE)
            if done.returncode != 0:
                raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
            return done.stdout + done.stderr

        run("spin", "-a", *variant.flags, str(MODEL))
        run("gcc", "-O3" if variant.violates is None else "-O1", *CHECKER, "-o", "pan", "pan.c")
        begin = time.monotonic()
        output = run("./pan", "-m400000", "-w24")
    return read(output, time.monotonic() - begin)


def read(output: str, seconds: float) -> Result:
    errors = re.search(r"errors: (\d+)", output)
    states = re.search(r"(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored", output)
    if errors is None or states is None:
        raise RuntimeError(f"the search did not end:\n{output}")
    found = re.search(r"assertion violated (.*)", output)
    if errors[1] == "0":
        # A search that was cut off anywhere has proven nothing.
        cut = re.search(r"max search depth too small|Search not completed|out of memory|reached -DMEMLIM", output)
        if cut or found:
            raise RuntimeError(f"not exhaustive:\n{output}")
        return Result(int(float(states[1])), None, seconds)
    if found is None:
        raise RuntimeError(f"an error, but of no assertion:\n{output}")
    return Result(int(float(states[1])), found[1], seconds)


def violated(assertion: str) -> str:
    return next((name for name, part in PROPERTIES.items() if part in assertion), assertion)


def is_as_expected(variant: Variant, result: Result) -> bool:
    """Checks one variant, and says in one line what came of it."""
    outcome = "no error" if result.assertion is None else f"violates {violated(result.assertion)}"
    if variant.violates is None:
        expected = result.assertion is None
    elif variant.violates == "witness":
        expected = result.assertion is not None and "WITNESS" in result.assertion
        outcome = "reached" if expected else outcome
    else:
        expected = result.assertion is not None and violated(result.assertion).startswith(variant.violates + ":")
    mark = "" if expected else "UNEXPECTED: "
    print(f"{mark}{variant.name}: {outcome} ({result.states:,} states, {result.seconds:.1f} s)", flush=True)
    return expected


def main() -> int:
    results = {variant: checked_aloud(variant) for variant in BROKEN + REACHED + SOUND}
    wrong = sum(not expected for expected, _ in results.values())
    if wrong:
        print(f"model: {wrong} of {len(results)} checks did not come out as they must")
        return 1
    states = sum(results[variant][1] for variant in SOUND)
    print(f"model: {states:,} states, sound; {len(BROKEN)} broken variants refuted")
    return 0


def checked_aloud(variant: Variant) -> tuple[bool, int]:
    try:
        result = checked(variant)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        print(f"UNEXPECTED: {variant.name}: {error}", flush=True)
        return False, 0
    return is_as_expected(variant, result), result.states


if __name__ == "__main__":
    sys.exit(main())
