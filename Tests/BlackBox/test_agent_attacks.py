"""Attacks on the agent: by jobs of the same machine, by an issuer among several, and by what operators do wrong."""

from __future__ import annotations

import gzip
import os
import queue
import resource
import signal
import socket
import subprocess
import threading
import time

import grpc
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from spiffe._proto import workload_pb2 as pb
from spiffe._proto.workload_pb2_grpc import SpiffeWorkloadAPIStub

import harness
from agents import Agent

HEADER = ("workload.spiffe.io", "true")
EVIDENCE = "identity-exchange-token"
DENIED = grpc.StatusCode.PERMISSION_DENIED


class Watch:
    """An open FetchX509SVID, read in the background."""

    def __init__(self, agent, token: str):
        self.channel = grpc.insecure_channel(agent.endpoint.replace("unix://", "unix:"))
        self.call = SpiffeWorkloadAPIStub(self.channel).FetchX509SVID(
            pb.X509SVIDRequest(), metadata=(HEADER, (EVIDENCE, token)))
        self.answers: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for answer in self.call:
                self.answers.put(answer)
        except grpc.RpcError as error:
            self.answers.put(error)

    def next(self, seconds: float = 20):
        """The next answer, or the error that ended the stream."""
        return self.answers.get(timeout=seconds)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_) -> None:
        self.call.cancel()
        self.channel.close()


# --- open streams ------------------------------------------------------------------------------------------------------

def distrust(agent, issuer, other, how: str) -> None:
    agent.issuers = {
        "another issuer instead": [{"issuer": other.url}],
        "a claim is required": [{"issuer": issuer.url, "requiredClaims": {"repository_owner": "acme"}}],
        "another audience": [{"issuer": issuer.url, "audiences": ["https://agent.example"]}],
        "nobody": [],
    }[how]
    agent.write()


@pytest.mark.parametrize("how", ["another issuer instead", "a claim is required", "another audience", "nobody"])
def test_an_open_watch_is_not_renewed_for_a_job_that_is_no_longer_trusted(agents, how):
    issuer, other = agents.evidence_issuer(), agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    with Watch(agent, issuer.token()) as watch:
        assert watch.next().svids
        distrust(agent, issuer, other, how)
        end = watch.next()
        assert isinstance(end, grpc.RpcError), "a new SVID was given: " + end.svids[0].spiffe_id
        assert end.code() == DENIED


def signer_is_in(answer) -> bool:
    """Whether the answer's SVID was signed by an authority of the same answer's bundle."""
    return any(is_signed_by(leaf_of(answer), authority) for authority in certificates(answer.svids[0].bundle))


def leaf_of(answer) -> x509.Certificate:
    return certificates(answer.svids[0].x509_svid)[0]


def is_signed_by(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError):
        return False
    return True


def certificates(concatenated: bytes) -> list[x509.Certificate]:
    """DER one after the other; each of ours is longer than 255 bytes and shorter than 64 KiB."""
    found = []
    while concatenated:
        assert concatenated[:2] == b"\x30\x82"
        length = 4 + int.from_bytes(concatenated[2:4], "big")
        found.append(x509.load_der_x509_certificate(concatenated[:length]))
        concatenated = concatenated[length:]
    return found


def test_the_revocation_of_an_authority_brings_open_watches_an_svid_of_the_next(agents):
    issuer = agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    with Watch(agent, issuer.token()) as watch:
        answer = watch.next()
        assert signer_is_in(answer)
        (first,) = [one for one in certificates(answer.svids[0].bundle) if is_signed_by(leaf_of(answer), one)]
        (active,) = [line.split()[0] for line in agent.operator("keys", "show").splitlines()
                     if line.split()[1:3] == ["certificates", "active"]]
        agent.operator("keys", "revoke", active)
        while first in certificates(answer.svids[0].bundle):
            answer = watch.next()
        assert signer_is_in(answer), "the SVID is of the withdrawn authority, and the bundle is not"


# --- frames ------------------------------------------------------------------------------------------------------------

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS = 0, 1, 3, 4
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(text: bytes) -> bytes:
    """A string of HPACK without Huffman code (RFC 7541 §5.2)."""
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, head = len(text) - 127, b"\x7f"
    while rest >= 128:
        head, rest = head + bytes([rest % 128 + 128]), rest // 128
    return head + bytes([rest]) + text


