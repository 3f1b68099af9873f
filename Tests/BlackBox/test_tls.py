"""An https issuer whose TLS is ours."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import harness
from harness import HOST, Connection, poll, registration
from standins import self_made_certificate


class TLSIssuer:
    def __init__(self, issuers, directory):
        self.directory = directory
        self.certificate, self.key, made = self_made_certificate(directory, "server")
        self.serial = made.serial_number
        self.issuer = issuers.make(
            scheme="https", tls=self.client(),
            arguments=("--tls-certificate", str(self.certificate), "--tls-key", str(self.key))).start()

    def client(self, **versions: ssl.TLSVersion) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.certificate)
        if versions:
            context.set_ciphers("ALL:@SECLEVEL=0")
            # The highest first: a context never has a lowest version above its highest one.
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = versions["exactly"]
            context.minimum_version = versions["exactly"]
        return context

    def handshake(self, context: ssl.SSLContext) -> tuple[str | None, bytes | None]:
        with socket.create_connection((HOST, self.issuer.port), timeout=8) as plain:
            with context.wrap_socket(plain, server_hostname=HOST) as connection:
                return connection.version(), connection.getpeercert(binary_form=True)

    def served_certificate(self) -> bytes | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return self.handshake(context)[1]


@pytest.fixture(scope="module")
def tls(module_issuers):
    directory = harness.new_directory()
    yield TLSIssuer(module_issuers, directory)
    shutil.rmtree(directory, ignore_errors=True)


def test_an_https_issuer_serves_everything_over_tls(tls):
    issuer = tls.issuer
    document = issuer.discovery()
    assert document["issuer"] == issuer.url and document["issuer"].startswith("https://")
    assert document["jwks_uri"].startswith("https://")
    job = issuer.runner("acme/*").register(registration())
    assert job.request_url.startswith("https://")
    assert job.claims()["iss"] == issuer.url
    assert (issuer.get("/.well-known/jwks").header("Strict-Transport-Security") or "").startswith("max-age=")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_current_versions_of_tls_are_spoken(tls, version):
    spoken, _ = tls.handshake(tls.client(exactly=version))
    assert spoken == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
def test_old_versions_of_tls_are_refused(tls, version):
    with pytest.raises((ssl.SSLError, OSError)):
        tls.handshake(tls.client(exactly=version))
    # The same, spelled out, so that it does not hang on what this machine's OpenSSL can still speak.
    number = {ssl.TLSVersion.TLSv1: b"\x03\x01", ssl.TLSVersion.TLSv1_1: b"\x03\x02"}[version]
    suites = b"\xc0\x13\xc0\x14\xc0\x09\xc0\x0a\x00\x2f\x00\x35"
    groups = b"\x00\x0a\x00\x04\x00\x02\x00\x17" + b"\x00\x0b\x00\x02\x01\x00"
    hello = number + os.urandom(32) + b"\x00" + len(suites).to_bytes(2, "big") + suites + b"\x01\x00" \
        + len(groups).to_bytes(2, "big") + groups
    handshake = b"\x01" + len(hello).to_bytes(3, "big") + hello
    received, closed = harness.raw_exchange(
        tls.issuer.port, b"\x16\x03\x01" + len(handshake).to_bytes(2, "big") + handshake, timeout=8)
    assert closed
    assert not received or received[0] == 0x15, f"something else than an alert: {received[:20].hex()}"


def test_plain_http_on_the_tls_port_gets_no_answer(tls):
    received, closed = harness.raw_exchange(
        tls.issuer.port, f"GET /.well-known/jwks HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), timeout=12)
    assert closed
    assert b"200 OK" not in received and b"keys" not in received and b"Location" not in received
    tls.issuer.assert_alive()


@pytest.mark.parametrize("data", [b"\x00" * 200, b"\x16\x03\x01\xff\xff" + b"\x01" * 500, b"\x80\x2e\x01\x00\x02" + b"a" * 50,
                                  b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", b"\xff" * 5000])
def test_garbage_instead_of_a_handshake_does_no_harm(tls, data):
    harness.raw_exchange(tls.issuer.port, data, timeout=3, half_close=True)
    tls.issuer.assert_alive()


def test_a_new_certificate_is_served_without_a_restart_and_a_broken_one_is_not(tls):
    before = tls.served_certificate()
    kept = Connection(tls.issuer.port, tls=tls.client())
    assert kept.call("GET", "/.well-known/jwks").status == 200

    good = tls.certificate.read_bytes()
    tls.certificate.write_bytes(b"-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
    tls.issuer.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        assert tls.served_certificate() == before, "a broken certificate took the good one's place"
        time.sleep(0.2)
    tls.certificate.write_bytes(good)

    certificate, key, made = self_made_certificate(tls.directory, "next")
    tls.key.write_bytes(key.read_bytes())
    tls.certificate.write_bytes(certificate.read_bytes())
    tls.issuer.process.send_signal(signal.SIGHUP)
    poll(lambda: tls.served_certificate() not in (None, before), seconds=15, every=0.2, what="the new certificate")
    assert made.public_bytes(Encoding.DER) == tls.served_certificate()
    assert tls.issuer.is_running
    tls.issuer.tls = tls.client()
    tls.issuer.assert_alive()
    kept.close()


def test_a_silent_tls_client_does_not_hold_up_sigterm(issuers, directory):
    issuer = TLSIssuer(issuers, directory).issuer
    silent = [socket.create_connection((HOST, issuer.port), timeout=5) for _ in range(4)]
    silent[1].sendall(b"\x16")
    silent[2].sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 40)
    issuer.assert_alive()
    started = time.monotonic()
    assert issuer.stop() == 0
    assert time.monotonic() - started < 15
    for connection in silent:
        connection.close()


def test_a_key_that_does_not_fit_its_certificate_is_refused_at_the_start(issuers, directory):
    certificate, _, _ = self_made_certificate(directory, "one")
    _, key, _ = self_made_certificate(directory, "two")
    issuer = issuers.make(scheme="https", arguments=("--tls-certificate", str(certificate), "--tls-key", str(key)))
    process = issuer.spawn()
    assert process.wait(30) in (1, 78), issuer.output()
    assert issuer.output().strip()
