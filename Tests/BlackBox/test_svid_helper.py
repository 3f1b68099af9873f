"""`svid helper`: files that are always a set, whom it tells of renewals, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from workload_api_standin import (  # noqa: F401  a fixture
    SVID_ID, TRUST_DOMAIN, Authority, belong_together, decoded_bundle, leaf_of, workload_api)

import harness
from harness import binary, clean_environment, poll, run_cli, strict_json

X509_FILES = {"svid_file_name": "svid.pem", "svid_key_file_name": "svid.key", "svid_bundle_file_name": "bundle.pem"}


class Helper:
    """A running helper, its folder and its configuration."""

    def __init__(self, processes, directory: Path, api):
        self.processes = processes
        self.directory = directory
        self.api = api
        self.folder = directory / "certs"
        self.folder.mkdir()
        self.err = directory / "err"
        self.out = directory / "out"

    def configuration(self, **settings) -> Path:
        file = self.directory / "helper.yaml"
        file.write_text(json.dumps({"agent_address": self.api.address, "cert_dir": str(self.folder)} | settings))
        return file

    def start(self, *command, arguments=(), **settings) -> subprocess.Popen:
        tail = ["--", *map(str, command)] if command else []
        return self.processes(
            binary(), "svid", "helper", "--config", self.configuration(**settings), *arguments, *tail,
            stdin=subprocess.DEVNULL, stdout=self.out.open("wb"), stderr=self.err.open("wb"), env=clean_environment())

    def once(self, *command, **settings) -> subprocess.CompletedProcess:
        tail = ["--", *map(str, command)] if command else []
        return run_cli("svid", "helper", "--config", str(self.configuration(**settings)), "--daemon-mode", "false", *tail)

    def read(self, *names) -> list[bytes]:
        return [(self.folder / name).read_bytes() for name in names]

    def has(self, *names) -> None:
        poll(lambda: all((self.folder / name).exists() for name in names), seconds=30, what=f"{names}: {self.err.read_text()}")

    def serial(self) -> int:
        return leaf_of(self.read("svid.pem")[0]).serial_number

    def says(self, text: str) -> None:
        poll(lambda: text in self.err.read_text(), seconds=30, what=f"{text!r} in {self.err.read_text()!r}")


@pytest.fixture
def helper(processes, directory, workload_api):  # noqa: F811
    return Helper(processes, directory, workload_api)


def serial_of(svid) -> int:
    return x509.load_der_x509_certificate(svid.x509_svid).serial_number


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def lines_in(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


# --- the files

def test_once_writes_everything_and_ends(helper, workload_api):  # noqa: F811
    done = helper.once(**X509_FILES, jwt_bundle_file_name="jwks.json", jwt_svids=[
        {"jwt_audience": "a", "jwt_extra_audiences": ["b", "c"], "jwt_svid_file_name": "a.jwt"},
        {"jwt_audience": "d", "jwt_svid_file_name": "d.jwt"}])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert belong_together(*helper.read("svid.pem", "svid.key", "bundle.pem"))
    (token,) = helper.read("a.jwt")
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == ["a", "b", "c"]
    assert decoded_bundle(helper.read("jwks.json")[0]) == {TRUST_DOMAIN: json.loads(workload_api.authority.jwk_set)}
    assert [mode(helper.folder / name) for name in ("svid.pem", "bundle.pem", "svid.key", "a.jwt", "jwks.json")] == [
        0o644, 0o644, 0o600, 0o600, 0o600]


def test_modes_are_as_asked(helper):
    old = os.umask(0o077)
    try:
        done = helper.once(**X509_FILES, cert_file_mode="0444", key_file_mode="0640", jwt_bundle_file_name="jwks.json",
                           jwt_bundle_file_mode="0644")
    finally:
        os.umask(old)
    assert done.returncode == 0, done.stderr
    assert [mode(helper.folder / name) for name in ("svid.pem", "svid.key", "jwks.json")] == [0o444, 0o640, 0o644]


def test_intermediates_and_foreign_bundles_go_where_they_are_asked_to(helper, workload_api):  # noqa: F811
    foreign, intermediate = Authority("foreign.example"), Authority(parent=workload_api.authority)
    workload_api.svids = [intermediate.svid(), workload_api.authority.svid(hint="second")]
    workload_api.federated = {"spiffe://foreign.example": foreign.der}
    assert helper.once(**X509_FILES).returncode == 0
    chain, bundle = (x509.load_pem_x509_certificates(text) for text in helper.read("svid.pem", "bundle.pem"))
    assert len(chain) == 2 and bundle == [workload_api.authority.certificate]
    assert helper.once(**X509_FILES, add_intermediates_to_bundle=True, include_federated_domains=True).returncode == 0
    chain, bundle = (x509.load_pem_x509_certificates(text) for text in helper.read("svid.pem", "bundle.pem"))
    assert len(chain) == 1
    assert bundle == [intermediate.certificate, workload_api.authority.certificate, foreign.certificate]
    assert helper.once(**X509_FILES, hint="second").returncode == 0
    assert helper.serial() == serial_of(workload_api.svids[1])
    done = helper.once(**X509_FILES, hint="third")
    assert done.returncode == 1 and "hint" in done.stderr
    assert helper.serial() == serial_of(workload_api.svids[1])


def test_no_reader_of_a_generation_ever_sees_a_mixed_set(helper, workload_api):  # noqa: F811
    helper.start(**X509_FILES)
    helper.has(*X509_FILES.values())
    mixed, seen, over = [], set(), threading.Event()

    def read_on():
        while not over.is_set():
            folder = os.open(helper.folder / "..svid", os.O_RDONLY | os.O_DIRECTORY)
            try:
                parts = []
                for name in X509_FILES.values():
                    with open(os.open(name, os.O_RDONLY, dir_fd=folder), "rb") as file:
                        parts.append(file.read())
            finally:
                os.close(folder)
            if not belong_together(*parts):
                mixed.append(parts)
            seen.add(leaf_of(parts[0]).serial_number)

    reader = threading.Thread(target=read_on)
    reader.start()
    try:
        for _ in range(20):
            workload_api.authority = Authority()
            workload_api.push()
            last = serial_of(workload_api.svids[0])
            poll(lambda: helper.serial() == last, seconds=30)
    finally:
        over.set()
        reader.join()
    assert not mixed and len(seen) > 5
    assert len([path for path in helper.folder.iterdir() if path.is_dir()]) <= 3, "old generations are left"


def test_a_kill_at_any_moment_leaves_a_whole_set(helper, workload_api):  # noqa: F811
    for attempt in range(8):
        process = helper.start(**X509_FILES)
        helper.has(*X509_FILES.values())
        pushing = threading.Event()

        def push_on():
            while not pushing.is_set():
                workload_api.authority = Authority()
                workload_api.push()
                time.sleep(0.004)

        pusher = threading.Thread(target=push_on)
        pusher.start()
        time.sleep(0.15 + attempt * 0.013)
        process.kill()
        process.wait()
        pushing.set()
        pusher.join()
        assert belong_together(*helper.read(*X509_FILES.values()))
    assert helper.once(**X509_FILES).returncode == 0
    assert [path.name for path in helper.folder.iterdir() if path.name.endswith(".new")] == []
    assert len([path for path in helper.folder.iterdir() if path.is_dir() and not path.is_symlink()]) <= 2


def test_files_of_another_helper_are_taken_over(helper):
    for name in X509_FILES.values():
        (helper.folder / name).write_text("old")
    assert helper.once(**X509_FILES).returncode == 0
    assert belong_together(*helper.read(*X509_FILES.values()))


def test_what_cannot_work_is_not_written_and_said(helper, workload_api):  # noqa: F811
    helper.start(**X509_FILES)
    helper.has(*X509_FILES.values())
    serial = helper.serial()
    workload_api.push([workload_api.authority.svid(key=ec.generate_private_key(ec.SECP256R1()))])
    helper.says("the key is not that of the certificate")
    assert helper.serial() == serial
    workload_api.push()
    poll(lambda: helper.serial() != serial, seconds=30, what="the next good set")


# --- tokens

def test_a_token_is_renewed_at_half_of_its_life_and_the_process_told(helper, workload_api, directory):  # noqa: F811
    workload_api.token_lifetime = 3
    told = directory / "told"
    helper.start("sh", "-c", f'trap "echo told >> {told}" USR1; while :; do sleep 0.1; done', renew_signal="SIGUSR1",
                 jwt_svids=[{"jwt_audience": "a", "jwt_svid_file_name": "a.jwt"}])
    poll(lambda: len(lines_in(told)) >= 2, seconds=30, what="two renewals")
    claims = jwt.decode(helper.read("a.jwt")[0], options={"verify_signature": False})
    assert claims["exp"] > time.time(), "the token in the file has expired"


def test_the_jobs_token_is_read_again_for_each_request(helper, workload_api, directory):  # noqa: F811
    file = directory / "job.token"
    file.write_text("first.e30.c2ln\n")
    workload_api.token_lifetime = 1
    workload_api.needs_token = "first.e30.c2ln"
    helper.start(identity_exchange_token_file=str(file), jwt_svids=[{"jwt_audience": "a", "jwt_svid_file_name": "a.jwt"}])
    helper.has("a.jwt")
    workload_api.needs_token = "second.e30.c2ln"
    helper.says("no identity")
    file.write_text("second.e30.c2ln\n")
    made = workload_api.tokens_made
    poll(lambda: workload_api.tokens_made > made, seconds=30, what="a token for the new evidence")
    assert "e30" not in helper.err.read_text()


# --- one shot

def test_once_waits_for_an_identity_and_for_nothing_else(helper, workload_api):  # noqa: F811
    workload_api.refusal, workload_api.refusals_left = (grpc.StatusCode.PERMISSION_DENIED, "no identity issued"), 3
    assert helper.once(**X509_FILES).returncode == 0
    workload_api.refusal, workload_api.refusals_left = (grpc.StatusCode.UNAVAILABLE, "starting"), 1
    done = helper.once(**X509_FILES)
    assert done.returncode == 1 and "the agent cannot answer now: starting" in done.stderr
    assert done.stderr.count("\n") == 1


def test_once_runs_the_program_with_the_files_and_fails_with_it(helper, directory):
    done = helper.once(**X509_FILES, cmd="sh", cmd_args=f'-c "ls $0 > {directory}/listed" {helper.folder}')
    assert done.returncode == 0, done.stderr
    assert set(X509_FILES.values()) <= set(lines_in(directory / "listed"))
    done = helper.once(**X509_FILES, cmd="sh", cmd_args='-c "exit 7"')
    assert done.returncode == 1 and "ended with 7" in done.stderr
    done = helper.once("sh", "-c", "exit 7", **X509_FILES)
    assert done.returncode == 7


def test_once_tells_the_process_of_the_file_or_fails(helper, processes, directory):
    told = directory / "told"
    process = processes("sh", "-c", f'trap "echo told > {told}" HUP; echo up > {told}.up; while :; do sleep 0.1; done')
    poll(lambda: Path(f"{told}.up").exists(), seconds=20)
    file = directory / "pid"
    file.write_text(f"{process.pid}\n")
    done = helper.once(**X509_FILES, pid_file_name=str(file), renew_signal="SIGHUP")
    assert done.returncode == 0, done.stderr
    poll(told.exists, seconds=20, what="the signal")


# --- whom it tells

SAYS = 'trap "echo told >> {0}" HUP; echo started >> {0}; while :; do sleep 0.1; done'


def test_the_program_is_started_after_the_files_and_told_of_each_renewal(helper, workload_api, directory):  # noqa: F811
    log = directory / "log"
    process = helper.start(**X509_FILES, cmd="sh", cmd_args=f'-c "{SAYS.format(log).replace(chr(34), chr(34) * 2)}"',
                           renew_signal="SIGHUP")
    poll(lambda: lines_in(log) == ["started"], seconds=30, what="the program")
    workload_api.push()
    poll(lambda: lines_in(log) == ["started", "told"], seconds=30, what="the signal")
    process.terminate()
    assert process.wait(timeout=20) == 0
    assert subprocess.run(["pgrep", "-f", str(log)], capture_output=True).stdout == b"", "the program outlives its helper"


def test_a_program_that_has_ended_is_started_again_by_a_renewal_only(helper, workload_api, directory):  # noqa: F811
    log = directory / "log"
    helper.start(**X509_FILES, cmd="sh", cmd_args=f'-c "echo started >> {log}"', renew_signal="SIGHUP")
    poll(lambda: len(lines_in(log)) == 1, seconds=30)
    for count in (2, 3):
        time.sleep(0.3)
        assert len(lines_in(log)) == count - 1
        workload_api.push()
        poll(lambda: len(lines_in(log)) == count, seconds=30)


def test_the_pid_file_is_read_again_at_each_renewal(helper, workload_api, processes, directory):  # noqa: F811
    file = directory / "pid"
    logs = [directory / "first", directory / "second"]
    targets = [processes("sh", "-c", SAYS.format(log)) for log in logs]
    for log in logs:
        poll(lambda: lines_in(log) == ["started"], seconds=20)
    file.write_text(str(targets[0].pid))
    helper.start(**X509_FILES, pid_file_name=str(file), renew_signal="SIGHUP")
    poll(lambda: lines_in(logs[0]) == ["started", "told"], seconds=30)
    file.write_text(str(targets[1].pid))
    workload_api.push()
    poll(lambda: lines_in(logs[1]) == ["started", "told"], seconds=30)
    assert len(lines_in(logs[0])) == 2


# --- the wrapped command

@pytest.mark.parametrize("command, code", [
    (("true",), 0), (("sh", "-c", "exit 7"), 7), (("sh", "-c", "kill -9 $$"), 137), (("no-such-command",), 127)])
def test_the_exit_code_is_the_commands(helper, command, code):
    process = helper.start(*command, **X509_FILES)
    assert process.wait(timeout=30) == code, helper.err.read_text()


def test_the_command_sees_the_files_gets_its_signals_and_takes_its_children_along(
        helper, workload_api, directory):  # noqa: F811
    log = directory / "log"
    script = (f'test -s {helper.folder}/svid.key && echo files >> {log}; trap "echo term >> {log}; exit 5" TERM; '
              f'trap "echo told >> {log}" HUP; sleep 1000 & echo $! > {log}.child; while :; do sleep 0.1; done')
    process = helper.start("sh", "-c", script, **X509_FILES, renew_signal="SIGHUP")
    poll(lambda: lines_in(log) == ["files"] and lines_in(Path(f"{log}.child")), seconds=30)
    child = int(Path(f"{log}.child").read_text())
    workload_api.push()
    poll(lambda: lines_in(log)[-1] == "told", seconds=30)
    os.kill(child, 0)
    process.terminate()
    assert process.wait(timeout=20) == 5
    assert lines_in(log)[-1] == "term"
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_without_the_files_the_command_does_not_run(helper, workload_api, directory):  # noqa: F811
    workload_api.refusal = (grpc.StatusCode.PERMISSION_DENIED, "no identity issued")
    process = helper.start("touch", directory / "ran", **X509_FILES)
    helper.says("gives this job no identity")
    process.terminate()
    assert process.wait(timeout=20) == 143
    workload_api.refusal = (grpc.StatusCode.INVALID_ARGUMENT, "no")
    process = helper.start("touch", directory / "ran", **X509_FILES)
    assert process.wait(timeout=30) == 1
    assert not (directory / "ran").exists()


# --- its life

@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_success(helper, name):
    process = helper.start(**X509_FILES)
    helper.has(*X509_FILES.values())
    process.send_signal(name)
    assert process.wait(timeout=20) == 0


def test_it_outlives_its_agent_and_begins_again(helper, workload_api):  # noqa: F811
    process = helper.start(**X509_FILES)
    helper.has(*X509_FILES.values())
    serial = helper.serial()
    workload_api.stop()
    helper.says("jobsworth: the agent cannot answer now")
    workload_api.svids = [workload_api.authority.svid()]
    workload_api.start()
    poll(lambda: helper.serial() != serial, seconds=40, what="the set after the restart")
    assert process.poll() is None


def test_health_says_what_is_written(helper, workload_api):  # noqa: F811
    port = harness.free_port()
    workload_api.refusal = (grpc.StatusCode.PERMISSION_DENIED, "no identity issued")
    helper.start(**X509_FILES, jwt_svids=[{"jwt_audience": "a", "jwt_svid_file_name": "a.jwt"}],
                 health_checks={"listener_enabled": True, "bind_port": port, "readiness_path": "/ready-or-not"})

    def ask(path, method="GET"):
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return None, b""

    token = f"{helper.folder}/a.jwt"
    poll(lambda: ask("/live")[0] == 503, seconds=30, what="a failure to show")
    assert ask("/ready-or-not")[0] == 503 and ask("/ready")[0] == 404 and ask("/live", "POST")[0] == 405
    workload_api.refusal = None
    poll(lambda: ask("/ready-or-not")[0] == 200, seconds=60, what="readiness")
    status, body = ask("/live")
    assert status == 200 and strict_json(body) == {"status": "OK", "health": {"file_write_statuses": {
        "x509_write_status": "written", "jwt_write_status": {token: "written"}}}}


def test_a_folder_has_one_helper(helper):
    process = helper.start(**X509_FILES)
    helper.has(*X509_FILES.values())
    done = helper.once(**X509_FILES)
    assert done.returncode == 1 and "another helper" in done.stderr
    process.kill()
    process.wait()
    assert helper.once(**X509_FILES).returncode == 0


def test_renewals_are_told_while_another_file_cannot_be_renewed(helper, workload_api, directory):  # noqa: F811
    log = directory / "log"
    workload_api.token_lifetime = 1
    helper.start(**X509_FILES, cmd="sh", cmd_args=f'-c "{SAYS.format(log).replace(chr(34), chr(34) * 2)}"',
                 renew_signal="SIGHUP", jwt_svids=[{"jwt_audience": "a", "jwt_svid_file_name": "a.jwt"}])
    poll(lambda: "started" in lines_in(log), seconds=30)
    workload_api.refuses_tokens = True
    helper.says("the agent gives this job no identity")
    count = len(lines_in(log))
    workload_api.push()
    poll(lambda: len(lines_in(log)) > count, seconds=30, what="the signal of the X.509-SVID")


def test_a_health_port_that_is_taken_is_said(helper, directory):
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        checks = {"listener_enabled": True, "bind_port": taken.getsockname()[1]}
        process = helper.start(**X509_FILES, health_checks=checks)
        assert process.wait(timeout=30) == 1
        assert "bind_port" in helper.err.read_text()
        process = helper.start("touch", directory / "ran", **X509_FILES, health_checks=checks)
        assert process.wait(timeout=30) == 1
        assert "bind_port" in helper.err.read_text() and not (directory / "ran").exists()


# --- the configuration

@pytest.mark.parametrize("settings, expected", [
    ({}, "asks for nothing"),
    ({"svid_file_name": "a"}, "svid_key_file_name is missing"),
    (X509_FILES | {"svid_filename": "a"}, "svid_filename is not a known key"),
    (X509_FILES | {"cert_dir": "/no/such/folder"}, "is not there"),
    (X509_FILES | {"key_file_mode": "0666"}, "key_file_mode must be octal"),
    (X509_FILES | {"key_file_mode": "-1"}, "key_file_mode must be octal"),
    (X509_FILES | {"pid_file_name": "p"}, "needs renew_signal"),
    (X509_FILES | {"renew_signal": "SIGNONE"}, "renew_signal must be one of"),
    (X509_FILES | {"svid_file_name": "../a"}, "without a folder"),
    (X509_FILES | {"svid_file_name": "svid.key"}, "two things the one file svid.key"),
    ({"jwt_svids": [{"jwt_audience": "a"}]}, "jwt_svids[0].jwt_svid_file_name must name the file"),
    ({"jwt_svids": [{"jwt_svid_file_name": "a", "aud": "x"}]}, "jwt_svids[0].aud is not a known key"),
    (X509_FILES | {"cmd": "sh", "cmd_args": 'a"b'}, "double quote out of place"),
    (X509_FILES | {"daemon_mode": "maybe"}, "daemon_mode must be true or false"),
    (X509_FILES | {"health_checks": {"bind_port": 70000}}, "must be a port"),
])
def test_a_configuration_that_cannot_be_is_said_with_its_key(helper, settings, expected):
    done = helper.once(**settings)
    assert done.returncode == 78 and expected in done.stderr, done.stderr


def test_cmd_and_a_command_are_one_too_many(helper):
    assert helper.once("true", **X509_FILES, cmd="true").returncode == 64


def test_a_folder_that_others_write_in_gets_no_key(helper):
    helper.folder.chmod(0o777)
    done = helper.once(**X509_FILES)
    assert done.returncode == 78 and "others may rename" in done.stderr
