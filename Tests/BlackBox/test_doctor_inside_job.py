"""`doctor --inside-job`: it reaches nothing in a clean job, and says what it reaches in any other."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

import harness
from brokers import AGENT, JOB, Broker, run_as, started_as
from harness import clean_environment, poll, run_cli

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")

SLEEP = "import time; time.sleep(60)"


def await_arguments(process) -> None:
    """Between fork and exec a process still has its parent's."""
    poll(lambda: b"agent" in open(f"/proc/{process.pid}/cmdline", "rb").read(), seconds=30, what="the process")


@pytest.fixture(scope="module")
def credential(issuer):
    return issuer.runner("acme/*").credential


@pytest.fixture(scope="module")
def broker(issuer, credential):
    made = Broker(issuer, credential=credential).start()
    yield made
    made.end()


@pytest.fixture
def jobs_file(directory, credential):
    """A credential file that the job's user can read."""
    directory.chmod(0o711)
    file = directory / "credential"
    file.touch(mode=0o600)
    file.write_text(credential + "\n")
    os.chown(file, JOB, JOB)
    return file


def reached(done, credential: str) -> set[str]:
    """The checks that reached something; the exit code and the text agree with them, and nothing secret is shown."""
    assert done.returncode in (0, 1), done
    assert "jwr_" not in done.stdout + done.stderr and credential not in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines and {line[0] for line in lines} <= {"ok", "REACHED"}
    found = {line[1] for line in lines if line[0] == "REACHED"}
    assert (done.returncode == 1) == bool(found), done
    assert bool(done.stderr.strip()) == bool(found)
    return found


def examined(*arguments, uid: int = JOB, environment: dict[str, str] | None = None, **options):
    return run_as(uid, "doctor", "--inside-job", *arguments, environment=environment, **options)


def test_in_a_job_that_was_started_through_the_broker_nothing_is_reached(issuer, broker, credential):
    started = broker.start_job(AGENT)
    environment = {**started["environment"], "JOBSWORTH_RUNNER_BROKER": str(broker.socket)}
    done = examined("--credential-file", broker.credential_file, "--storage", issuer.storage, environment=environment)
    assert reached(done, credential) == set(), done.stdout
    for name in ("environment", "descriptors", "processes", "memory", "credential-files", "broker", "admin", "store"):
        assert f" {name} " in done.stdout, name
    for place in (broker.socket, broker.credential_file, issuer.database):
        assert str(place) in done.stdout


def test_it_prints_json_for_programs(broker, credential):
    done = examined("--json")
    body = harness.strict_json(done.stdout)
    assert done.returncode == 0 and body["reached"] == 0
    assert {check["check"] for check in body["checks"]} >= {"environment", "processes", "memory", "broker", "store"}
    done = examined("--json", environment={"LEAK": credential})
    body = harness.strict_json(done.stdout)
    assert done.returncode == 1 and body["reached"] == 1 and credential not in done.stdout
    assert [check for check in body["checks"] if check["reached"]][0]["check"] == "environment"


def test_without_its_flag_it_is_wrong_usage():
    done = run_cli("doctor")
    assert done.returncode == 64 and "--inside-job" in done.stderr


@pytest.mark.parametrize("template", ["{}", "Bearer {}", "a=b {} c", "jwr_short {}"])
def test_a_credential_in_a_variable_is_reached(credential, template):
    done = examined(environment={"SOME_SECRET": template.format(credential)})
    assert reached(done, credential) == {"environment"}
    assert "SOME_SECRET" in done.stdout


@pytest.mark.parametrize("value", ["jwr_", "jwr_short", "jwj_" + "A" * 43, "jwr_" + "!" * 43, "jwr_" * 100])
def test_what_only_looks_like_a_credential_is_none(credential, value):
    done = examined(environment={"SOME_VALUE": value})
    assert done.returncode == 0, done.stdout


def test_a_variable_that_names_a_file_which_can_be_read_is_reached(credential, jobs_file):
    variable = {"JOBSWORTH_RUNNER_CREDENTIAL_FILE": str(jobs_file)}
    assert reached(examined(environment=variable), credential) == {"credential-files"}
    os.chown(jobs_file, AGENT, AGENT)
    assert reached(examined(environment=variable), credential) == set()


def test_a_job_of_the_agents_own_user_reaches_its_credential_though_the_variable_is_gone(credential, jobs_file):
    """The agent is the shell; the job starts without the variable, which is still in its parent's environment."""
    done = subprocess.run(
        ["sh", "-c", 'env -u JOBSWORTH_RUNNER_CREDENTIAL_FILE "$0" doctor --inside-job; exit $?', str(harness.binary())],
        capture_output=True, text=True, timeout=60, cwd="/", stdin=subprocess.DEVNULL, **started_as(JOB),
        env=clean_environment(HOME="/nonexistent", JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(jobs_file)))
    assert reached(done, credential) == {"credential-files"}, done.stdout
    assert str(jobs_file) in done.stdout


