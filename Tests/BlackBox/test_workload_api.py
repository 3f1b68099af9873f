"""The agent's sockets as others' clients use them: raw gRPC for each row of the error table, PyPI spiffe, spiffe-defakto."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
import spiffe
from spiffe._proto import workload_pb2 as pb
from spiffe._proto.workload_pb2_grpc import SpiffeWorkloadAPIStub

import harness
from agents import QUICK_KEYS, TRUST_DOMAIN
from relays import Relay

SEED_ID = f"spiffe://{TRUST_DOMAIN}/ci/repo/acme_2Fwidgets/ref/refs_2Fheads_2Fmain"
HEADER = ("workload.spiffe.io", "true")
EVIDENCE = "identity-exchange-token"
INVALID, DENIED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED
UNIMPLEMENTED, UNAVAILABLE = grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE
MISSING = "security header missing from request"


@pytest.fixture(scope="module")
def evidence(module_agents):
    return module_agents.evidence_issuer()


@pytest.fixture(scope="module")
def agent(module_agents, evidence):
    return module_agents.start(issuers=[{"issuer": evidence.url}], settings=QUICK_KEYS)


@pytest.fixture
def stub(agent):
    with grpc.insecure_channel(agent.endpoint.replace("unix://", "unix:")) as channel:
        yield SpiffeWorkloadAPIStub(channel)


@pytest.fixture
def relay(agent, evidence, directory):
    relay = Relay(agent, evidence.token(), directory)
    yield relay
    relay.end()


def status(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        answer = call()
        for _ in answer if hasattr(answer, "cancel") else []:
            pass
    return caught.value.code(), caught.value.details()


def metadata(*tokens: str) -> list[tuple[str, str]]:
    return [HEADER, *((EVIDENCE, token) for token in tokens)]


# --- the error table ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("headers", [[], [("workload.spiffe.io", "True")], [("workload.spiffe.io", "false")],
                                     [HEADER, HEADER], [("workload.spiffe.io", "")]], ids=str)
def test_every_request_carries_the_security_header_once(stub, headers):
    for method, request in [
            (stub.FetchX509SVID, pb.X509SVIDRequest()), (stub.FetchX509Bundles, pb.X509BundlesRequest()),
            (stub.FetchJWTSVID, pb.JWTSVIDRequest(audience=["a"])), (stub.FetchJWTBundles, pb.JWTBundlesRequest()),
            (stub.ValidateJWTSVID, pb.ValidateJWTSVIDRequest(audience="a", svid="x"))]:
        assert status(lambda: method(request, metadata=headers)) == (INVALID, MISSING)


def test_what_is_missing_from_a_request_is_named(stub, evidence):
    good = metadata(evidence.token())
    for request in (pb.JWTSVIDRequest(), pb.JWTSVIDRequest(audience=[""]), pb.JWTSVIDRequest(audience=["a", ""])):
        assert status(lambda: stub.FetchJWTSVID(request, metadata=good)) == (INVALID, "audience must be specified")
    assert status(lambda: stub.ValidateJWTSVID(pb.ValidateJWTSVIDRequest(audience="a"), metadata=good)) == (
        INVALID, "svid must be specified")
    assert status(lambda: stub.ValidateJWTSVID(pb.ValidateJWTSVIDRequest(svid="x"), metadata=good)) == (
        INVALID, "audience must be specified")
    code, text = status(lambda: stub.FetchJWTSVID(
        pb.JWTSVIDRequest(audience=["a"], spiffe_id="spiffe://Example.org/x"), metadata=good))
    assert code == INVALID and text.startswith("invalid requested SPIFFE ID: ")


def test_no_identity_is_one_answer_whatever_the_reason(stub, evidence):
    token = evidence.token()
    refused = [metadata(), metadata(""), metadata("x"), metadata(token, token), metadata(evidence.token(exp=1)),
               metadata(evidence.token(repo=None)), metadata(token[:-8] + "AAAAAAAA")]
    for headers in refused:
        assert status(lambda: stub.FetchX509SVID(pb.X509SVIDRequest(), metadata=headers)) == (
            DENIED, "no identity issued")
        assert status(lambda: stub.FetchJWTSVID(pb.JWTSVIDRequest(audience=["a"]), metadata=headers)) == (
            DENIED, "no identity issued")
    assert status(lambda: stub.FetchJWTSVID(
        pb.JWTSVIDRequest(audience=["a"], spiffe_id=SEED_ID + "x"), metadata=metadata(token))) == (
            DENIED, "no identity issued")


def test_a_token_that_is_refused_gets_not_even_a_bundle(stub, evidence):
    assert next(stub.FetchJWTBundles(pb.JWTBundlesRequest(), metadata=metadata())).bundles
    for method, request in [(stub.FetchJWTBundles, pb.JWTBundlesRequest()),
                            (stub.FetchX509Bundles, pb.X509BundlesRequest())]:
        assert status(lambda: method(request, metadata=metadata(evidence.token(exp=1))))[0] == DENIED


def test_what_is_not_offered_is_unimplemented(agent):
    with grpc.insecure_channel(agent.endpoint.replace("unix://", "unix:")) as channel:
        for method in ("/SpiffeWorkloadAPI/FetchWITSVID", "/SpiffeWorkloadAPI/FetchWITBundles",
                       "/SpiffeWorkloadAPI/Other", "/other.Service/Method"):
            call = channel.unary_stream(method, request_serializer=bytes, response_deserializer=bytes)
            assert status(lambda: call(b"", metadata=metadata()))[0] == UNIMPLEMENTED


def test_a_token_too_long_for_a_request_is_refused_and_the_agent_goes_on(agent, stub, evidence):
    code, _ = status(lambda: stub.FetchX509SVID(pb.X509SVIDRequest(), metadata=metadata("x" * 17_000)))
    assert code in (grpc.StatusCode.RESOURCE_EXHAUSTED, UNAVAILABLE, grpc.StatusCode.INTERNAL)
    assert next(stub.FetchX509SVID(pb.X509SVIDRequest(), metadata=metadata(evidence.token()))).svids
    assert agent.is_running


def test_the_log_knows_who_asked_and_not_with_what(agent, stub, evidence):
    token = evidence.token(jti="seen-in-the-log")
    stub.FetchJWTSVID(pb.JWTSVIDRequest(audience=["a"]), metadata=[
        *metadata(token), ("jobsworth-peer-uid", "4711"), ("jobsworth-peer-pid", "4711")])
    text = agent.log.read_text()
    (line,) = [line for line in text.splitlines() if "seen-in-the-log" in line]
    assert SEED_ID in line and f"peer.pid={os.getpid()}" in line and f"peer.uid={os.getuid()}" in line
    assert "eyJ" not in text and "4711" not in text


# --- others' clients ---------------------------------------------------------------------------------------------------

def test_the_spiffe_package_fetches_and_validates_on_a_jobs_socket(relay):
    with spiffe.WorkloadApiClient(relay.endpoint, default_timeout=10) as client:
        context = client.fetch_x509_context()
        assert str(context.default_svid.spiffe_id) == SEED_ID
        assert context.x509_bundle_set.get_bundle_for_trust_domain(spiffe.TrustDomain(TRUST_DOMAIN)).x509_authorities
        svid = client.fetch_jwt_svid({"https://api.example"})
        assert str(svid.spiffe_id) == SEED_ID
        assert str(client.validate_jwt_svid(svid.token, "https://api.example").spiffe_id) == SEED_ID
        with pytest.raises(Exception, match="audience"):
            client.validate_jwt_svid(svid.token, "https://other.example")
        bundle = client.fetch_jwt_bundles().get_bundle_for_trust_domain(spiffe.TrustDomain(TRUST_DOMAIN))
        assert bundle.get_jwt_authority(harness.header_of(svid.token)["kid"])


def test_the_spiffe_packages_sources_start_on_a_jobs_socket(relay):
    with spiffe.X509Source(socket_path=relay.endpoint, timeout_in_seconds=20) as source:
        assert str(source.get_x509_context().default_svid.spiffe_id) == SEED_ID
    with spiffe.JwtSource(socket_path=relay.endpoint, timeout_in_seconds=20) as source:
        assert str(source.fetch_svid({"https://api.example"}).spiffe_id) == SEED_ID


def test_the_defakto_package_fetches_on_a_jobs_socket(relay, processes):
    client = Path(__file__).with_name("defakto_client.py")
    process = processes(sys.executable, client, relay.socket, stdout=subprocess.PIPE, text=True)
    fetched = harness.strict_json(process.stdout.readline())
    assert fetched["x509"] == fetched["jwt"] == SEED_ID


def test_a_watch_on_a_jobs_socket_sees_a_rotation(agent, relay):
    seen: queue.Queue = queue.Queue()
    with spiffe.WorkloadApiClient(relay.endpoint) as client:
        handle = client.stream_x509_contexts(seen.put, seen.put)
        first = seen.get(timeout=20)
        agent.rotate()
        second = seen.get(timeout=30)
        handle.cancel()
    domain = spiffe.TrustDomain(TRUST_DOMAIN)
    bundles = [context.x509_bundle_set.get_bundle_for_trust_domain(domain).x509_authorities
               for context in (first, second)]
    assert bundles[0] != bundles[1]


# --- the socket of a job -----------------------------------------------------------------------------------------------

def test_a_jobs_socket_is_its_owners_alone(relay):
    assert relay.socket.stat().st_mode & 0o7777 == 0o600


def test_a_jobs_socket_adds_the_jobs_token_and_takes_no_other(relay, evidence):
    with grpc.insecure_channel(relay.endpoint.replace("unix://", "unix:")) as channel:
        stub = SpiffeWorkloadAPIStub(channel)
        other = metadata(evidence.token(repo="acme/other"))
        (svid,) = stub.FetchJWTSVID(pb.JWTSVIDRequest(audience=["a"]), metadata=other).svids
        assert svid.spiffe_id == SEED_ID


def test_a_jobs_socket_follows_its_token_file_and_ends_with_the_token(agent, evidence, directory):
    relay = Relay(agent, evidence.token(lifetime=4), directory)
    try:
        relay.write(evidence.token(lifetime=8, repo="acme/gadgets"))
        time.sleep(2)
        with spiffe.WorkloadApiClient(relay.endpoint, default_timeout=10) as client:
            assert "acme_2Fgadgets" in str(client.fetch_jwt_svid({"a"}).spiffe_id)
        assert relay.process.wait(30) == 0
        assert not relay.socket.exists()
    finally:
        relay.end()


def test_a_jobs_socket_goes_with_a_signal(relay):
    relay.process.send_signal(signal.SIGTERM)
    assert relay.process.wait(15) == 0
    assert not relay.socket.exists()


def test_a_jobs_socket_says_that_its_agent_is_away_and_goes_on_when_it_is_back(agents, evidence, directory):
    agent = agents.start(issuers=[{"issuer": evidence.url}])
    relay = Relay(agent, evidence.token(), directory)
    try:
        with grpc.insecure_channel(relay.endpoint.replace("unix://", "unix:")) as channel:
            stub = SpiffeWorkloadAPIStub(channel)
            assert stub.FetchJWTSVID(pb.JWTSVIDRequest(audience=["a"]), metadata=metadata()).svids
            agent.stop()
            assert status(lambda: stub.FetchJWTSVID(
                pb.JWTSVIDRequest(audience=["a"]), metadata=metadata()))[0] == UNAVAILABLE
            agent.start()
            deadline = time.monotonic() + 20
            while True:
                try:
                    assert stub.FetchJWTSVID(pb.JWTSVIDRequest(audience=["a"]), metadata=metadata()).svids
                    break
                except grpc.RpcError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
    finally:
        relay.end()


def test_an_expired_token_is_refused_at_the_start(agent, evidence, directory):
    token = directory / "token"
    token.touch(mode=0o600)
    token.write_text(evidence.token(exp=1))
    done = harness.run_cli("agent", "socket", "--token-file", str(token), "--socket", str(directory / "j.sock"),
                           "--config", str(agent.file))
    assert done.returncode == 1 and "expired" in done.stderr and done.stdout == ""
