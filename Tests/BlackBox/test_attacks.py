"""Attacks that once worked, each as a test."""

from __future__ import annotations

import http.server
import json
import os
import resource
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

import harness
from harness import HOST, poll, registration

GET = f"GET /.well-known/jwks HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def resident_megabytes(issuer) -> float:
    status = Path(f"/proc/{issuer.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def connect(issuer) -> socket.socket:
    connection = socket.create_connection((HOST, issuer.port), timeout=5)
    return connection


def test_a_client_that_never_reads_its_answers_does_not_fill_the_memory(issuers):
    issuer = issuers.start()
    before = resident_megabytes(issuer)
    with connect(issuer) as connection:
        connection.settimeout(0.5)
        sent, until = 0, time.monotonic() + 4
        try:
            while time.monotonic() < until and sent < 30_000_000:
                sent += connection.send(GET * 1000)
        except OSError:
            pass  # it stopped taking requests, as it should
        assert resident_megabytes(issuer) < before + 60
        issuer.assert_alive()


class SmallStacks(harness.Issuer):
    """An issuer whose threads have little stack."""

    def spawn(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, hard))
        try:
            return super().spawn()
        finally:
            resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


def test_a_thousand_pipelined_requests_do_not_deepen_the_stack(directory):
    issuer = SmallStacks(directory)
    try:
        issuer.start()
        for first in (GET, f"GET /x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()):
            with connect(issuer) as connection:
                taken = bytearray()
                reader = threading.Thread(target=drain, args=(connection, taken), daemon=True)
                reader.start()
                for _ in range(5):
                    connection.sendall(first + GET * 1600)
                connection.shutdown(socket.SHUT_WR)
                reader.join(20)
            issuer.assert_alive()
    finally:
        issuer.kill()


def drain(connection: socket.socket, taken: bytearray) -> None:
    try:
        while data := connection.recv(65536):
            taken += data
    except OSError:
        pass


def test_an_answer_reaches_a_client_that_has_closed_its_side(issuer, job):
    request = (f"GET {job.request_target}&audience=a HTTP/1.1\r\nHost: {HOST}\r\n"
               f"Authorization: Bearer {job.request_token}\r\n\r\n")
    with connect(issuer) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        taken = bytearray()
        drain(connection, taken)
    assert taken.startswith(b"HTTP/1.1 200") and b'"value":"eyJ' in taken


def test_a_client_that_offers_an_upgrade_is_answered_and_the_connection_closed(issuer):
    with connect(issuer) as connection:
        connection.sendall(GET[:-2] + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n")
        taken = bytearray()
        drain(connection, taken)
    assert taken.startswith(b"HTTP/1.1 200") and b"close" in taken.lower()


def test_a_client_that_waits_for_a_word_before_its_body_gets_one(issuer, runner):
    body = json.dumps(registration()).encode()
    head = (f"POST /v1/jobs HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {runner.credential}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n")
    with connect(issuer) as connection:
        connection.settimeout(4)
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert b"201" in connection.recv(4096)[:20]


def is_answered(issuer) -> bool:
    try:
        return issuer.get("/.well-known/jwks", timeout=3).status == 200
    except OSError:
        return False


def test_idle_connections_do_not_shut_others_out(issuers):
    issuer = issuers.start(open_files=512)
    idle = []
    try:
        for _ in range(400):
            try:
                connection = connect(issuer)
                connection.sendall(GET)
                idle.append(connection)
            except OSError:
                break
        poll(lambda: is_answered(issuer), seconds=10, every=0.3, what="an answer")
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize("spoiled", ["{}\n# rotated\n", "{}\r\nX-More: y\r\n", "{}\x01"])
def test_a_credential_that_is_not_one_line_is_refused_and_never_shown(issuer, runner, directory, spoiled):
    file = directory / "credential"
    file.touch(mode=0o600)
    file.write_text(spoiled.format(runner.credential))
    done = harness.run_cli(
        "job", "start", "--issuer", issuer.url, "--fact", "repository=acme/a", "--fact", "ref=r", "--fact", "workflow=w",
        "--fact", "run_id=1", environment=harness.clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(file)))
    assert done.returncode == 78
    assert runner.credential not in done.stderr + done.stdout


def test_a_request_token_with_a_line_end_is_refused_and_never_shown(job):
    done = harness.run_cli("job", "token", "--audience", "a", environment=harness.clean_environment(
        ACTIONS_ID_TOKEN_REQUEST_URL=job.request_url, ACTIONS_ID_TOKEN_REQUEST_TOKEN=job.request_token + "\n"))
    assert done.returncode == 1
    assert job.request_token not in done.stderr + done.stdout


def test_a_credential_is_not_sent_over_http_to_another_machine(runner, directory):
    file = directory / "credential"
    file.touch(mode=0o600)
    file.write_text(runner.credential)
    done = harness.run_cli(
        "job", "end", "--issuer", "http://ci.example.org", "--reference", "r",
        environment=harness.clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(file)))
    assert done.returncode == 78 and "https" in done.stderr


