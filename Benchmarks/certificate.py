"""A certificate for the loopback, made for one run."""

from __future__ import annotations

import pathlib
import socket

from .exchange import untrusting
from .processes import output, tool
from .run import Run


def certificate(run: Run) -> tuple[pathlib.Path, pathlib.Path]:
    """P-256, as most servers have today; the file of the certificate and that of its key."""
    folder = run.folder("tls")
    chain, key = folder / "certificate.pem", folder / "key.pem"
    key.touch(mode=0o600)
    output([tool("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(key), "-out", str(chain)])  # fmt: skip
    return chain, key


def offers_http2(port: int) -> bool:
    """Whether the server takes `h2` in the TLS handshake (RFC 7301, RFC 9113 §3.2)."""
    context = untrusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain) as connection:
            return connection.selected_alpn_protocol() == "h2"
