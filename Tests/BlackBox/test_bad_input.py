"""Malformed bodies, headers, parameters and framing: always a 4xx with an error object, never a 5xx nor a crash."""

from __future__ import annotations

import gzip
import json
import random
import re
import socket
import time
import urllib.parse

import pytest

import harness
from harness import HOST, assert_error, bearer, facts, raw_exchange, registration, statuses_in

JSON_TYPE = {"Content-Type": "application/json"}
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}


def document(**members) -> str:
    return json.dumps({**registration(facts()), **members})


def with_fact(literal: str) -> str:
    """A registration with a piece of raw JSON in the place of a value."""
    return ('{"job":{"repository":"acme/raw","ref":"refs/heads/main","workflow":"w","run_id":%s},'
            '"permissions":{"id-token":"write"}}' % literal)


def deep(opening: str, closing: str, depth: int) -> str:
    return opening * depth + closing * depth


MALFORMED_JSON: dict[str, bytes | str] = {
    # duplicates, also through an escape
    "the same member twice": '{"job":{"repository":"acme/a","ref":"r","workflow":"w","run_id":"1"},'
                             '"job":{"repository":"acme/b","ref":"r","workflow":"w","run_id":"1"}}',
    "the same fact twice": '{"job":{"repository":"acme/a","repository":"acme/b","ref":"r","workflow":"w","run_id":"1"}}',
    "the same fact twice by an escape": '{"job":{"repository":"acme/a","\\u0072epository":"acme/b","ref":"r",'
                                        '"workflow":"w","run_id":"1"}}',
    "the same name of a token twice": document()[:-1] + ',"id_tokens":{"A":{"aud":"a"},"A":{"aud":"b"}}}',
    "the same audience member twice": document()[:-1] + ',"id_tokens":{"A":{"aud":"a","aud":"b"}}}',
    # what is not JSON at all
    "nothing": b"",
    "a space": b" ",
    "a word": "hello",
    "a brace": "{",
    "a closing brace": "}",
    "an unfinished document": document()[:-1],
    "a document and more": document() + "x",
    "two documents": document() * 2,
    "two lines of documents": document() + "\n" + document(),
    "a trailing comma": document()[:-1] + ",}",
    "a trailing comma in an array": document()[:-1] + ',"audiences":["a",]}',
    "a leading comma": "{," + document()[1:],
    "two commas": document()[:-1] + ',,"expires_in":60}',
    "no comma": document()[:-1] + ' "expires_in":60}',
    "no colon": '{"job" {}}',
    "two colons": '{"job"::{}}',
    "an equals sign": '{"job"={}}',
    "single quotes": document().replace('"', "'"),
    "bare names": '{job:{repository:"acme/a"}}',
    "a line comment": "// hello\n" + document(),
    "a block comment": document()[:-1] + "/* hello */}",
    "a hash comment": "# hello\n" + document(),
    "NaN": document()[:-1] + ',"expires_in":NaN}',
    "infinity": document()[:-1] + ',"expires_in":Infinity}',
    "undefined": with_fact("undefined"),
    "a capital True": with_fact("True"),
    "a form": "repository=acme/a&ref=r",
    "XML": "<job/>",
    "YAML": "job:\n  repository: acme/a\n",
    # numbers
    "a leading zero": document()[:-1] + ',"expires_in":0060}',
    "a plus": document()[:-1] + ',"expires_in":+60}',
    "a bare point": document()[:-1] + ',"expires_in":.5}',
    "a trailing point": document()[:-1] + ',"expires_in":60.}',
    "hexadecimal": document()[:-1] + ',"expires_in":0x3c}',
    "a huge exponent": document()[:-1] + ',"expires_in":1e99999}',
    "a huge negative exponent": document()[:-1] + ',"expires_in":1e-99999}',
    "a million digits no, ten thousand": document()[:-1] + ',"expires_in":' + "9" * 10_000 + "}",
    "a minus alone": document()[:-1] + ',"expires_in":-}',
    "minus zero": document()[:-1] + ',"expires_in":-0}',
    # strings
    "a raw line feed": with_fact('"a\nb"'),
    "a raw tab": with_fact('"a\tb"'),
    "a raw NUL": with_fact('"a\x00b"'),
    "a bad escape": with_fact('"\\x41"'),
    "a short escape": with_fact('"\\u12"'),
    "an escape that is no number": with_fact('"\\uZZZZ"'),
    "an unfinished escape": with_fact('"\\'),
    "an unfinished string": with_fact('"abc'),
    "a lone high surrogate": with_fact('"\\ud800"'),
    "a lone low surrogate": with_fact('"\\udc00"'),
    "surrogates the wrong way round": with_fact('"\\udc00\\ud800"'),
    "a NUL by an escape": with_fact('"a\\u0000b"'),
    # encodings
    "a byte order mark": b"\xef\xbb\xbf" + document().encode(),
    "UTF-16 little": document().encode("utf-16-le"),
    "UTF-16 big": document().encode("utf-16-be"),
    "UTF-16 with a mark": document().encode("utf-16"),
    "UTF-32": document().encode("utf-32"),
    "Latin-1": with_fact('"\xe4"').encode("latin-1"),
    "an overlong slash": with_fact('"@"').encode().replace(b"@", b"\xc0\xaf"),
    "a surrogate in UTF-8": with_fact('"@"').encode().replace(b"@", b"\xed\xa0\x80"),
    "a code point beyond the last": with_fact('"@"').encode().replace(b"@", b"\xf4\x90\x80\x80"),
    "a cut sequence": with_fact('"@"').encode().replace(b"@", b"\xe2\x82"),
    "a stray continuation": with_fact('"@"').encode().replace(b"@", b"\x80"),
    "random bytes": bytes(random.Random(7).randbytes(400)),
    "NUL bytes": b"\x00" * 100,
    # shapes
    "null": "null", "true": "true", "a number": "5", "a string": '"job"', "an array": "[]", "an array of jobs": f"[{document()}]",
    "an empty object": "{}",
    "no job": '{"permissions":{"id-token":"write"}}',
    "a job that is null": '{"job":null}', "a job that is an array": '{"job":[]}', "a job that is a string": '{"job":"x"}',
    "an empty job": '{"job":{}}',
    "a fact that is an object": with_fact("{}"), "a fact that is an array": with_fact('["1"]'),
    "a fact that is a number": with_fact("1"), "a fact that is null": with_fact("null"),
    "permissions that are an array": document(permissions=[]),
    "id_tokens that are an array": document(id_tokens=[]), "id_tokens that are a string": document(id_tokens="x"),
    "id_tokens that are null": document(id_tokens=None),
    # depth and width
    "ten levels": document()[:-1] + ',"audiences":' + deep("[", "]", 10) + "}",
    "a thousand levels": with_fact(deep("[", "]", 1000)),
    "ten thousand levels of objects": with_fact(deep('{"a":', "}", 10_000).replace(":}", ":1}")),
    "thirty thousand open brackets": "[" * 30_000,
    "thirty thousand open braces": '{"a":' * 6_000,
    "four thousand members": "{" + ",".join(f'"m{number}":1' for number in range(4000)) + "}",
    "a long name": document()[:-1] + ',"' + "x" * 30_000 + '":1}',
    "a thousand named tokens": document(id_tokens={f"T{number}": {"aud": "a"} for number in range(1000)}),
}


