"""The files that images, compose and systemd read: linted, and what they wire together started for real, without an engine.

The Dockerfile's stages and the Debian package are replayed by `make images`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import databases
import harness
from harness import HOST, REPOSITORY_ROOT, bearer, binary, clean_environment, free_port, poll, strict_json

DOCKER = REPOSITORY_ROOT / "docker"
COMPOSE = DOCKER / "compose.replicas.yaml"


def linter(name: str) -> str:
    return str(Path(sys.executable).parent / name)


# --- what linters say ------------------------------------------------------------------------------------------------

def test_the_dockerfile_is_clean():
    # DL3008: versions of Debian's packages are not fixed, or their security updates would not come.
    done = subprocess.run([linter("hadolint"), "--ignore", "DL3008", DOCKER / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["compose.yaml", "compose.replicas.yaml"])
def test_compose_files_are_what_the_specification_says(name):
    done = subprocess.run([linter("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", DOCKER / name],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["compose.yaml", "compose.replicas.yaml"])
def test_every_service_is_read_only_and_without_capabilities(name):
    document = yaml.safe_load((DOCKER / name).read_text("utf-8"))
    for service, said in document["services"].items():
        assert said["read_only"] is True and said["cap_drop"] == ["ALL"], service
        assert said["security_opt"] == ["no-new-privileges:true"] and not said.get("privileged"), service
        # No secret in a variable: secrets are files.
        assert not [key for key in said.get("environment", {}) if re.search(r"PASSWORD$|SECRET|TOKEN$", key)], service


def test_the_image_is_built_as_make_release_builds():
    """One way to build what ships; and the image's healthcheck is a command of the binary."""
    dockerfile = (DOCKER / "Dockerfile").read_text("utf-8")
    makefile = (REPOSITORY_ROOT / "Makefile").read_text("utf-8")
    flags = re.search(r"^release:.*\n\t@swift build \$\(SWIFT_FLAGS\) --quiet (.+)$", makefile, re.MULTILINE)[1]
    assert f"swift build {flags}" in dockerfile
    assert set(re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE)) == {"10001:10001"}
    assert 'CMD ["jobsworth", "doctor", "--probe", "live"]' in dockerfile


@pytest.mark.parametrize("line", [
    "ADD https://example.org/x /x", "RUN --network=none true", "COPY --link a b", "HEALTHCHECK --start-interval=1s CMD [\"a\"]",
    "RUN <<END", "SHELL [\"/bin/bash\"]", "ONBUILD RUN true", "RUN true \\"])
def test_what_the_replay_does_not_know_of_a_dockerfile_is_an_error(line, tmp_path):
    sys.path.insert(0, str(REPOSITORY_ROOT))
    from Tests.Replay.dockerfile import DockerfileError, stages
    assert [stage.name for stage in stages(DOCKER / "Dockerfile")] == ["build", "runtime"]
    (tmp_path / "Dockerfile").write_text(f"FROM debian:bookworm-slim AS runtime\n{line}\n")
    with pytest.raises(DockerfileError):
        stages(tmp_path / "Dockerfile")


def test_the_unit_is_sound_and_shut():
    text = (DOCKER / "jobsworth.service").read_text("utf-8")
    directory = harness.new_directory()
    try:
        unit = directory / "jobsworth.service"
        # The binary lies elsewhere here, and the manual page nowhere yet.
        unit.write_text(re.sub("^Documentation=.*$", "", text.replace("/usr/bin/jobsworth", str(binary())), flags=re.MULTILINE))
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
        assert done.returncode == 0 and "jobsworth.service" not in done.stderr, done.stderr
        shown = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=12", unit],
                               capture_output=True, text=True)
        assert shown.returncode == 0, shown.stdout[-400:] + shown.stderr
    finally:
        shutil.rmtree(directory)


# --- the probe -------------------------------------------------------------------------------------------------------

