"""Secrets in every spelling in which they could lie around, and the search for them."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import harness
from keyrings import ring_document

# Long enough that no chance puts them into a file, short enough to find a secret that was cut.
WINDOW = 18


def unsealed(sealed: bytes, key: bytes, context: bytes) -> bytes:
    """AES-256-GCM: nonce, ciphertext, tag."""
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], context)


def decoded_sealing_key(file: Path) -> bytes:
    text = file.read_text().strip().rstrip("=").replace("+", "-").replace("/", "_")
    key = harness.unb64url(text)
    assert len(key) == 32
    return key


def big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def pieces(secret: bytes) -> list[bytes]:
    """Windows of the secret: its beginning, its middle, its end."""
    middle = (len(secret) - WINDOW) // 2
    return [secret[:WINDOW], secret[middle:middle + WINDOW], secret[-WINDOW:]]


def spellings(secret: bytes) -> list[bytes]:
    """Raw, hexadecimal, base64 and base64url at every alignment, a list of numbers, and UTF-16 of the texts."""
    texts = []
    for piece in pieces(secret):
        texts += [piece.hex(), piece.hex().upper(), ", ".join(str(byte) for byte in piece[:12])]
        for skipped in range(3):
            # Whole groups of three only: what follows or precedes does not change their letters.
            aligned = piece[skipped:skipped + (len(piece) - skipped) // 3 * 3]
            texts += [base64.b64encode(aligned).decode(), base64.urlsafe_b64encode(aligned).decode()]
    return pieces(secret) + [text.encode() for text in texts] + [text.encode("utf-16-le") for text in texts]


def pem_lines(der: bytes, secret: bytes) -> list[bytes]:
    """The lines of a PEM file that hold part of the secret; the public half of an RSA key comes before it."""
    text, begin = base64.b64encode(der), der.index(secret)
    starts = range(begin // 48 * 48, begin + len(secret), 48)
    return [line for start in starts if start >= begin - 24 and len(line := text[start // 3 * 4:][:64]) >= 24]


class Canaries:
    """All that is secret in a store, gathered while it changes."""

    def __init__(self):
        self.needles: dict[bytes, str] = {}
        self.private_keys: dict[str, bytes] = {}

    def add(self, name: str, secret: bytes) -> None:
        for spelling in spellings(secret):
            self.needles[spelling] = name

    def gather(self, database: Path, sealing_key_file: Path) -> None:
        """The sealing key, and everything that it opens now."""
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            secrets = connection.execute("SELECT name, sealed FROM sealed_secret").fetchall()
        self.unseal(ring_document(database), secrets, sealing_key_file)

    def unseal(self, ring: bytes, secrets: list[tuple[bytes, bytes]], sealing_key_file: Path) -> None:
        """The same of a store's rows."""
        key = decoded_sealing_key(sealing_key_file)
        self.add("sealing key", key)
        self.needles[sealing_key_file.read_bytes().strip()] = "sealing key's file"
        for row in json.loads(ring)["keys"]:
            if "sealed" in row:
                kid = row["public"]["kid"]
                self._add_private_key(
                    kid, unsealed(harness.unb64url(row["sealed"]), key, b"jobsworth signing key " + kid.encode()))
        for name, sealed in secrets:
            assert name == b"request-token-key"
            self.add("request token key", unsealed(sealed, key, b"jobsworth request token key"))

    def _add_private_key(self, kid: str, der: bytes) -> None:
        if kid in self.private_keys:
            return
        self.private_keys[kid] = der
        private = serialization.load_der_private_key(der, None)
        numbers = private.private_numbers()
        if isinstance(private, ec.EllipticCurvePrivateKey):
            secrets = {"d": numbers.private_value.to_bytes(32, "big")}
        else:
            secrets = {name: big_endian(getattr(numbers, name)) for name in ("d", "p", "q", "dmp1")}
        for name, secret in secrets.items():
            self.add(f"{name} of {kid}", secret)
        for encoding in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
            spelled = private.private_bytes(serialization.Encoding.DER, encoding, serialization.NoEncryption())
            for line in pem_lines(spelled, secrets["d"]):
                self.needles[line] = f"PEM of {kid}"

    def found_in(self, content: bytes) -> set[str]:
        return {name for needle, name in self.needles.items() if needle in content}

    def assert_absent(self, contents: dict[str, bytes]) -> None:
        assert self.needles
        for where, content in contents.items():
            found = self.found_in(content)
            assert not found, f"{where} holds {found}"