@pytest.mark.parametrize("name", MALFORMED_JSON)
def test_a_malformed_registration_is_400(runner, name):
    body = MALFORMED_JSON[name]
    body = body.encode() if isinstance(body, str) else body
    started = time.monotonic()
    assert_error(runner.post(body), 400, error="invalid_request")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("name", list(MALFORMED_JSON)[:40])
def test_a_malformed_change_is_400(runner, job, name):
    body = MALFORMED_JSON[name]
    assert_error(runner.patch(job.id, body.encode() if isinstance(body, str) else body), 400, error="invalid_request")


def test_white_space_and_escapes_that_json_allows_are_read(runner):
    text = '\r\n\t {"j\\u006fb" : {"repository":"acme\\/allowed","ref":"r","workflow":"\\u00e9\\ud83d\\ude80",' \
           '"run_id":"1"}\n, "permissions" : { "id-token":"write" } }  \n'
    answer = runner.post(text.encode())
    if answer.status == 201:
        assert harness.Job(runner.issuer, answer).claims()["workflow"] == "é🚀"
    else:
        assert "workflow" in assert_error(answer, 400)["error_description"]


@pytest.mark.parametrize("kind", [
    "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/xml", "application/octet-stream", "application/json-patch+json", "application/jsonp", "json", "*/*",
    "application/", "/json", ";", "application/json, text/plain", "application/jwt", "application/json; charset=utf-7",
    "application/json; charset=utf-16", "application/jose+json", "",
])
def test_another_content_type_is_415(runner, kind):
    assert_error(runner.post(registration(), headers={"Content-Type": kind}), 415)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8",
                                  "Application/JSON"])