def test_the_probe_says_whether_the_issuer_here_is_live_and_ready(issuer):
    everywhere = {"JOBSWORTH_METRICS": f"0.0.0.0:{issuer.metrics_port}"}
    for state in ("live", "ready"):
        done = harness.run_cli("doctor", "--probe", state, environment=clean_environment(**everywhere))
        assert done.returncode == 0 and done.stdout == f"{state}\n", done
    assert harness.run_cli("doctor", "--probe", "ready", "--json", environment=clean_environment(**everywhere)
                           ).stdout == '{"ready":true}\n'


def test_the_probe_fails_where_nobody_answers_and_where_nobody_may_be_asked():
    nobody = clean_environment(JOBSWORTH_METRICS=f"{HOST}:{free_port()}")
    assert harness.run_cli("doctor", "--probe", "live", environment=nobody).returncode == 1
    unknown = harness.run_cli("doctor", "--probe", "live", environment=clean_environment())
    assert unknown.returncode == 78 and "http.metrics" in unknown.stderr
    assert harness.run_cli("doctor", "--probe", "ready", "--inside-job").returncode == 64


# --- systemd's credentials -------------------------------------------------------------------------------------------

def test_a_sealing_key_as_systemd_hands_it_over_is_taken_and_one_that_a_group_reads_is_not(issuers):
    """systemd 254 and later: root's file, 0440, and an access list that names the service's user."""
    issuer = issuers.start()
    issuer.stop()
    key = issuer.directory / "credential"
    shutil.move(f"{issuer.database}.sealing-key", key)
    issuer.environment["JOBSWORTH_SEALING_KEY_FILE"] = str(key)
    key.chmod(0o440)
    os.chown(key, 0, 0)
    issuer.start().stop()
    os.chown(key, 0, 4711)
    issuer.spawn()
    assert issuer.process.wait(20) != 0
    assert "credential" in issuer.output() and "chmod" in issuer.output(), issuer.output()


# --- compose.replicas.yaml, with processes for containers ------------------------------------------------------------

