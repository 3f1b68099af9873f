"""The two ways to keep the runner's credential from a job, each tried by `doctor --inside-job` as the job's own code."""

from __future__ import annotations

import pytest

from brokers import AGENT, Broker
from harness import binary, clean_environment, facts, run_cli

COMMAND = ["--", str(binary()), "doctor", "--inside-job"]


@pytest.fixture
def broker(issuer, runner):
    made = Broker(issuer, credential=runner.credential, allowed=(AGENT,)).start()
    yield made
    made.end()


def stated() -> list[str]:
    given = [part for pair in facts().items() for part in ("--fact", "=".join(pair))]
    return [*given, "--permission", "id-token=write"]


def executed(*options: str, **environment: str):
    return run_cli("job", "exec", *stated(), *options, *COMMAND, environment=clean_environment(**environment))


def test_through_a_broker_the_wrapper_holds_nothing_that_its_job_could_reach(issuer, broker):
    done = executed("--user", "nobody", JOBSWORTH_RUNNER_BROKER=str(broker.socket))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "REACHED" not in done.stdout
    # It was a job: begun through the broker, and ended.
    assert issuer.audit(operation="job_end")


def test_a_credential_in_a_file_is_out_of_reach_of_another_user(issuer, credential_file):
    done = executed("--issuer", issuer.url, "--user", "nobody", JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_job_that_runs_as_the_runner_reaches_it_and_the_doctor_says_so(issuer, credential_file, runner):
    done = executed("--issuer", issuer.url, "--i-trust-the-job",
                    JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file))
    assert done.returncode == 1
    assert "REACHED" in done.stdout and runner.credential not in done.stdout + done.stderr


def test_a_broker_does_not_help_a_job_that_runs_as_somebody_it_takes(broker):
    done = executed("--i-trust-the-job", JOBSWORTH_RUNNER_BROKER=str(broker.socket))
    assert done.returncode == 1
    assert "REACHED" in done.stdout


def test_without_another_user_a_brokered_job_needs_trust(broker):
    done = executed(JOBSWORTH_RUNNER_BROKER=str(broker.socket))
    assert done.returncode == 64 and "--i-trust-the-job" in done.stderr


def test_start_and_end_hold_nothing_either(issuer, broker):
    started = broker.start_job(AGENT)
    assert started["id"] in {record.get("job") for record in issuer.audit(operation="registration")}
