"""The peer of the public plane: nginx, one worker, that answers with the issuer's own bytes from its configuration."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

from .exchange import JWKS_PATH, ask, expect, wait_until_ready
from .faults import BenchmarkError
from .processes import free_port, running, tool
from .run import Run
from .target import Target


@contextlib.contextmanager
def nginx(run: Run, jwks: bytes, certificate: tuple[pathlib.Path, pathlib.Path]) -> Iterator[tuple[Target, Target]]:
    """HTTP/1.1 without TLS, and HTTP/2 with TLS, from one worker."""
    folder = run.folder("nginx")
    plain, secure = free_port(), free_port()
    file = folder / "nginx.conf"
    file.write_text(configuration(folder, plain, secure, certificate, jwks.decode("ascii")))
    log = folder / "nginx.log"
    serve = [tool("nginx", "nginx-light"), "-p", f"{folder}/", "-e", str(log), "-c", str(file)]
    with running(run.cores.serving(serve), log) as program:
        wait_until_ready(program, plain)
        for port in (plain, secure):
            if expect(200, ask(port, "GET", JWKS_PATH, tls=port == secure), "nginx") != jwks:
                raise BenchmarkError("nginx does not answer with the same bytes")
        yield (
            Target("nginx", program, plain, f"http://127.0.0.1:{plain}{JWKS_PATH}"),
            Target("nginx.h2", program, secure, f"https://127.0.0.1:{secure}{JWKS_PATH}"),
        )


def configuration(
    folder: pathlib.Path, plain: int, secure: int, certificate: tuple[pathlib.Path, pathlib.Path], body: str
) -> str:
    if set(body) & set("'\\$"):
        raise BenchmarkError("the key set cannot be quoted for nginx")
    temporary = "\n".join(
        f"  {kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
{temporary}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{secure} ssl http2;
    ssl_certificate {certificate[0]};
    ssl_certificate_key {certificate[1]};
    location = {JWKS_PATH} {{ default_type application/json; return 200 '{body}'; }}
  }}
}}
"""