def request(stream: int, *more: tuple[str, str], method: str = "FetchX509Bundles", ends: bool = True) -> bytes:
    fields = ((":method", "POST"), (":scheme", "http"), (":path", f"/SpiffeWorkloadAPI/{method}"),
              (":authority", "localhost"), ("content-type", "application/grpc"), ("te", "trailers"), HEADER, *more)
    block = b"".join(b"\0" + literal(name.encode()) + literal(value.encode()) for name, value in fields)
    return frame(HEADERS, END_HEADERS, stream, block) + (frame(DATA, END_STREAM, stream, bytes(5)) if ends else b"")


def connected(path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


def say(path, frames: bytes) -> bytes:
    """What is answered within a second to frames after a preface; the other end may hang up."""
    with connected(path) as connection:
        answer = b""
        try:
            connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0) + frames)
            connection.settimeout(1)
            while part := connection.recv(65_536):
                answer += part
        except OSError:
            pass
        return answer


def assert_serves(agent, issuer) -> None:
    assert agent.is_running, agent.output()
    done = agent.svid("jwt", "--audience", "https://api.example", token=issuer.token())
    assert done.returncode == 0, (done.stderr, agent.output())


TIMEOUTS = ["-1S", "-9n", "-00001S", "+1S", "0n", "99999999H", "9999999H", "1", "S", "", "1 S", "1x"]


@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_no_timeout_that_a_client_states_stops_the_agent(agents, timeout):
    issuer = agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    say(agent.socket, request(1, ("grpc-timeout", timeout)))
    assert_serves(agent, issuer)


@pytest.fixture(scope="module")
def evidence(module_agents):
    return module_agents.evidence_issuer()


@pytest.fixture(scope="module")
def agent(module_agents, evidence):
    return module_agents.start(issuers=[{"issuer": evidence.url}])


FRAMES = {
    "noise": os.urandom(50_000),
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a frame of 16 MiB": b"\xff\xff\xff\0\0\0\0\0\1" + bytes(100_000),
    "headers on no stream": request(0),
    "headers on a stream of the server's": request(2),
    "data of a stream that is not open": frame(DATA, END_STREAM, 1, bytes(5)),
    "many settings": frame(SETTINGS, 0, 0) * 20_000,
    "many pings": frame(6, 0, 0, b"12345678") * 20_000,
    "many priorities": frame(2, 0, 1, b"\0\0\0\3\10") * 20_000,
    "an index beyond the table": frame(HEADERS, END_HEADERS, 1, b"\xbf" * 1000),
    "one long header, many times": frame(
        HEADERS, END_HEADERS, 1, b"\x40\1x" + literal(b"a" * 4000) + b"\xbe" * 12_000),
    "headers without end": frame(HEADERS, 0, 1, b"") + frame(9, 0, 1, b"\0\1x" + literal(b"y" * 1000)) * 5000,
    "many headers": request(1, *((f"a{index}", "") for index in range(800))),
    "a length of 4 GiB": request(1, ends=False) + frame(DATA, 0, 1, b"\0\xff\xff\xff\xff" + bytes(1000)),
    "messages beyond one": request(1, ends=False) + frame(DATA, 0, 1, bytes(5) * 3000) * 4,
    "a compressed bomb": request(1, ("grpc-encoding", "gzip"), ends=False) + frame(
        DATA, END_STREAM, 1, b"\1" + len(gzip.compress(bytes(10_000_000))).to_bytes(4, "big")
        + gzip.compress(bytes(10_000_000))),
    "no protobuf": request(1, method="FetchJWTSVID", ends=False) + frame(
        DATA, END_STREAM, 1, b"\0\0\0\0\4\xff\xff\xff\xff"),
    "resets": b"".join(request(2 * n + 1, ends=False) + frame(RST, 0, 2 * n + 1, b"\0\0\0\10") for n in range(2000)),
    "a peer's name in the trailers": request(1, ends=False) + frame(
        HEADERS, END_HEADERS | END_STREAM, 1, b"\0" + literal(b"jobsworth-peer-uid") + literal(b"0")),
}


@pytest.mark.parametrize("name", FRAMES)
def test_no_frames_stop_the_agent(agent, evidence, name):
    say(agent.socket, FRAMES[name])
    assert_serves(agent, evidence)


def test_a_client_cannot_say_who_it_is(agent, evidence):
    asked = (("jobsworth-peer-uid", "4242"), ("jobsworth-peer-pid", "4243"), (EVIDENCE, "forged"))
    say(agent.socket, request(1, *asked))
    harness.poll(lambda: f"peer.pid={os.getpid()} peer.uid={os.getuid()}" in agent.output(), seconds=10)
    assert "4242" not in agent.output() and "4243" not in agent.output()