class Composed:
    """The services as the file says, with its commands and variables; names become ports, and secrets files, of this machine."""

    def __init__(self):
        self.directory = harness.new_directory()
        self.document = yaml.safe_load(COMPOSE.read_text("utf-8"))
        self.services = self.document["services"]
        self.names = [name for name in self.services if name.startswith("replica")]
        self.ports = {name: free_port() for name in self.names}
        self.metrics = {name: free_port() for name in self.names}
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.processes: dict[str, subprocess.Popen] = {}
        self._secrets()
        self._database()

    def _secrets(self) -> None:
        """As make-secrets.sh leaves them; but for the owners, which are the containers' users."""
        secrets = self.directory / "secrets"
        script = re.sub("(?m)^chown .*$", "", (DOCKER / "make-secrets.sh").read_text("utf-8"))
        subprocess.run(["/bin/sh", "-c", script, "make-secrets.sh", secrets], check=True, capture_output=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", secrets / "key.pem", "-out", secrets / "chain.pem"], check=True, capture_output=True)
        (secrets / "proxy.pem").write_text((secrets / "chain.pem").read_text() + (secrets / "key.pem").read_text())
        self.secrets = {name: secrets / Path(said["file"]).name for name, said in self.document["secrets"].items()}
        assert all(file.is_file() for file in self.secrets.values())
        self.tls = ssl.create_default_context(cafile=secrets / "chain.pem")

    def _database(self) -> None:
        folder = harness.new_directory()
        folder.chmod(0o755)
        self.server = databases.Server(folder)
        self.server.start()
        password = self.secrets["database_password"].read_text()
        self.server.query(f"ALTER USER jobsworth PASSWORD '{password}'")
        self.server.query("CREATE DATABASE jobsworth OWNER jobsworth")
        # From now on a password is asked for, as the image asks.
        (self.server.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n")
        self.server.process.send_signal(signal.SIGHUP)
        pgpass = self.secrets["pgpass"]
        pgpass.chmod(0o600)
        pgpass.write_text(pgpass.read_text().replace("database:5432", f"{HOST}:{self.server.port}"))

    def environment(self, name: str) -> dict[str, str]:
        """What the file gives to the service, and the image before that."""
        dockerfile = (DOCKER / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
        image = dict(pair.split("=", 1) for pair in re.search(r"(?m)^ENV (.+)$", dockerfile)[1].split())
        own = self.directory / name
        own.mkdir(exist_ok=True)
        shared = self.directory / "shared"
        shared.mkdir(mode=0o700, exist_ok=True)
        values = image | self.services[name]["environment"]
        values["JOBSWORTH_ISSUER"] = self.url
        for key, value in values.items():
            value = re.sub("@database:5432", f"@{HOST}:{self.server.port}", value)
            value = value.replace("/run/jobsworth", str(own)).replace("/var/lib/jobsworth", str(shared))
            for secret in self.services[name]["secrets"]:
                value = value.replace(f"/run/secrets/{secret}", str(self.secrets[secret]))
            values[key] = value.replace("0.0.0.0:8080", f"{HOST}:{self.ports.get(name)}").replace(
                "0.0.0.0:9090", f"{HOST}:{self.metrics.get(name)}")
        assert not [value for value in values.values() if "/run/secrets" in value]
        return values | harness.TESTED_RATE

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen:
        with open(self.directory / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                    env=clean_environment(**environment), cwd=self.directory)
        return self.processes[name]

    def start_replica(self, name: str, begin: str = "") -> None:
        command = self.services[name]["command"].replace("${JOBSWORTH_BEGIN-}", begin)
        self.start(name, [str(binary()), *command.split()], self.environment(name))

    def ready(self, name: str) -> bool:
        assert self.processes[name].poll() is None, self.log(name)
        done = harness.run_cli("doctor", "--probe", "ready", environment=clean_environment(**self.environment(name)))
        return done.returncode == 0

    def start_all(self) -> "Composed":
        for name in self.names:
            self.start_replica(name, "--initialise")
        for name in self.names:
            poll(lambda: self.ready(name), seconds=60, what=f"{name} (log: {self.log(name)})")
        values = {"PROXY_LISTEN": f"{HOST}:{self.port}", "PROXY_CERTIFICATE": str(self.secrets["proxy"])}
        for number, name in enumerate(self.names, 1):
            values |= {f"REPLICA_{number}": f"{HOST}:{self.ports[name]}",
                       f"REPLICA_{number}_METRICS_PORT": str(self.metrics[name])}
        self.start("proxy", ["haproxy", "-db", "-f", str(DOCKER / "haproxy.cfg")], values)
        harness.wait_for_port(self.port, self.processes["proxy"])
        poll(lambda: self.call("GET", "/v1/jobs").status != 503, seconds=20, what="a replica behind the proxy")
        return self

    def operator(self, *arguments: str) -> str:
        """`docker compose exec replica1 jobsworth …`"""
        done = harness.run_cli(*arguments, environment=clean_environment(**self.environment("replica1")))
        assert done.returncode == 0, done.stderr + self.log("replica1")
        return done.stdout

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text("utf-8", "replace")[-3000:]

    def call(self, method: str, target: str, *, headers=(), body=None, port=None, timeout=20) -> harness.Answer:
        """A request to the issuer as the world sees it."""
        return harness.call(self.port, method, target, headers=headers, body=body, timeout=timeout, tls=self.tls)

    def end(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        self.server.remove()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture(scope="module")
def composed():
    made = Composed()
    try:
        yield made.start_all()
    finally:
        made.end()


@pytest.fixture(scope="module")
def fleet_runner(composed):
    credential = composed.operator("runner", "add", "ci", "--repository", "acme/*").strip()
    return harness.Runner(composed, "ci", credential)


def test_the_composed_replicas_are_one_issuer_behind_the_proxy(composed, fleet_runner):
    assert composed.call("GET", "/.well-known/openid-configuration").json()["issuer"] == composed.url
    job = fleet_runner.register()
    tokens = [job.token() for _ in range(9)]
    keys = composed.directory / "jwks.json"
    keys.write_bytes(composed.call("GET", "/.well-known/jwks").body)
    done = harness.run_cli("token", "verify", "--jwks", str(keys), "--issuer", composed.url, "--audience",
                           "sts.amazonaws.com", stdin=tokens[0])
    assert done.returncode == 0, done.stderr
    assert fleet_runner.end(job.id).status == 204
    assert job.ask().status == 401
    shown = composed.operator("audit", "verify")
    # Each of the three has committed: the proxy asked all.
    assert set(composed.names) <= {line.split()[2] for line in shown.splitlines()[1:]}
    assert composed.log("proxy").count("runner/replica") >= 11


def test_no_secret_of_the_composed_services_is_in_what_they_print(composed, fleet_runner):
    fleet_runner.register().token()
    printed = "".join(composed.log(name) for name in composed.processes)
    for secret in ("database_password", "sealing_key"):
        assert composed.secrets[secret].read_text().strip() not in printed
    assert fleet_runner.credential not in printed and "jwj_" not in printed


def test_the_rotation_service_runs_what_is_due_and_ends_when_it_is_told(composed):
    said = composed.services["rotation"]
    [script] = said["command"]
    folder = composed.directory / "bin"
    folder.mkdir()
    (folder / "jobsworth").symlink_to(binary())
    environment = composed.environment("rotation") | {"PATH": f"{folder}:{os.environ['PATH']}"}
    process = composed.start("rotation", [*said["entrypoint"], script.replace("$$", "$")], environment)
    poll(lambda: "standby" in composed.log("rotation"), seconds=30, what="its first line")
    process.terminate()
    assert process.wait(5) == 0


def test_what_only_the_proxy_can_refuse_never_reaches_a_replica(composed, fleet_runner):
    """Requests that two servers may read in two ways; and headers that nobody behind should believe."""
    with ssl.create_default_context(cafile=composed.directory / "secrets" / "chain.pem").wrap_socket(
            socket.create_connection((HOST, composed.port)), server_hostname="localhost") as connection:
        connection.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef")
        assert b" 400 " in connection.recv(4096).split(b"\r\n")[0]
    job = fleet_runner.register()
    before = composed.log("proxy").count("runner/replica")
    refused = composed.call("GET", "/v1/jobs", headers={"X_Under_Score": "1"})
    assert refused.status == 403
    assert composed.log("proxy").count("runner/replica") == before
    upgraded = composed.call("GET", job.request_target + "&audience=a", headers={
        **bearer(job.request_token), "Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMA"})
    assert upgraded.status == 200, upgraded


def test_a_replica_that_ends_is_not_noticed_by_jobs(composed, fleet_runner):
    job = fleet_runner.register()
    name = composed.names[0]
    composed.processes[name].terminate()
    deadline = time.monotonic() + 6
    answers = []
    while time.monotonic() < deadline:
        answers.append(job.ask().status)
        assert composed.call("GET", "/.well-known/jwks").status == 200
    assert composed.processes[name].wait(30) == 0
    assert set(answers) == {200} and len(answers) > 20, answers
    composed.start_replica(name)
    poll(lambda: composed.ready(name), seconds=60, what=name)


def test_without_the_database_the_proxy_serves_keys_and_answers_the_rest_itself(composed, fleet_runner):
    job = fleet_runner.register()
    composed.server.signal_all(signal.SIGSTOP)
    try:
        poll(lambda: job.ask().status == 503, seconds=40, what="503")
        poll(lambda: job.ask().text.count("no_replica"), seconds=40, what="no replica ready")
        answer = job.ask()
        harness.assert_error(answer, 503, error="temporarily_unavailable", reason="no_replica")
        assert answer.header("Retry-After") == "1"
        assert composed.call("GET", "/.well-known/jwks").status == 200
    finally:
        composed.server.signal_all(signal.SIGCONT)
    poll(lambda: job.ask().status == 200, seconds=40, what="tokens")
