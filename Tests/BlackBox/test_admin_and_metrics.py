"""What the operator sees: the metrics listener, readiness, and an admin plane that is nowhere else."""

from __future__ import annotations

import os
import re
import stat
import subprocess

import pytest

import harness
from harness import assert_error, bearer, call, facts, full_facts, registration

SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})?'
    r' (NaN|[+-]?Inf|[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(?: -?[0-9]+)?')


def metrics(issuer) -> tuple[dict[str, str], list[tuple[str, str, float]]]:
    """The exposition, parsed: types by name, and samples with their labels."""
    answer = call(issuer.metrics_port, "GET", "/metrics")
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("text/plain")
    assert answer.body.endswith(b"\n")
    types, samples = {}, []
    for line in answer.body.decode("utf-8").splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in ("counter", "gauge", "histogram", "summary", "untyped"), line
            assert name not in types, f"{name} has two types"
            types[name] = kind
        elif line and not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line!r}"
            samples.append((match[1], match[2] or "", float(match[3])))
    return types, samples


def send_with_method(issuer, method: str) -> None:
    """A method nobody knows; whether it is answered or cut off is not the question here."""
    harness.raw_exchange(issuer.port, f"{method} /v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


def test_liveness_and_readiness_answer(issuer):
    for path in ("/livez", "/readyz"):
        answer = call(issuer.metrics_port, "GET", path)
        assert answer.status == 200, answer
        assert "public" not in (answer.header("Cache-Control") or "")


def test_the_metrics_are_an_exposition(issuer, runner):
    runner.register().token()
    types, samples = metrics(issuer)
    assert samples and types
    families = {re.sub(r"_(bucket|sum|count|total|created)$", "", name) for name, _, _ in samples} \
        | {name for name, _, _ in samples}
    assert families & set(types), "no sample belongs to a type"
    assert len({(name, labels) for name, labels, _ in samples}) == len(samples), "the same sample twice"


def test_the_metrics_count_tokens_and_refusals(issuer, runner):
    def total() -> float:
        types, samples = metrics(issuer)
        return sum(value for name, _, value in samples if types.get(name) == "counter" or name.endswith("_total"))

    before = total()
    job = runner.register(registration(audiences=["a"]))
    job.token("a")
    job.ask("b")
    assert total() >= before + 2


def test_the_metrics_name_no_repository_no_runner_and_no_secret(issuer, runner):
    canary = "canary-repository-7f3a"
    other = issuer.runner("acme/*", name="canary-runner-7f3a")
    job = other.register(registration(full_facts(
        repository=f"acme/{canary}", workflow="canary-workflow-7f3a", ref="refs/heads/canary-ref-7f3a",
        actor="canary-actor-7f3a", environment="canary-environment-7f3a"), reference="canary-reference-7f3a"))
    job.token("https://canary-audience-7f3a.example")
    job.ask(issuer.url)
    issuer.get("/canary-path-7f3a")
    issuer.get("/v1/jobs/canary-job-7f3a/id-token?audience=canary-query-7f3a", headers=bearer(job.request_token))
    send_with_method(issuer, "CANARY7F3A")
    text = call(issuer.metrics_port, "GET", "/metrics").text
    assert "7f3a" not in text.lower(), re.findall(r".*7f3a.*", text, re.IGNORECASE)
    for secret in (job.request_token, other.credential, job.id, "eyJ"):
        assert secret not in text


def test_the_number_of_series_does_not_grow_with_what_clients_send(issuer, runner):
    def visit(round_name: str) -> int:
        for number in range(20):
            issuer.get(f"/{round_name}/{number}")
            send_with_method(issuer, f"VERB{round_name.upper()}{number}")
        for number in range(5):
            runner.register(registration(facts())).token(f"https://{round_name}{number}.example")
        return len(metrics(issuer)[1])

    visit("a")
    first = visit("b")
    assert visit("c") <= first + 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
def test_the_metrics_listener_only_reads(issuer, method, path):
    assert call(issuer.metrics_port, method, path).status in (404, 405)


@pytest.mark.parametrize("path", [
    "/", "/v1/jobs", "/token", "/.well-known/jwks", "/admin", "/v1/runners", "/keys", "/v1/keys/rotate", "/debug/pprof",
    "/metrics/", "/METRICS", "//metrics", "/livez/x",
])
def test_the_metrics_listener_serves_nothing_else(issuer, path):
    for method in ("GET", "POST"):
        assert call(issuer.metrics_port, method, path).status in (404, 405)


ADMIN_PATHS = [
    "/admin", "/admin/", "/v1/admin", "/admin/runners", "/admin/keys", "/v1/runners", "/v1/runner", "/v1/keys", "/keys",
    "/v1/keys/rotate", "/keys/rotate", "/v1/repositories", "/repositories", "/v1/audit", "/audit", "/livez", "/readyz",
    "/metrics", "/healthz", "/debug", "/debug/vars", "/runners", "/runner/add", "/runner/list", "/v1/shutdown", "/_admin",
    "/-/admin", "/internal", "/v1/command", "/command", "/v1/operator", "/operator",
]


@pytest.mark.parametrize("path", ADMIN_PATHS)
def test_the_admin_plane_is_not_on_the_public_listener(issuer, runner, job, path):
    for headers in ({}, bearer(runner.credential), bearer(job.request_token)):
        for method in ("GET", "POST"):
            assert_error(issuer.call(method, path, headers=headers), 404)


def test_the_admin_socket_lies_beside_the_store_and_is_the_owners_alone(issuer):
    sockets = issuer.sockets()
    assert len(sockets) == 1
    assert sockets[0].parent == issuer.database.parent
    assert stat.S_IMODE(sockets[0].lstat().st_mode) == 0o600


@pytest.mark.parametrize("data", [
    b"", b"\n", b"{}\n", b"nonsense\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 100, b"[" * 10_000 + b"\n",
    b"{" * 10_000 + b"\n", b"\xff" * 5000, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", b"a" * 300_000,
    b"\xff\xff\xff\xff" + b"a" * 100, b"\x7f\xff\xff\xff\xff\xff\xff\xff",
], ids=lambda data: ascii(data[:20]))
def test_garbage_on_the_admin_socket_does_no_harm(issuer, data):
    (path,) = issuer.sockets()
    with harness.socket.socket(harness.socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect(str(path))
        try:
            connection.sendall(data)
            connection.shutdown(harness.socket.SHUT_WR)
            while connection.recv(4096):
                pass
        except OSError:
            pass
    assert issuer.operator("keys", "show", "--json")


def test_the_metrics_listener_is_off_unless_given(issuers):
    issuer = issuers.start(metrics=False)
    inodes = set()
    for descriptor in (harness.Path("/proc") / str(issuer.process.pid) / "fd").iterdir():
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
        except OSError:
            continue
        if found:
            inodes.add(found[1])
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in harness.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                ports.add((fields[1].split(":")[0], int(fields[1].split(":")[1], 16)))
    assert [port for _, port in ports] == [issuer.port]
    assert ports == {("0100007F", issuer.port)}, "listens on more than the loopback address"


def test_unknown_credentials_are_counted_and_only_a_sample_of_them_is_logged(issuers):
    issuer = issuers.start()
    for number in range(64):
        answer = issuer.call("POST", "/v1/jobs", headers=bearer(f"jwr_{number:043d}"), body=b"{}")
        assert answer.status == 401
    _, samples = metrics(issuer)
    assert ("jobsworth_unauthenticated_total", "", 64.0) in samples
    lines = [line for line in issuer.output().splitlines() if "credentials refused" in line]
    assert 1 <= len(lines) <= 8
    assert "jwr_" not in issuer.output()


def test_another_user_gets_no_answer_on_the_admin_socket_even_where_the_file_lets_it_in(issuers):
    issuer = issuers.start()
    (path,) = issuer.sockets()
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    if os.getuid() == 0:  # only root can be somebody else; for anybody else the mode above is what can be seen
        for folder in (issuer.directory, issuer.store_directory):
            folder.chmod(0o711)
        path.chmod(0o666)
        request = b"POST /command HTTP/1.1\r\nHost: x\r\nContent-Length: 23\r\n\r\n" + b'{"command":"keys show"}'
        script = ("import socket, sys\n"
                  "connection = socket.socket(socket.AF_UNIX)\nconnection.settimeout(5)\n"
                  "try:\n    connection.connect(sys.argv[1])\n    connection.sendall(bytes.fromhex(sys.argv[2]))\n"
                  "    print(connection.recv(4096))\nexcept OSError as error:\n    print(b'', type(error).__name__)\n")

        def asked_as(user: int) -> str:
            return subprocess.run(
                ["python3", "-c", script, str(path), request.hex()], user=user, group=user, extra_groups=[],
                capture_output=True, text=True, timeout=20, cwd="/", env={"PATH": "/usr/bin:/bin"}).stdout

        assert "200 OK" in asked_as(0)
        refused = asked_as(65534)
        assert refused.startswith("b''") and "PermissionError" not in refused, refused