# --- floods ------------------------------------------------------------------------------------------------------------

NOBODY = 65_534


class Hoarder:
    """A process of another user that opens connections, says something on each, and keeps them."""

    def __init__(self, path, count: int, words: bytes = b"", user: int = NOBODY):
        ready, done = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ready)
            try:
                self._hoard(path, count, words, user)
                os.write(done, b"+")
                signal.pause()
            finally:
                os._exit(0)
        os.close(done)
        os.read(ready, 1)
        os.close(ready)

    def _hoard(self, path, count: int, words: bytes, user: int) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + 64, count + 64))
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        self.held, deadline = [], time.monotonic() + 15
        while len(self.held) < count and time.monotonic() < deadline:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(2)
            try:
                connection.connect(str(path))
                connection.sendall(words)
                self.held.append(connection)
            except OSError:
                connection.close()
                time.sleep(0.01)

    def __enter__(self) -> "Hoarder":
        return self

    def __exit__(self, *_) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def reachable(agents):
    """An agent whose socket any user can reach, and its issuer."""
    issuer = agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    os.chmod(agent.directory, 0o755)
    assert_serves(agent, issuer)
    return agent, issuer


def test_one_user_s_idle_connections_leave_room_for_others(reachable):
    agent, issuer = reachable
    with Hoarder(agent.socket, 4200):
        assert_serves(agent, issuer)


def test_one_user_s_open_streams_leave_room_for_others(reachable):
    agent, issuer = reachable
    streams = b"".join(request(2 * index + 1) for index in range(99))
    with Hoarder(agent.socket, 86, PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0) + streams):
        # The burst itself takes a while, and more so in a debug build.
        harness.poll(lambda: agent.svid("jwt", "--audience", "https://api.example", "--timeout", "20s",
                                        token=issuer.token()).returncode == 0, seconds=90)


@pytest.mark.parametrize("settings", [b"\0\4\0\0\0\0", b""], ids=["a window of nothing", "an answer never read"])
def test_a_client_that_does_not_read_does_not_keep_the_agent_from_ending(agents, settings):
    agent = agents.start(issuers=[{"issuer": agents.evidence_issuer().url}])
    with connected(agent.socket) as connection:
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(SETTINGS, ACK, 0) + request(1))
        connection.recv(1)
        time.sleep(1)  # let the stream begin
        assert agent.stop(deadline=20) == 0


# --- logs --------------------------------------------------------------------------------------------------------------

def test_no_claim_makes_a_line_of_the_log_of_its_own(agent, evidence):
    forged = "2026-11-21T00:00:00+0000 info jobsworth.agent: forged"
    token = evidence.token(sub=f"x\n{forged}", jti="\x1b[31m\r\n" + forged)
    assert agent.svid("jwt", "--audience", "https://api.example", token=token).returncode == 0
    text = agent.log.read_bytes()
    assert b"SVID issued" in text
    assert not any(line.startswith(forged.encode()) for line in text.splitlines())
    assert b"\x1b" not in text and b"eyJ" not in text


# --- issuers -----------------------------------------------------------------------------------------------------------

def test_issuers_cannot_speak_for_each_other(agents):
    one, other = agents.evidence_issuer(), agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": one.url}, {"issuer": other.url}],
                         template="/{{jwt.issuer}}/{{jwt.claim.repo}}")
    names = set()
    for signer in (one, other):
        for named in (one, other):
            done = agent.svid("jwt", "--audience", "a", token=signer.token(iss=named.url))
            assert (done.returncode == 0) == (signer is named), done.stderr
            if signer is named:
                names.add(harness.claims_of(done.stdout.strip())["sub"])
    assert len(names) == 2


@pytest.mark.parametrize("place", ["http://localhost:{port}/keys", "http://127.0.0.2:{port}/keys", "http://127.1:{port}/keys",
                                   "http://2130706433:{port}/keys", "http://user@127.0.0.1:{port}/keys",
                                   "https://169.254.169.254/keys", "file:///etc/passwd"])
def test_discovery_does_not_lead_to_hosts_that_nobody_configured(agents, place):
    issuer, inner = agents.evidence_issuer(), agents.evidence_issuer()
    issuer.metadata_changes = {"jwks_uri": place.format(port=inner.port)}
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    done = agent.svid("jwt", "--audience", "a", "--timeout", "10s", token=issuer.token())
    assert done.returncode == 1 and not inner.fetches


