"""Clients that are slow, silent or many: they are cut off in time, and everybody else is served meanwhile."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import harness
from harness import HOST, Connection, poll, registration

CUT_OFF_WITHIN = 20.0  # the deadlines are 5 s for a head and 10 s for a body; the rest is a slow machine's


@pytest.fixture(scope="module")
def crowded_issuer(module_issuers):
    return module_issuers.start()


def connect(issuer) -> socket.socket:
    return socket.create_connection((HOST, issuer.port), timeout=10)


def until_closed(connection: socket.socket, drip: bytes, every: float) -> tuple[float, bytes]:
    """Sends a byte now and then until the server ends the connection: how long that took, and what it said."""
    started, received, position = time.monotonic(), b"", 0
    connection.settimeout(every)
    while time.monotonic() - started < CUT_OFF_WITHIN:
        try:
            piece = connection.recv(65536)
            if not piece:
                return time.monotonic() - started, received
            received += piece
            continue
        except (TimeoutError, socket.timeout):
            pass
        except OSError:
            return time.monotonic() - started, received
        if drip:
            try:
                connection.sendall(drip[position % len(drip):position % len(drip) + 1])
                position += 1
            except OSError:
                return time.monotonic() - started, received
    raise AssertionError(f"still open after {CUT_OFF_WITHIN:g} s; received {received[:200]!r}")


def head_drip(issuer, _runner):
    with connect(issuer) as connection:
        connection.sendall(f"GET /.well-known/jwks HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode())
        return until_closed(connection, b"a", 0.5)


def request_line_drip(issuer, _runner):
    with connect(issuer) as connection:
        return until_closed(connection, b"GET /" + b"a" * 5000, 0.5)


def head_stall(issuer, _runner):
    with connect(issuer) as connection:
        connection.sendall(b"GET /.well-known/jwks HTTP/1.1\r\n")
        return until_closed(connection, b"", 0.5)


def body_of(issuer, runner, framing: str) -> socket.socket:
    connection = connect(issuer)
    connection.sendall((f"POST /v1/jobs HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {runner.credential}\r\n"
                        f"Content-Type: application/json\r\n{framing}\r\n\r\n").encode())
    return connection


def body_drip(issuer, runner):
    with body_of(issuer, runner, "Content-Length: 5000") as connection:
        return until_closed(connection, b" ", 0.5)


def body_stall(issuer, runner):
    with body_of(issuer, runner, "Content-Length: 5000") as connection:
        connection.sendall(b'{"job":')
        return until_closed(connection, b"", 0.5)


def chunk_drip(issuer, runner):
    with body_of(issuer, runner, "Transfer-Encoding: chunked") as connection:
        return until_closed(connection, b"1\r\n \r\n", 0.3)


def form_drip(issuer, _runner):
    with connect(issuer) as connection:
        connection.sendall((f"POST /token HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                            "Content-Length: 5000\r\n\r\n").encode())
        return until_closed(connection, b"a", 0.5)


def silence(issuer, _runner):
    with connect(issuer) as connection:
        return until_closed(connection, b"", 0.5)


SLOW = [head_drip, request_line_drip, head_stall, body_drip, body_stall, chunk_drip, form_drip, silence]


def test_slow_clients_are_cut_off_while_everybody_else_is_served(crowded_issuer):
    issuer = crowded_issuer
    runner = issuer.runner("acme/*")
    job = runner.register(registration(expires_in=600))
    done = threading.Event()
    waits, failures = [], []

    def visitor() -> None:
        while not done.is_set():
            started = time.monotonic()
            try:
                answer = issuer.get("/.well-known/jwks", timeout=5)
                if answer.status != 200:
                    failures.append(repr(answer))
                if job.ask().status != 200:
                    failures.append("a token request failed")
            except OSError as error:
                failures.append(repr(error))
            waits.append(time.monotonic() - started)
            done.wait(0.05)

    visitors = threading.Thread(target=visitor)
    visitors.start()
    try:
        with ThreadPoolExecutor(max_workers=4 * len(SLOW)) as pool:
            running = [(client, pool.submit(client, issuer, runner)) for client in SLOW for _ in range(4)]
            results = []
            for client, future in running:
                try:
                    results.append((client.__name__, *future.result()))
                except AssertionError as error:
                    failures.append(f"{client.__name__}: {error}")
    finally:
        done.set()
        visitors.join()
    assert not failures, failures[:5]
    for name, seconds, received in results:
        assert seconds <= CUT_OFF_WITHIN, name
        statuses = harness.statuses_in(received)
        assert len(statuses) <= 1 and all(status in (400, 408) for status in statuses), (name, received[:200])
    assert statistics.quantiles(waits, n=100)[98] < 1.0, "others had to wait"
    issuer.assert_alive()


def test_a_connection_that_is_kept_is_not_closed_at_once(crowded_issuer):
    connection = Connection(crowded_issuer.port)
    for _ in range(3):
        assert connection.call("GET", "/.well-known/jwks").status == 200
    time.sleep(1)
    assert connection.call("GET", "/.well-known/jwks").status == 200
    connection.close()


def test_with_256_descriptors_a_flood_of_connections_neither_ends_the_server_nor_its_writes(issuers):
    issuer = issuers.start(open_files=256)
    runner = issuer.runner("acme/*")
    kept = Connection(issuer.port)
    assert kept.call("GET", "/.well-known/jwks").status == 200
    flood = []
    try:
        for _ in range(400):
            connection = socket.socket()
            connection.setblocking(False)
            try:
                connection.connect((HOST, issuer.port))
            except BlockingIOError:
                pass
            flood.append(connection)
        answer = kept.call("POST", "/v1/jobs", body=harness.json.dumps(registration()).encode(), headers={
            **harness.bearer(runner.credential), "Content-Type": "application/json"})
        assert answer.status == 201, answer
        job = harness.Job(issuer, answer)
        assert job.ask(connection=kept).status == 200
        assert issuer.is_running, issuer.output()
    finally:
        for connection in flood:
            connection.close()
        kept.close()

    def served() -> bool:
        try:
            return issuer.get("/.well-known/jwks", timeout=3).status == 200
        except OSError:
            return False

    poll(served, seconds=15, every=0.2, what="an answer after the flood")
    assert runner.register().ask().status == 200
    assert issuer.stop() == 0
