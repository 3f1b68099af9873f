"""A minute of rotation under load: two crons, an issuer that is killed, and verifiers that cache for just max-age.

`python -m soak.rotation_soak` in this folder runs it for as long as one likes.
"""

from __future__ import annotations

import random

import pytest

from soak.rotation_soak import TIMETABLES, soaked


@pytest.mark.timeout(240)
def test_through_rotations_and_deaths_every_token_verifies_and_nothing_acknowledged_is_lost(directory):
    seed = random.SystemRandom().getrandbits(32)
    record = directory / "record.jsonl"
    violations, summary = soaked(directory, TIMETABLES["brisk"], seconds=60, seed=seed, file=record)
    assert not violations, "\n".join([f"seed {seed}, {len(violations)} violations", *map(str, violations[:10])])
    assert summary.failed_verifications == 0
    # A minute in which nothing happened would prove nothing.
    assert summary.tokens > 300 and summary.verifications > 300, summary
    assert summary.rotations >= 6 and summary.withdrawals >= 4 and summary.kills >= 2, summary