def test_an_override_whose_ids_other_jobs_could_get_is_told(agents):
    """Otherwise a job that calls its environment `production` has the identity of those that are protected."""
    agent = agents.make(
        issuers=[{"issuer": "https://ci.example"}], template="/{{jwt.claim.environment}}/{{jwt.claim.repo}}",
        overrides=[{"when": {"jwt.claim.protected": "true"}, "policy": {"pathTemplate": "/production/{{jwt.claim.repo}}"}}])
    done = harness.run_cli("agent", "check", "--config", str(agent.file))
    assert done.returncode == 78 or "warning" in done.stderr


def test_audiences_that_no_record_can_hold_are_the_client_s_fault(agent, evidence):
    with grpc.insecure_channel(agent.endpoint.replace("unix://", "unix:")) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            SpiffeWorkloadAPIStub(channel).FetchJWTSVID(
                pb.JWTSVIDRequest(audience=["a" * 60_000]), metadata=(HEADER, (EVIDENCE, evidence.token())), timeout=20)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT  # Unavailable would make it try for ever


# --- the agent's file --------------------------------------------------------------------------------------------------

def with_profile(agent, *words: str) -> subprocess.CompletedProcess:
    return harness.run_cli("ci-cd", "profile", *words, "--config", str(agent.file))


def test_a_file_with_carriage_returns_is_read(agents):
    agent = agents.make()
    agent.file.write_bytes(agent.file.read_bytes().replace(b"\n", b"\r\n"))
    done = harness.run_cli("agent", "check", "--config", str(agent.file))
    assert done.returncode == 0, done.stderr
    before = agent.file.read_bytes()
    assert with_profile(agent, "create", "one", "--issuer", "https://one.example").returncode == 0
    assert agent.file.read_bytes().startswith(before)


def test_a_comment_after_a_removed_section_stays(agents):
    agent = agents.make()
    assert with_profile(agent, "create", "one", "--issuer", "https://one.example").returncode == 0
    comment = b"# the next one belongs to the red team\n"
    with agent.file.open("ab") as file:
        file.write(comment + b"---\nsection: CICDProfile\nschema: v1\nspec: {name: two, issuer: https://two.example}\n")
    assert with_profile(agent, "delete", "one").returncode == 0
    assert comment in agent.file.read_bytes()


def test_the_agent_may_still_read_its_file_after_root_changed_it(agents):
    agent = agents.make()
    os.chown(agent.file, NOBODY, NOBODY)
    os.chmod(agent.file, 0o640)
    assert with_profile(agent, "create", "one", "--issuer", "https://one.example").returncode == 0
    status = agent.file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (NOBODY, NOBODY, 0o640)


def test_commands_at_the_same_time_lose_no_change(agents):
    agent = agents.make()
    running = [subprocess.Popen(
        [str(harness.binary()), "ci-cd", "profile", "create", f"p{index}", "--issuer", f"https://p{index}.example",
         "--config", str(agent.file)], stdout=subprocess.DEVNULL, env=harness.clean_environment())
        for index in range(10)]
    assert [process.wait(60) for process in running] == [0] * 10
    assert len(with_profile(agent, "list").stdout.splitlines()) == 10


def test_what_takes_the_file_s_place_does_not_stop_the_agent(agents):
    issuer = agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    for put in (lambda: os.mkfifo(agent.file), lambda: agent.file.symlink_to("/dev/zero"),
                lambda: agent.file.write_bytes(b"[" * 100_000), lambda: agent.file.write_bytes(b"a: b\n" * 1_000_000)):
        agent.file.unlink()
        put()
        told = agent.output().count("agent file not reloaded")
        agent.process.send_signal(signal.SIGHUP)
        harness.poll(lambda: agent.output().count("agent file not reloaded") > told, seconds=20)
        assert_serves(agent, issuer)


# --- kill --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("seconds", [0.03, 0.06, 0.1, 0.15, 0.25])
def test_an_agent_that_was_killed_at_its_first_start_has_one_authority_ever_after(agents, seconds):
    agent: Agent = agents.make()
    with open(agent.log, "ab") as log:
        agent.process = subprocess.Popen(
            agent.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=agent.directory,
            env=harness.clean_environment())
    time.sleep(seconds)
    bundles = []
    for _ in range(2):
        agent.kill()
        agent.socket.unlink(missing_ok=True)
        agent.start()
        bundles.append(agent.svid("bundle", "x509").stdout)
    assert bundles[0] == bundles[1] != ""