def test_the_content_type_of_json_is_taken_in_its_spellings(runner, kind):
    assert runner.post(registration(), headers={"Content-Type": kind}).status == 201


def test_no_content_type_is_415(issuer, runner):
    answer = issuer.call("POST", "/v1/jobs", body=document().encode(), headers=bearer(runner.credential))
    assert_error(answer, 415)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_an_exchange_in_another_content_type_is_415(issuer, job, kind):
    body = urllib.parse.urlencode({"grant_type": harness.GRANT_TYPE, "subject_token": job.request_token,
                                   "subject_token_type": harness.ACCESS_TOKEN_TYPE, "audience": "a"}).encode()
    assert_error(issuer.call("POST", "/token", body=body, headers={"Content-Type": kind}), 415)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "compress", "zstd", "gzip, gzip", "x-gzip", "nonsense"])
def test_a_content_encoding_is_415(issuer, runner, job, encoding):
    packed = gzip.compress(document().encode())
    assert_error(runner.post(packed, headers={"Content-Encoding": encoding}), 415)
    assert_error(runner.post(registration(), headers={"Content-Encoding": encoding}), 415)
    answer = issuer.call("POST", "/token", body=packed, headers={**FORM_TYPE, "Content-Encoding": encoding})
    assert_error(answer, 415)


def test_a_decompression_bomb_is_not_unpacked(runner):
    started = time.monotonic()
    assert_error(runner.post(gzip.compress(b" " * 30_000_000), headers={"Content-Encoding": "gzip"}), 415)
    assert time.monotonic() - started < 3


# --- sizes

def test_a_body_over_the_limit_is_413(issuer, runner):
    padded = document() + " " * 100_000
    assert_error(runner.post(padded.encode()), 413)
    assert_error(issuer.call("POST", "/token", headers=FORM_TYPE, body=b"x=" + b"a" * 100_000), 413)


def test_an_announced_body_over_the_limit_is_413_before_it_comes(issuer, runner):
    for length in (10_000_000, 2**31, 2**40, 2**62):
        started = time.monotonic()
        received, _ = raw_exchange(issuer.port, (
            f"POST /v1/jobs HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {runner.credential}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{").encode(), timeout=4)
        assert statuses_in(received)[:1] == [413], received[:200]
        assert time.monotonic() - started < 5


