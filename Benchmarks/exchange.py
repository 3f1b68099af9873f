"""Single requests: to prepare a run and to check its answers, never to measure."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import time

from .faults import BenchmarkError
from .processes import DEADLINE_SECONDS, Program

JWKS_PATH = "/.well-known/jwks"


def untrusting() -> ssl.SSLContext:
    """TLS to our own servers on the loopback, whose certificate was made for this run."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(
    port: int, method: str, target: str, *, headers: dict[str, str] | None = None, document: object | None = None,
    tls: bool = False,
) -> tuple[int, bytes]:  # fmt: skip
    fields = dict(headers or {})
    body = None if document is None else json.dumps(document)
    if body is not None:
        fields["Content-Type"] = "application/json"
    if tls:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=untrusting())
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, target, body, fields)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def expect(status: int, answer: tuple[int, bytes], what: str) -> bytes:
    if answer[0] != status:
        raise BenchmarkError(f"{what}: {answer[0]} instead of {status}: {answer[1][:500]!r}")
    return answer[1]


def wait_until_ready(
    program: Program, port: int, target: str = JWKS_PATH, *, tls: bool = False, seconds: int = DEADLINE_SECONDS
) -> None:
    """Until the first 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        program.check_alive()
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(port, "GET", target, tls=tls)[0] == 200:
                return
        time.sleep(0.001)
    raise BenchmarkError(f"no 200 from port {port} within {seconds} s")
