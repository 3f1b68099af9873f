"""Local stand-ins of cloud endpoints: they take a token, verify it with PyJWT through discovery, and answer in kind."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness import HOST


def verify_through_discovery(issuer_url: str, token: str, audience: str, *, algorithms=("RS256", "ES256")) -> dict:
    """What a relying party does: discovery, `jwks_uri`, the key by its `kid`, signature, issuer and audience."""
    document = requests.get(issuer_url + "/.well-known/openid-configuration", timeout=10).json()
    assert document["issuer"] == issuer_url
    key = jwt.PyJWKClient(document["jwks_uri"]).get_signing_key_from_jwt(token)
    return jwt.decode(token, key.key, algorithms=list(algorithms), audience=audience, issuer=document["issuer"],
                      options={"require": ["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]})


def self_made_certificate(directory: Path, name: str) -> tuple[Path, Path, x509.Certificate]:
    """A certificate for the loopback address that signs itself, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256()))
    certificate_file, key_file = directory / f"{name}.pem", directory / f"{name}.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return certificate_file, key_file, certificate


class StandIn:
    """An HTTP server that hands every request's form to a function and answers what that gives."""

    def __init__(self, respond, *, tls: tuple[Path, Path] | None = None):
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                path, _, query = self.path.partition("?")
                body = self.rfile.read(length)
                form = dict(urllib.parse.parse_qsl(query) + urllib.parse.parse_qsl(body.decode()))
                outer.bodies.append(body)
                outer.requests.append((path, form))
                try:
                    status, kind, text = respond(path, form)
                except Exception as error:  # a token that does not verify is the relying party's refusal
                    status, kind, text = 400, "application/json", json.dumps(
                        {"error": "invalid_grant", "error_description": repr(error)})
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://{HOST}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
