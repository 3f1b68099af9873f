"""A SPIFFE Workload API on a Unix socket that does what a test tells it to, right or wrong, with real certificates."""

from __future__ import annotations

import base64
import datetime
import json
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf import struct_pb2
from spiffe._proto import workload_pb2, workload_pb2_grpc

TRUST_DOMAIN = "example.org"
SVID_ID = f"spiffe://{TRUST_DOMAIN}/ci/widgets"
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


def key_bytes(key) -> bytes:
    return key.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class Authority:
    """A CA of a trust domain that signs X.509-SVIDs and JWT-SVIDs."""

    def __init__(self, trust_domain: str = TRUST_DOMAIN, parent: Authority | None = None):
        self.trust_domain = trust_domain
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.parent = parent
        self.name = x509.Name([x509.NameAttribute(
            NameOID.COMMON_NAME, f"{trust_domain} {x509.random_serial_number()}")])
        self.certificate = self._sign(
            parent or self, self.name, self.key.public_key(), f"spiffe://{trust_domain}", ca=True)

    @staticmethod
    def _sign(issuer: Authority, name, public_key, uri: str, *, ca: bool, lifetime: float = 3600, age: float = 60):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder().subject_name(name).issuer_name(issuer.name).public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(seconds=age))
            .not_valid_after(now + datetime.timedelta(seconds=lifetime))
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(
                digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                decipher_only=False), critical=True)
            .sign(issuer.key, hashes.SHA256()))

    def svid(self, spiffe_id: str = SVID_ID, *, hint: str = "", bundle: bytes | None = None, uri: str | None = None,
             key=None, ca: bool = False, lifetime: float = 3600, age: float = 60) -> workload_pb2.X509SVID:
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._sign(self, x509.Name([]), leaf_key.public_key(), uri or spiffe_id, ca=ca, lifetime=lifetime, age=age)
        chain = leaf.public_bytes(DER) + (self.certificate.public_bytes(DER) if self.parent else b"")
        root = self.parent or self
        return workload_pb2.X509SVID(
            spiffe_id=spiffe_id, x509_svid=chain, x509_svid_key=key_bytes(key or leaf_key),
            bundle=root.der if bundle is None else bundle, hint=hint)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(DER)

    def token(self, audiences, spiffe_id: str = SVID_ID, *, lifetime: float = 300) -> str:
        now = int(time.time())
        claims = {"sub": spiffe_id, "aud": list(audiences), "iat": now, "exp": now + int(lifetime)}
        return jwt.encode(claims, self.key, "ES256", headers={"kid": "k1"})

    @property
    def jwk_set(self) -> bytes:
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return json.dumps({"keys": [jwk | {"kid": "k1", "use": "jwt-svid"}]}).encode()


class WorkloadAPI(workload_pb2_grpc.SpiffeWorkloadAPIServicer):
    """The server; each test sets what it answers, and `push` sends it to who watches."""

    def __init__(self, directory: Path):
        self.path = directory / "api.sock"
        self.authority = Authority()
        self.federated: dict[str, bytes] = {}
        self.svids = [self.authority.svid()]
        self.token_lifetime = 300.0
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.refusals_left = 10**9
        self.needs_token: str | None = None
        self.delay = 0.0
        self.metadata: list[dict[str, str]] = []
        self.tokens_made = 0
        self.hint = ""
        self.refuses_tokens = False
        self._version = 0
        self._changed = threading.Condition()
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    def start(self) -> WorkloadAPI:
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
        workload_pb2_grpc.add_SpiffeWorkloadAPIServicer_to_server(self, self._server)
        assert self._server.add_insecure_port(f"unix:{self.path}")
        self._server.start()
        return self

    def stop(self) -> None:
        if self._server:
            self._server.stop(grace=None).wait()
            self._server = None
            with self._changed:
                self._version += 1
                self._changed.notify_all()
            self.path.unlink(missing_ok=True)

    def push(self, svids=None) -> None:
        """New SVIDs, or those that are, to every watch."""
        with self._changed:
            self.svids = svids or [self.authority.svid()]
            self._version += 1
            self._changed.notify_all()

    def _admit(self, context) -> None:
        metadata = {key: value for key, value in context.invocation_metadata()}
        self.metadata.append(metadata)
        if metadata.get("workload.spiffe.io") != "true":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "security header missing from request")
        time.sleep(self.delay)
        if self.refusal and self.refusals_left > 0:
            self.refusals_left -= 1
            context.abort(*self.refusal)
        if self.needs_token and metadata.get("identity-exchange-token") != self.needs_token:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "no identity issued")

    def _stream(self, context, answer):
        self._admit(context)
        seen = -1
        while context.is_active():
            with self._changed:
                self._changed.wait_for(lambda: self._version != seen, timeout=0.2)
                if self._version == seen:
                    continue
                if self.refusal and seen >= 0:
                    context.abort(*self.refusal)
                seen = self._version
                message = answer()
            yield message

    def FetchX509SVID(self, request, context):
        yield from self._stream(context, lambda: workload_pb2.X509SVIDResponse(
            svids=self.svids, federated_bundles=self.federated))

    def FetchX509Bundles(self, request, context):
        yield from self._stream(context, lambda: workload_pb2.X509BundlesResponse(
            bundles={f"spiffe://{TRUST_DOMAIN}": self.authority.der} | self.federated))

    def FetchJWTBundles(self, request, context):
        yield from self._stream(context, lambda: workload_pb2.JWTBundlesResponse(
            bundles={f"spiffe://{TRUST_DOMAIN}": self.authority.jwk_set}))

    def FetchJWTSVID(self, request, context):
        self._admit(context)
        if self.refuses_tokens:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "no identity issued")
        self.tokens_made += 1
        spiffe_id = request.spiffe_id or SVID_ID
        return workload_pb2.JWTSVIDResponse(svids=[workload_pb2.JWTSVID(
            spiffe_id=spiffe_id, hint=self.hint,
            svid=self.authority.token(request.audience, spiffe_id, lifetime=self.token_lifetime))])

    def ValidateJWTSVID(self, request, context):
        self._admit(context)
        try:
            claims = jwt.decode(request.svid, self.authority.key.public_key(), ["ES256"], audience=request.audience)
        except jwt.PyJWTError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"token is not valid: {error}")
        document = struct_pb2.Struct()
        document.update(claims)
        return workload_pb2.ValidateJWTSVIDResponse(spiffe_id=claims["sub"], claims=document)


# --- what lies in files ----------------------------------------------------------------------------------------------

def leaf_of(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(pem)[0]


def belong_together(chain: bytes, key: bytes, bundle: bytes) -> bool:
    """Whether the key is the leaf's, and the bundle's first certificate signed the chain's last."""
    certificates = x509.load_pem_x509_certificates(chain)
    private = serialization.load_pem_private_key(key, None)
    try:
        certificates[-1].verify_directly_issued_by(x509.load_pem_x509_certificates(bundle)[0])
    except Exception:  # noqa: BLE001  of the several kinds each means no
        return False
    return private.public_key() == certificates[0].public_key()


def decoded_bundle(document: bytes) -> dict:
    return {domain: json.loads(base64.b64decode(text)) for domain, text in json.loads(document).items()}


# --- fixtures --------------------------------------------------------------------------------------------------------

@pytest.fixture
def workload_api(directory):
    api = WorkloadAPI(directory).start()
    yield api
    api.stop()