def test_a_file_that_another_process_names_in_its_arguments_is_tried(credential, jobs_file, processes):
    for arguments in (["--credential-file", jobs_file.name], [f"--credential-file={jobs_file}"]):
        process = processes("python3", "-c", SLEEP, "agent", *arguments, cwd=jobs_file.parent, **started_as(JOB))
        await_arguments(process)
        assert reached(examined(), credential) == {"credential-files"}
        process.kill()
        process.wait()


@pytest.mark.parametrize("how", ["file", "deleted file", "written file", "pipe", "folder"])
def test_an_inherited_descriptor_is_reached_and_nothing_is_taken_from_it(credential, jobs_file, how):
    reader = None
    if how == "pipe":
        reader, writer = os.pipe()
        os.write(writer, credential.encode() + b"\n")
        descriptor = reader
    elif how == "folder":
        descriptor = os.open(jobs_file.parent, os.O_RDONLY)
    else:
        descriptor = os.open(jobs_file, os.O_RDWR if how == "written file" else os.O_RDONLY)
        os.lseek(descriptor, 0, os.SEEK_END)
        if how == "deleted file":
            jobs_file.unlink()
    jobs_file.parent.chmod(0o700 if how != "folder" else 0o755)
    try:
        done = examined(pass_fds=(descriptor,))
        assert reached(done, credential) == {"descriptors"}, done.stdout
        assert f"descriptor {descriptor} " in done.stdout
        if reader is not None:
            assert os.read(reader, 100) == credential.encode() + b"\n"
    finally:
        os.close(descriptor)
        if reader is not None:
            os.close(writer)


def test_an_inherited_connection_to_the_broker_is_reached(broker, credential):
    """To the broker it is root's, who connected it, though the job holds it."""
    with harness.socket.socket(harness.socket.AF_UNIX) as connection:
        connection.connect(str(broker.socket))
        done = examined(pass_fds=(connection.fileno(),))
    assert reached(done, credential) == {"descriptors"}
    assert f"connected to the broker at {broker.socket}" in done.stdout


def test_an_inherited_descriptor_without_a_credential_is_no_harm(credential):
    with open("/etc/hostname", "rb") as file:
        assert reached(examined(pass_fds=(file.fileno(),)), credential) == set()


def test_the_environment_arguments_and_descriptors_of_a_process_of_the_same_user_are_reached(
        credential, jobs_file, processes):
    def sleeping(*arguments, environment=(), **options):
        process = processes("python3", "-c", SLEEP, "agent", *arguments, cwd="/", **started_as(JOB), **options,
                            env={"PATH": os.environ["PATH"], **dict(environment)})
        await_arguments(process)
        done = examined()
        process.kill()
        process.wait()
        return done

    done = sleeping(environment={"TOKEN": credential})
    assert "processes" in reached(done, credential) and "environment of process" in done.stdout
    done = sleeping(credential)
    assert "processes" in reached(done, credential) and "argument of process" in done.stdout
    with open(jobs_file, "rb") as file:
        jobs_file.unlink()
        done = sleeping(pass_fds=(file.fileno(),))
        assert "processes" in reached(done, credential) and f"descriptor {file.fileno()} of process" in done.stdout


def test_the_memory_of_a_process_of_the_same_user_is_searched(credential, processes):
    """What the kernel lets a plain script read is what the doctor must find."""
    script = "import sys, time\nheld = sys.stdin.readline().strip()\nprint('ready', flush=True)\ntime.sleep(60)"
    process = processes("python3", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
                        **started_as(JOB))
    process.stdin.write(credential + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    control = subprocess.run(["python3", "-c", f"open('/proc/{process.pid}/mem', 'rb')"], cwd="/",
                             capture_output=True, timeout=60, **started_as(JOB))
    done = examined()
    assert reached(done, credential) == ({"memory"} if control.returncode == 0 else set()), done.stdout


def test_the_broker_is_reached_by_a_job_of_a_user_that_it_serves(broker, credential):
    done = examined("--broker", broker.socket, uid=AGENT)
    assert reached(done, credential) == {"broker"} and str(broker.socket) in done.stdout
    assert reached(examined(uid=AGENT, environment={"JOBSWORTH_RUNNER_BROKER": str(broker.socket)}), credential) \
        == {"broker"}
    assert reached(examined(uid=AGENT), credential) == {"broker"}, "the broker's own arguments name it"


def test_a_job_of_the_issuers_user_reaches_its_store_and_its_admin_socket(issuer, credential):
    done = run_cli("doctor", "--inside-job", "--storage", issuer.storage)
    found = reached(done, credential)
    assert {"store", "admin"} <= found
    assert str(issuer.database) in done.stdout
    assert json.loads(issuer.operator("keys", "show", "--json"))