def test_a_chunked_body_over_the_limit_is_413(issuer, runner):
    head = (f"POST /v1/jobs HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {runner.credential}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    received, _ = raw_exchange(issuer.port, head + chunk * 30, timeout=4)
    assert statuses_in(received)[:1] == [413], received[:200]


def test_a_chunked_body_within_the_limit_is_read(issuer, runner):
    body = document().encode()
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:10], body[10:]))
    received, _ = raw_exchange(issuer.port, (
        f"POST /v1/jobs HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {runner.credential}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode() + pieces + b"0\r\n\r\n")
    assert statuses_in(received) == [201], received[:300]


@pytest.mark.parametrize("target", ["/.well-known/jwks", "/v1/jobs", "/token", "/nothing"])
def test_a_request_line_over_the_limit_is_414(issuer, target):
    for tail in ("?" + "a" * 20_000, "/" + "a" * 20_000, "/.." * 8_000):
        received, _ = raw_exchange(issuer.port, f"GET {target}{tail} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(),
                                   timeout=4)
        assert statuses_in(received)[:1] == [414], received[:200]


@pytest.mark.parametrize("fields", [
    ["X-Long: " + "a" * 20_000],
    ["X-" + "a" * 20_000 + ": x"],
    [f"X-Header-{number}: x" for number in range(300)],
    [f"X-Header-{number}: " + "a" * 2000 for number in range(20)],
    ["Authorization: Bearer " + "A" * 20_000],
    ["Cookie: " + "a=b; " * 5_000],
    ["If-None-Match: " + '"x", ' * 4_000],
], ids=["long value", "long name", "many", "large together", "long credential", "long cookie", "long list"])
def test_headers_over_the_limit_are_431(issuer, fields):
    request = "\r\n".join(["GET /.well-known/jwks HTTP/1.1", f"Host: {HOST}", *fields]) + "\r\n\r\n"
    received, _ = raw_exchange(issuer.port, request.encode(), timeout=4)
    assert statuses_in(received)[:1] == [431], received[:200]


def test_headers_within_the_limit_are_taken(issuer):
    fields = [f"X-Header-{number}: {'a' * 60}" for number in range(30)] + ["X-Long: " + "a" * 4000]
    request = "\r\n".join(["GET /.well-known/jwks HTTP/1.1", f"Host: {HOST}", *fields]) + "\r\n\r\n"
    received, _ = raw_exchange(issuer.port, request.encode(), timeout=2)
    assert statuses_in(received)[:1] == [200], received[:200]


# --- framing

def refused_and_closed(issuer, request: bytes, *, exactly: int | None = None) -> None:
    """One refusal at most, no answer to a smuggled second request, and the connection is closed."""
    received, closed = raw_exchange(issuer.port, request, timeout=8)
    statuses = statuses_in(received)
    assert len(statuses) <= 1, f"more than one answer: {received[:600]!r}"
    assert closed, f"the connection stays open after {statuses}"
    if exactly is not None:
        assert statuses == [exactly], received[:300]
    assert all(400 <= status < 500 or status in (501, 505) for status in statuses), received[:300]
    if statuses and exactly:
        head = received.split(b"\r\n\r\n")[0].lower()
        assert b"connection: close" in head, head


SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("fields, body", [
    ("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + SMUGGLED),
    ("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n" + SMUGGLED),
    ("Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + SMUGGLED),
    ("content-length: 5\r\ntransfer-encoding: Chunked", "0\r\n\r\n" + SMUGGLED),
    ("Content-Length: 5\r\nTransfer-Encoding: identity", "hello" + SMUGGLED),
])
def test_a_length_and_a_transfer_encoding_together_are_400_and_the_end(issuer, fields, body):
    for target in ("/v1/jobs", "/token", "/.well-known/jwks"):
        request = f"POST {target} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n{fields}\r\n\r\n{body}"
        refused_and_closed(issuer, request.encode(), exactly=400)


AMBIGUOUS = {
    "two lengths": "Content-Length: 5\r\nContent-Length: 6",
    "two lengths in one": "Content-Length: 5, 6",
    "a negative length": "Content-Length: -1",
    "a length with a plus": "Content-Length: +5",
    "a length in hexadecimal": "Content-Length: 0x5",
    "a length that is a word": "Content-Length: five",
    "a length with a space": "Content-Length: 5 5",
    "an empty length": "Content-Length:",
    "a length with a point": "Content-Length: 5.0",
    "a length beyond 64 bits": "Content-Length: 99999999999999999999999",
    "chunked twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "chunked not last": "Transfer-Encoding: chunked, identity",
    "an unknown coding": "Transfer-Encoding: xchunked",
    "a coding with a tab": "Transfer-Encoding:\tchunked, \x0bchunked",
    "a folded header": "X-Folded: a\r\n b",
    "a folded length": "Content-Length:\r\n 5",
    "a space before the colon": "Content-Length : 5",
    "a space in a name": "X Name: 5",
    "no colon": "Nonsense",
    "an empty name": ": x",
    "a NUL in a value": "X-Nul: a\x00b",
    "a NUL in a name": "X\x00Nul: a",
    "a control character in a value": "X-Control: a\x01b",
    "a bare carriage return": "X-Return: a\rContent-Length: 5",
    "a bare line feed in a value": "X-Feed: a\nTransfer-Encoding: chunked\r\nContent-Length: 5",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_framing_is_refused_and_the_connection_closed(issuer, name):
    request = (f"POST /v1/jobs HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n{AMBIGUOUS[name]}\r\n\r\n"
               f"hello{SMUGGLED}")
    refused_and_closed(issuer, request.encode("latin-1"))


@pytest.mark.parametrize("request_text", [
    f"GET /.well-known/jwks HTTP/1.1\nHost: {HOST}\n\n" + SMUGGLED,
    f"GET /.well-known/jwks HTTP/1.1\r\nHost: {HOST}\n\r\n" + SMUGGLED,
    f" GET /.well-known/jwks HTTP/1.1\r\nHost: {HOST}\r\n X: y\r\n\r\n",
    f"GET /.well-known/jwks\r\nHost: {HOST}\r\n\r\n",
    f"GET /.well-known/jwks HTTP/2.7\r\nHost: {HOST}\r\n\r\n",
    f"GET /.well-known/jwks HTTP/1.1 x\r\nHost: {HOST}\r\n\r\n",
    f"GET /.well-known/jwks http/1.1\r\nHost: {HOST}\r\n\r\n",
    f"G\x00T /.well-known/jwks HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    f"GET /.well-known/\x00jwks HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    f"GET /.well-known/jw ks HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    f"GET .well-known/jwks HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 200,
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00" * 60,
    "\x00" * 100 + "\r\n\r\n",
    "{}\r\n\r\n",
], ids=["bare line feeds", "one bare line feed", "a leading space", "no version", "another version",
        "more behind the version", "a small http", "NUL in the method", "NUL in the target", "a space in the target",
        "no leading slash", "a TLS hello", "an HTTP/2 preface", "NULs", "JSON"])
def test_a_malformed_request_line_is_refused_and_the_connection_closed(issuer, request_text):
    refused_and_closed(issuer, request_text.encode("latin-1"))


@pytest.mark.parametrize("chunks", [
    "zz\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "fffffffffffffffffff\r\nhello",
    "0x5\r\nhello\r\n0\r\n\r\n", "\r\n5\r\nhello\r\n0\r\n\r\n", "5 5\r\nhello\r\n0\r\n\r\n",
])
def test_a_malformed_chunk_is_refused_and_the_connection_closed(issuer, runner, chunks):
    request = (f"POST /v1/jobs HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {runner.credential}\r\n"
               f"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{SMUGGLED}")
    received, closed = raw_exchange(issuer.port, request.encode(), timeout=8)
    statuses = statuses_in(received)
    assert closed and len(statuses) <= 1 and all(400 <= status < 500 for status in statuses), received[:300]


def test_no_host_and_two_hosts_are_400(issuer):
    for fields in ("", f"Host: {HOST}\r\nHost: evil.example\r\n"):
        received, _ = raw_exchange(issuer.port, f"GET /.well-known/jwks HTTP/1.1\r\n{fields}\r\n".encode(), timeout=4)
        assert statuses_in(received)[:1] == [400], received[:200]


def test_two_requests_on_one_connection_get_two_answers_in_order(issuer):
    request = f"GET /.well-known/openid-configuration HTTP/1.1\r\nHost: {HOST}\r\n\r\n" \
              f"GET /nothing HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    received, closed = raw_exchange(issuer.port, request.encode(), timeout=8)
    assert statuses_in(received) == [200, 404] and closed


def test_a_client_that_goes_away_in_the_middle_does_no_harm(issuer, runner):
    body = document().encode()
    head = (f"POST /v1/jobs HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {runner.credential}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    whole = head + body
    for cut in range(1, len(whole), 23):
        with socket.create_connection((HOST, issuer.port), timeout=5) as connection:
            connection.sendall(whole[:cut])
            if cut % 2:  # with a reset instead of an orderly end
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    issuer.assert_alive()


# --- parameters and paths of the runner plane

@pytest.mark.parametrize("query", ["%", "%zz", "a=%ff", "=", "&&&&", "audience=%", "&=&=&", "?" * 50, "a" * 3000,
                                   "audience=a&" + "x=y&" * 200, "audience%00=a", "%61udience=%"])
def test_a_malformed_query_is_400_or_has_no_audience(job, query):
    answer = job.issuer.get(f"{job.bare_target}?{query}", headers=bearer(job.request_token))
    if answer.status != 200:
        assert_error(answer, 400)


@pytest.mark.parametrize("name", [
    "..", ".", "%2e%2e", "x", "0", "-1", "%00", "a%2fb", "a" * 1000, "é".encode().hex(), "%c3%a9", "1' OR '1'='1", "*",
    "%", "%zz", "null", "{id}", "../../../../etc/passwd", ";", "jwj_x", "~",
])
def test_a_job_id_that_is_not_one_is_404(issuer, runner, job, name):
    name = name.replace(" ", "%20")
    target = f"/v1/jobs/{name}"
    assert_error(issuer.call("DELETE", target, headers=bearer(runner.credential)), (404, 400, 405))
    assert_error(issuer.call("PATCH", target, body=b'{"job":{"sha":"a"}}',
                             headers={**bearer(runner.credential), **JSON_TYPE}), (404, 400, 405))
    assert_error(issuer.get(f"{target}/id-token?audience=a", headers=bearer(job.request_token)), (404, 400, 401, 403))


@pytest.mark.parametrize("tail", ["/", "/id-token/", "//id-token", "/ID-TOKEN", "/id%2dtoken", "/id-token;x", "/idtoken",
                                  "/id-token/x", "/heartbeat/x", "/./id-token", "/x/../id-token", "/id-token%00"])
def test_only_the_exact_paths_of_a_job_are_served(issuer, job, tail):
    target = f"/v1/jobs/{job.id}{tail}?api-version=1&audience=a"
    for method in ("GET", "POST"):
        assert_error(issuer.call(method, target, headers=bearer(job.request_token)), (404, 400, 405))


# --- a form

@pytest.mark.parametrize("body", [
    b"", b"&", b"=", b"&&&", b"%", b"grant_type=%zz", b"grant_type=%ff", b"\xff\xfe", b"{}", b"grant_type", b"=x",
    b"grant_type=" + harness.GRANT_TYPE.encode() + b"&subject_token=%00", b"a=b&" * 3000, b"grant_type=a;b=c",
    b"\x00", b"grant_type[]=x", "grant_type=ä".encode("latin-1"), b"a" * 30_000,
], ids=lambda body: ascii(body)[:30])
def test_a_malformed_form_is_400(issuer, body):
    assert_error(issuer.call("POST", "/token", body=body, headers=FORM_TYPE), 400,
                 error=("invalid_request", "unsupported_grant_type"))


# --- a seeded fuzz over both planes

FUZZ_ROUNDS = 1500
INTERESTING = [b"\x00", b"\r", b"\n", b"\r\n", b"%00", b"%", b"%zz", b"..", b"//", b"\xff", b"\xc3\x28", b"\xf0\x9f\x9a\x80",
               b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u0000", b"\\ud800", b",", b":", b"-1", b"1e999", b"9" * 30, b"null",
               b"true", b"&", b"=", b"&audience=", b"?", b"#", b" ", b"a" * 3000, b"'", b"' OR 1=1--", b"e\xcc\x81",
               b"jwj_", b"jwr_", b"*", b".", b"\xe2\x80\xae", b'{"a":' * 50, b"[" * 200]


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        position = chance.randrange(len(changed) + 1)
        match chance.randrange(7):
            case 0 if changed:
                changed[position % len(changed)] = chance.randrange(256)
            case 1:
                changed[position:position] = chance.choice(INTERESTING)
            case 2:
                del changed[position:position + chance.randrange(1, 12)]
            case 3:
                end = position + chance.randrange(1, 40)
                changed[position:position] = changed[position:end]
            case 4 if changed:
                changed[position % len(changed)] ^= 1 << chance.randrange(8)
            case 5:
                changed[position:position + chance.randrange(1, 6)] = chance.choice(INTERESTING)
            case _:
                del changed[position:]
    return bytes(changed)


def in_head(data: bytes) -> bytes:
    """A mutated target or value without what would end the line or the request."""
    return re.sub(rb"[\r\n\x00 ]", b"~", data)


def test_a_seeded_fuzz_of_both_planes_gives_no_5xx_and_no_crash(issuers):
    issuer = issuers.start()
    runner = issuer.runner("acme/*")
    job = runner.register(registration(expires_in=86400))
    leased = runner.register()
    rich = json.dumps({
        **registration(harness.full_facts()), "audiences": ["sts.amazonaws.com", "sigstore"], "reference": "builds/1",
        "id_tokens": {"A_TOKEN": {"aud": "a", "expires_in": 60}, "B_TOKEN": {"aud": ["a", "b"]}}, "expires_in": 3600,
        "lease": 60}).encode()
    form = urllib.parse.urlencode([
        ("grant_type", harness.GRANT_TYPE), ("subject_token", job.request_token),
        ("subject_token_type", harness.ACCESS_TOKEN_TYPE), ("audience", "a"), ("audience", "b"),
        ("requested_token_type", harness.JWT_TYPE)]).encode()
    mine, its = bearer(runner.credential)["Authorization"], bearer(job.request_token)["Authorization"]
    seeds = [
        ("POST", "/v1/jobs", mine, "application/json", rich),
        ("POST", "/v1/jobs", mine, "application/json", rich),
        ("POST", "/v1/jobs", mine, "application/json", json.dumps(registration(facts())).encode()),
        ("PATCH", f"/v1/jobs/{leased.id}", mine, "application/json", b'{"job":{"sha":"0f0f","actor":"alice"}}'),
        ("DELETE", "/v1/jobs?reference=builds%2F2", mine, None, b""),
        ("POST", f"/v1/jobs/{leased.id}/heartbeat", mine, None, b""),
        ("GET", job.request_target + "&audience=sts.amazonaws.com", its, None, b""),
        ("POST", job.request_target + "&serviceConnectionId=x", its, "application/json", b""),
        ("POST", "/token", None, "application/x-www-form-urlencoded", form),
        ("POST", "/token", None, "application/x-www-form-urlencoded", form),
        ("GET", "/.well-known/openid-configuration", None, None, b""),
        ("GET", "/.well-known/jwks", None, None, b""),
    ]
    chance = random.Random(20261121)
    requests = []
    for _ in range(FUZZ_ROUNDS):
        method, target, authorization, kind, body = chance.choice(seeds)
        target, fields = target.encode(), [(b"Host", HOST.encode())]
        if authorization:
            fields.append((b"Authorization", authorization.encode()))
        if kind:
            fields.append((b"Content-Type", kind.encode()))
        fields.append((b"If-None-Match", b'"x"'))
        what = chance.random()
        if body and what < 0.7:
            body = mutated(body, chance)
        elif what < 0.85 or not body and what < 0.9:
            target = in_head(mutated(target, chance)) or b"/"
        else:
            spoiled = chance.randrange(len(fields))
            name, value = fields[spoiled]
            fields[spoiled] = (name, in_head(mutated(value, chance)))
        if chance.random() < 0.05:
            method = chance.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
        fields += [(b"Connection", b"close"), (b"Content-Length", str(len(body)).encode())]
        requests.append(method.encode() + b" " + target + b" HTTP/1.1\r\n"
                        + b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n" + body)

    def send(request: bytes) -> tuple[list[int], bytes]:
        received, _ = raw_exchange(issuer.port, request, timeout=10)
        return statuses_in(received), received

    answers = harness.in_parallel(send, requests, threads=4)
    for request, (statuses, received) in zip(requests, answers):
        assert all(status < 500 for status in statuses), f"{request!r} gave {received[:500]!r}"
        assert len(statuses) <= 1, f"{request!r} gave {received[:500]!r}"
        if 400 <= (statuses or [0])[0] and not request.startswith(b"HEAD") and b"application/json" in received:
            body = received.split(b"\r\n\r\n", 1)[1]
            assert body.startswith(b"{") and b'"error"' in body, received
    answered = sum(1 for statuses, _ in answers if statuses)
    assert answered > 0.9 * FUZZ_ROUNDS, f"only {answered} of {FUZZ_ROUNDS} requests were answered"
    issuer.assert_alive()
    assert job.ask().status == 200
    assert runner.register().ask().status == 200
    assert issuer.stop() == 0
