"""docs/svid.md: its commands run, and its keys are the helper's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_documents import run_script
from workload_api_standin import workload_api  # noqa: F401  a fixture

import harness

TEXT = (Path(__file__).resolve().parents[2] / "docs/svid.md").read_text("utf-8")
COMMANDS, HELPER = re.findall(r"```sh\n(.*?)```", TEXT, re.S)
(CONFIGURATION,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)


@pytest.fixture
def prepared(directory, workload_api):  # noqa: F811
    (directory / "job.token").write_text("eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl\n")
    workload_api.needs_token = None
    return directory


def test_the_commands_get_what_they_say(prepared, workload_api):  # noqa: F811
    script = COMMANDS.replace("unix:///run/jobsworth/agent.sock", workload_api.address)
    done = run_script(script, prepared)
    assert done.returncode == 0, done.stderr
    assert "SVID is valid." in done.stdout and "svids/svid.0.pem: OK" in done.stdout


def test_the_helpers_example_runs_its_command(prepared, workload_api):  # noqa: F811
    (prepared / "helper.yaml").write_text(CONFIGURATION)
    (prepared / "certs").mkdir()
    done = run_script(HELPER, prepared, SPIFFE_ENDPOINT_SOCKET=workload_api.address)
    assert done.returncode == 0, done.stderr


def test_every_documented_key_is_known_and_no_other(directory):
    rows = [line.split("|")[1] for line in TEXT.splitlines() if re.match(r"\| `[a-z_0-9]+`", line)]
    keys = [key for row in rows for key in re.findall(r"`([a-z_0-9]+)`", row)]
    assert len(keys) == 22
    file = directory / "helper.yaml"
    file.write_text(json.dumps({key: None for key in keys} | {"not_a_key": None}))
    done = harness.run_cli("svid", "helper", "--config", str(file), "--socket", "/s")
    assert done.returncode == 78
    unknown = [line for line in done.stderr.splitlines() if "not a known key" in line]
    assert len(unknown) == 1 and "not_a_key" in unknown[0], done.stderr
