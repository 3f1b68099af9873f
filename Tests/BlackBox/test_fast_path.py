"""The fast path gives the bytes that the long way gives: the same requests go to the same issuer with it and without."""

from __future__ import annotations

import json
import re
import socket
import time

import pytest

from harness import HOST, claims_of, header_of, registration, statuses_in, unb64url

HOT = "sts.amazonaws.com"


class Wire:
    """A connection of which every byte is sent and read by hand."""

    def __init__(self, port: int):
        self.socket = socket.create_connection((HOST, port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, *, to_head: bool = False) -> bytes:
        """One whole answer; what comes behind it stays for the next."""
        while b"\r\n\r\n" not in self.received:
            self._read()
        head, _, rest = self.received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        wanted = int(length[1]) if length and not to_head else 0
        while len(rest) < wanted:
            self._read()
            rest = self.received[len(head) + 4:]
        self.received = rest[wanted:]
        return head + b"\r\n\r\n" + rest[:wanted]

    def is_over(self) -> bool:
        self.socket.settimeout(5)
        return self.socket.recv(1) == b""

    def _read(self) -> None:
        piece = self.socket.recv(65536)
        assert piece, f"the connection ended after {self.received!r}"
        self.received += piece

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def alike(answer: bytes) -> bytes:
    """The answer without what two answers to one request may differ in; of a token, that it is well formed."""
    answer = re.sub(rb"\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n", b"\r\nDate: ...\r\n",
                    answer, count=1)
    answer = re.sub(rb"\bmax-age=[0-9]+", b"max-age=...", answer)  # by the time of the next rotation
    head, _, body = answer.partition(b"\r\n\r\n")
    found = re.search(rb'"(?:value|oidcToken)":"(eyJ[^"]*)"', body)
    if not found:
        return answer
    token = found[1].decode()
    assert json.loads(body).get("count", len(token)) == len(token)
    claims = claims_of(token)
    assert re.fullmatch(r"[0-9a-f]{32}", claims.pop("jti"))
    issued = claims.pop("iat")
    assert claims.pop("nbf") == issued - 60 and abs(issued - time.time()) < 60
    assert 0 < claims.pop("exp") - issued <= 300
    assert len(unb64url(token.split(".")[2])) in (64, 256)
    told = body.replace(token.encode(), json.dumps([header_of(token), list(claims_of(token)), claims]).encode())
    return head + b"\r\n\r\n" + told


def requests(job, other) -> dict[str, bytes]:
    """Hot ones, their near neighbours, and what only looks like them."""
    target, bare, token = job.request_target, job.bare_target, job.request_token

    def head(line: str, *headers: str, host: str = f"Host: {HOST}") -> bytes:
        return "\r\n".join([line, host, *headers, "", ""]).encode()

    authorization = f"Authorization: bearer {token}"
    hot = f"GET {target}&audience={HOT} HTTP/1.1"
    corpus = {
        "token": head(hot, authorization),
        "token, upper-case scheme": head(hot, f"authorization: BEARER {token}"),
        "token, audience first": head(f"GET {bare}?audience={HOT}&api-version=1 HTTP/1.1", authorization),
        "token, audience alone": head(f"GET {bare}?audience={HOT} HTTP/1.1", authorization),
        "token, other version": head(f"GET {bare}?api-version=2&audience={HOT} HTTP/1.1", authorization),
        "token, encoded": head(f"GET {target}&audience=https%3A%2F%2Fvault.example HTTP/1.1", authorization),
        "token, plain URL": head(f"GET {target}&audience=https://vault.example HTTP/1.1", authorization),
        "token, plus": head(f"GET {target}&audience=a+b HTTP/1.1", authorization),
        "token, half an escape": head(f"GET {target}&audience=a%2 HTTP/1.1", authorization),
        "token, usual headers": head(hot, "User-Agent: actions/oidc-client", "Accept: application/json",
                                     "Connection: keep-alive", authorization),
        "token, two spaces": head(hot, f"Authorization: bearer  {token}"),
        "token, spaces around": head(hot, f"Authorization:   bearer {token}  "),
        "no audience": head(f"GET {target} HTTP/1.1", authorization),
        "empty audience": head(f"GET {target}&audience= HTTP/1.1", authorization),
        "two audiences": head(f"GET {target}&audience=a&audience=b HTTP/1.1", authorization),
        "unknown parameter": head(f"GET {target}&audience={HOT}&sub=x HTTP/1.1", authorization),
        "empty pair": head(f"GET {target}&&audience={HOT} HTTP/1.1", authorization),
        "fragment": head(f"GET {target}&audience={HOT}#x HTTP/1.1", authorization),
        "space in audience": head(f"GET {target}&audience=a%20b HTTP/1.1", authorization),
        "ourselves": head(f"GET {target}&audience={job.issuer.url} HTTP/1.1", authorization),
        "no authorization": head(hot),
        "two authorizations": head(hot, authorization, authorization),
        "other scheme": head(hot, f"Authorization: token {token}"),
        "garbage": head(hot, "Authorization: bearer jwj_" + "0" * 77),
        "wrong code": head(hot, f"Authorization: bearer {token[:-1]}{'A' if token[-1] != 'A' else 'E'}"),
        "foreign token": head(hot, f"Authorization: bearer {other.request_token}"),
        "HEAD of a token": head(f"HEAD {target}&audience={HOT} HTTP/1.1", authorization),
        "encoded body": head(hot, authorization, "Content-Encoding: gzip"),
        "no body, said so": head(hot, authorization, "Content-Length: 0"),
        "a body": head(hot, authorization, "Content-Length: 2") + b"{}",
        "Azure": head(f"POST {bare} HTTP/1.1", authorization, "Content-Length: 0"),
        "another path": head(f"GET {bare}/x?audience={HOT} HTTP/1.1", authorization),
        "no host": hot.encode() + b"\r\n" + authorization.encode() + b"\r\n\r\n",
        "two hosts": head(hot, "Host: other", authorization),
        "keys": head("GET /.well-known/jwks HTTP/1.1"),
        "keys, alias": head("GET /.well-known/jwks.json HTTP/1.1"),
        "keys, HEAD": head("HEAD /.well-known/jwks HTTP/1.1"),
        "keys, query": head("GET /.well-known/jwks?x=1 HTTP/1.1"),
        "keys, any tag": head("GET /.well-known/jwks HTTP/1.1", 'If-None-Match: *'),
        "keys, POST": head("POST /.well-known/jwks HTTP/1.1", "Content-Length: 0"),
        "discovery": head("GET /.well-known/openid-configuration HTTP/1.1"),
        "discovery, close": head("GET /.well-known/openid-configuration HTTP/1.1", "Connection: close"),
        "discovery, upgrade": head("GET /.well-known/openid-configuration HTTP/1.1", "Connection: Upgrade",
                                   "Upgrade: h2c"),
        "discovery, expecting": head("GET /.well-known/openid-configuration HTTP/1.1", "Expect: 200-ok"),
        "discovery, absolute": head(f"GET http://{HOST}/.well-known/openid-configuration HTTP/1.1"),
        "discovery, slash": head("GET /.well-known/openid-configuration/ HTTP/1.1"),
        "discovery, old": head("GET /.well-known/openid-configuration HTTP/1.0"),
        "bare line feeds": head("GET /.well-known/jwks HTTP/1.1").replace(b"\r\n", b"\n"),
        "many headers": head("GET /.well-known/jwks HTTP/1.1", *(f"X-{number}: y" for number in range(60))),
        "too many headers": head("GET /.well-known/jwks HTTP/1.1", *(f"X-{number}: y" for number in range(70))),
        "folded": head("GET /.well-known/jwks HTTP/1.1", "X-A: b", " c"),
        "space before the colon": head("GET /.well-known/jwks HTTP/1.1", "X-A : b"),
        "two lengths": head("GET /.well-known/jwks HTTP/1.1", "Content-Length: 0", "Content-Length: 0"),
        "both framings": head("GET /.well-known/jwks HTTP/1.1", "Content-Length: 0", "Transfer-Encoding: chunked"),
        "nothing here": head("GET / HTTP/1.1"),
    }
    return corpus


@pytest.fixture(scope="module")
def both_ways(module_issuers):
    """The answers to the corpus, by the fast path and by the long way, of one issuer with one store."""
    issuer = module_issuers.make(environment={"JOBSWORTH_TOKENS_RATE_LIMIT": "0"})
    answers = {}
    corpus = None
    for way in ("true", "false"):
        issuer.environment["JOBSWORTH_HTTP_FAST_PATH"] = way
        issuer.start()
        if corpus is None:
            runner = issuer.runner()
            corpus = requests(runner.register(registration()), runner.register(registration()))
        answers[way] = {}
        for name, request in corpus.items():
            with Wire(issuer.port) as wire:
                wire.send(request)
                answers[way][name] = alike(wire.answer(to_head=request.startswith(b"HEAD")))
        issuer.stop()
    return answers


def test_both_ways_give_the_same_bytes(both_ways):
    fast, long = both_ways["true"], both_ways["false"]
    assert fast.keys() == long.keys()
    different = {name: (fast[name], long[name]) for name in fast if fast[name] != long[name]}
    assert not different
    # The corpus means something: there are tokens, documents and refusals in it.
    assert fast["token"].startswith(b"HTTP/1.1 200 OK\r\n") and b'"alg"' in fast["token"]
    assert fast["keys"].startswith(b"HTTP/1.1 200 OK\r\n")
    assert fast["no audience"].startswith(b"HTTP/1.1 400 ")


@pytest.fixture(scope="module")
def fast_issuer(module_issuers):
    return module_issuers.start(environment={"JOBSWORTH_TOKENS_RATE_LIMIT": "0"})


@pytest.fixture(scope="module")
def corpus(fast_issuer):
    runner = fast_issuer.runner()
    return requests(runner.register(registration()), runner.register(registration()))


def test_one_connection_serves_hot_and_other_requests_in_turn(fast_issuer, corpus):
    order = ["token", "no audience", "keys", "Azure", "token", "nothing here", "token, encoded", "a body", "keys, HEAD",
             "garbage", "discovery", "token"]
    with Wire(fast_issuer.port) as wire:
        for name in order:
            wire.send(corpus[name])
            answer = wire.answer(to_head="HEAD" in name)
            expected = {"no audience": 400, "nothing here": 404, "a body": 400, "garbage": 401}.get(name, 200)
            assert statuses_in(answer) == [expected], name


def test_pipelined_requests_are_answered_in_their_order(fast_issuer, corpus):
    order = ["token", "keys", "no audience", "token", "discovery", "garbage", "Azure", "token"] * 4
    expected = {"no audience": b"400", "garbage": b"401"}
    marks = {"keys": b'{"keys":', "discovery": b'{"issuer":', "Azure": b'{"oidcToken":', "token": b'{"count":'}
    for pieces in ([b"".join(corpus[name] for name in order)], [corpus[name] for name in order]):
        with Wire(fast_issuer.port) as wire:
            for piece in pieces:
                wire.send(piece)
            for name in order:
                answer = wire.answer()
                assert answer.split(b" ", 2)[1] == expected.get(name, b"200"), name
                assert marks.get(name, b"{") in answer, name


@pytest.mark.parametrize("name", ["token", "keys"])
def test_a_request_may_be_cut_anywhere(fast_issuer, corpus, name):
    request = corpus[name]
    whole = None
    for border in range(1, len(request)):
        with Wire(fast_issuer.port) as wire:
            wire.send(request[:border])
            time.sleep(0.002)
            # The rest comes with the beginning of the next request.
            wire.send(request[border:] + request[:border])
            answers = [alike(wire.answer())]
            wire.send(request[border:])
            answers.append(alike(wire.answer()))
        whole = whole or answers[0]
        assert answers == [whole, whole], border


def test_the_next_request_may_come_cut_while_the_token_is_made(fast_issuer, corpus):
    request = corpus["token"]
    for border in range(1, len(request), 7):
        with Wire(fast_issuer.port) as wire:
            wire.send(request)
            wire.send(request[:border])
            first = wire.answer()
            wire.send(request[border:])
            assert alike(first) == alike(wire.answer()), border


def test_a_client_that_has_said_all_still_gets_its_token(fast_issuer, corpus):
    with Wire(fast_issuer.port) as wire:
        wire.send(corpus["token"])
        wire.socket.shutdown(socket.SHUT_WR)
        assert statuses_in(wire.answer()) == [200]
        assert wire.is_over()


def test_a_token_that_is_being_made_is_sent_before_the_issuer_stops(module_issuers):
    issuer = module_issuers.start()
    job = issuer.runner().register(registration())
    request = requests(job, job)["token"]
    wires = [Wire(issuer.port) for _ in range(16)]
    # A connection that was not accepted yet would be refused.
    for wire in wires:
        wire.send(request)
        assert statuses_in(wire.answer()) == [200]
    for wire in wires:
        wire.send(request)
    issuer.stop()
    for wire in wires:
        wire.socket.settimeout(5)
        received = b""
        while piece := wire.socket.recv(65536):
            received += piece
        assert statuses_in(received) == [200] and received.endswith(b"}"), received


def test_facts_that_are_set_later_are_in_the_next_token(fast_issuer):
    runner = fast_issuer.runner()
    job = runner.register(registration())
    assert runner.patch(job.id, {"job": {"sha": "0f" * 20}}).status == 200
    assert job.claims()["sha"] == "0f" * 20
    assert runner.end(job.id).status == 204
    assert job.ask().status == 401


def test_a_job_that_asks_too_often_is_told_to_wait(module_issuers):
    issuer = module_issuers.start(environment={"JOBSWORTH_TOKENS_RATE_LIMIT": "5", "JOBSWORTH_TOKENS_RATE_BURST": "20"})
    runner = issuer.runner()
    flooding, calm = runner.register(registration()), runner.register(registration())
    answers = [flooding.ask() for _ in range(60)]
    refused = [answer for answer in answers if answer.status != 200]
    assert len(answers) - len(refused) >= 20 and refused
    for answer in refused:
        assert answer.status == 503 and answer.json()["reason"] == "rate_limited"
        assert int(answer.header("Retry-After")) >= 1
    assert calm.ask().status == 200
    exchanged = issuer.exchange(subject_token=flooding.request_token, audience=HOT)
    assert (exchanged.status, exchanged.json()["reason"]) == (429, "rate_limited")
    assert issuer.audit(reason="rate_limited", job=flooding.id)