class FalseIssuer(http.server.BaseHTTPRequestHandler):
    """Answers every registration with variables that are none."""

    environment: dict[str, str] = {}

    def do_POST(self):
        body = json.dumps({"id": "0" * 32, "environment": self.environment}).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("environment", [
    {"A=1;touch pwned;B": "x"}, {"../../escaped": "x"}, {"A": "1\nLD_PRELOAD=/evil.so"}, {"1A": "x"}, {"": "x"},
], ids=["a command", "a path", "a second line", "a digit", "nothing"])
@pytest.mark.parametrize("output", ["sh", "env", "dir:out"])
def test_an_answer_cannot_smuggle_anything_into_the_jobs_environment(runner, directory, environment, output):
    handler = type("Handler", (FalseIssuer,), {"environment": environment})
    server = http.server.HTTPServer((HOST, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = directory / "credential"
    file.touch(mode=0o600)
    file.write_text(runner.credential)
    try:
        done = harness.run_cli(
            "job", "start", "--issuer", f"http://{HOST}:{server.server_port}", "--fact", "repository=acme/a", "--fact",
            "ref=r", "--fact", "workflow=w", "--fact", "run_id=1", "--output", output, cwd=directory,
            environment=harness.clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(file)))
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 1 and done.stdout == ""
    assert sorted(path.name for path in directory.iterdir()) == ["credential"]


def test_a_credential_that_cannot_be_printed_is_a_failure(issuer):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [str(harness.binary()), "runner", "add", "lost", "--repository", "acme/*", "--storage", issuer.storage],
            stdout=full, stderr=subprocess.PIPE, timeout=20, env=harness.clean_environment())
    assert done.returncode == 1 and b"lost" in done.stderr


def test_a_store_has_one_owner_by_whatever_name(issuers, directory):
    issuer = issuers.start()
    link = directory / "link.sqlite"
    link.symlink_to(issuer.database)
    done = harness.run_cli("serve", "--issuer", f"http://{HOST}:{harness.free_port()}", "--listen",
                           f"{HOST}:{harness.free_port()}", "--storage", f"sqlite:{link}")
    assert done.returncode == 1 and "owned" in done.stderr


def test_operator_commands_wait_for_each_other(issuers):
    issuer = issuers.start()
    issuer.runner()
    issuer.stop()
    running = [subprocess.Popen(
        [str(harness.binary()), "runner", "list", "--storage", issuer.storage], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, env=harness.clean_environment()) for _ in range(8)]
    for process in running:
        _, complaint = process.communicate(timeout=30)
        assert process.returncode == 0, complaint
    issuer.start()


def test_more_patterns_than_a_runner_may_have_are_refused_and_the_store_stays_usable(issuers):
    issuer = issuers.start()
    issuer.stop()
    many = [part for number in range(300) for part in ("--repository", f"acme/r{number}")]
    assert issuer.cli("runner", "add", "many", *many).returncode == 1
    issuer.start()


def test_attempts_with_a_dead_token_do_not_fill_the_audit_log(issuer, runner):
    job = runner.register()
    runner.end(job.id)
    for _ in range(100):
        assert job.ask().status == 401
    assert 8 <= len(issuer.audit(job=job.id, decision="deny")) < 20


def test_a_lock_file_that_is_a_link_is_refused_and_its_target_left_alone(directory):
    target = directory / "precious"
    target.write_text("keep me")
    store = directory / "store"
    store.mkdir(mode=0o700)
    (store / "s.sqlite.lock").symlink_to(target)
    done = harness.run_cli("runner", "add", "a", "--repository", "acme/*", "--storage", f"sqlite:{store}/s.sqlite")
    assert done.returncode != 0
    assert target.read_text() == "keep me"


def test_a_store_that_others_can_read_is_refused_with_the_mend(issuers):
    issuer = issuers.start()
    issuer.stop()
    os.chmod(issuer.database, 0o644)
    done = issuer.cli("keys", "show")
    assert done.returncode == 78 and "chmod 600" in done.stderr
    os.chmod(issuer.database, 0o600)
    issuer.start()


def test_sigterm_is_not_held_up_by_slow_clients_on_every_listener(issuers):
    issuer = issuers.start(runner_plane_apart=True)
    stop = threading.Event()

    def half_bodies(port: int) -> None:
        open_ones = []
        while not stop.wait(0.4):
            try:
                connection = socket.create_connection((HOST, port), timeout=2)
                connection.sendall(f"POST /token HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\nhalf".encode())
                open_ones.append(connection)
            except OSError:
                pass

    threads = [threading.Thread(target=half_bodies, args=(port,), daemon=True)
               for port in (issuer.port, issuer.runner_port, issuer.metrics_port)]
    try:
        for thread in threads:
            thread.start()
        time.sleep(1)
        began = time.monotonic()
        assert issuer.stop(deadline=20) == 0
        assert time.monotonic() - began < 14
    finally:
        stop.set()




def test_an_issuer_whose_hash_seeds_are_known_does_not_start(directory):
    done = harness.run_cli(
        "serve", "--issuer", f"http://{HOST}:{harness.free_port()}", "--storage", f"sqlite:{directory}/s.sqlite",
        environment=harness.clean_environment(SWIFT_DETERMINISTIC_HASHING="1"))
    assert done.returncode == 78 and "SWIFT_DETERMINISTIC_HASHING" in done.stderr
