"""`jobsworth publish`: folders, buckets and PUT servers that verifiers read while they cannot reach the issuer.

The servers are real: nginx, with WebDAV, and moto's S3, which checks the signature of every request.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import botocore.config
import jwt
import pytest
import requests

import harness
from harness import HOST, free_port, poll, run_cli, strict_json
from standins import StandIn, self_made_certificate, verify_through_discovery

JWKS = ".well-known/jwks"
ALIAS = ".well-known/jwks.json"
METADATA = ".well-known/openid-configuration"
FILES = (JWKS, ALIAS, METADATA)
NOBODY = 65534


# --- the servers -----------------------------------------------------------------------------------------------------

class Nginx:
    """An nginx with the locations of a test."""

    def __init__(self, directory: Path, processes, locations: str):
        self.directory = directory / f"nginx-{free_port()}"
        self.root = self.directory / "www"
        for folder in (self.directory, self.root, self.directory / "tmp"):
            folder.mkdir(mode=0o755)
        directory.chmod(0o755)
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.log = self.directory / "error.log"
        configuration = self.directory / "nginx.conf"
        (self.directory / "users").write_text("open:{PLAIN}sesame\n")
        user = "user root;" if os.getuid() == 0 else ""  # the test's own folders are its user's
        temporary = "".join(f"{kind}_temp_path {self.directory}/tmp/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        configuration.write_text(
            f"{user} daemon off; pid {self.directory}/pid; error_log {self.log};\n"
            f"events {{ worker_connections 64; }}\n"
            f"http {{ access_log {self.directory}/access.log; {temporary}\n"
            f"server {{ listen {HOST}:{self.port}; root {self.root};\n"
            f"{locations}\n}}\n}}\n")
        processes("nginx", "-p", self.directory, "-e", self.log, "-c", configuration,
                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        poll(self.answers, seconds=10, what="nginx")

    def answers(self) -> bool:
        try:
            return harness.call(self.port, "GET", "/nothing-here").status > 0
        except OSError:
            return False


# What the operator is told to write is what is tried here.
DOCUMENT = (harness.REPOSITORY_ROOT / "docs/publishing.md").read_text("utf-8")
FOLDER, WEBDAV = (re.sub(r"root .*;", "", block).replace("/etc/nginx/ci.users", "users")
                  for block in re.findall(r"```nginx\n(.*?)```", DOCUMENT, re.S))
OPEN_SESAME = "Basic b3BlbjpzZXNhbWU="


@pytest.fixture
def nginx(directory, processes):
    def start(locations: str = "") -> Nginx:
        return Nginx(directory, processes, locations)
    return start


class Moto:
    """moto's S3, IAM and STS, with the keys of a user who may do everything."""

    def __init__(self, process_of):
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        process_of(sys.executable, "-m", "moto.server", "-H", HOST, "-p", self.port, env=harness.clean_environment(),
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        poll(self.answers, seconds=30, what="moto")

    def answers(self) -> bool:
        try:
            return harness.call(self.port, "GET", "/moto-api/data.json").status == 200
        except OSError:
            return False

    def client(self, service: str):
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="setup",
                            aws_secret_access_key="setup", config=botocore.config.Config(retries={"max_attempts": 0}))

    @contextlib.contextmanager
    def checking(self):
        """While it lasts, every request's signature and permission is checked, as AWS does it."""
        self._check_after("0")
        try:
            yield
        finally:
            self._check_after("inf")

    def _check_after(self, count: str) -> None:
        assert requests.post(f"{self.url}/moto-api/reset-auth", data=count, timeout=10).status_code == 200

    def user(self, name: str, *actions: str) -> dict[str, str]:
        """A user who may do this; its credentials as environment variables."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=self.policy(*actions))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    @staticmethod
    def policy(*actions: str, **members) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": list(actions), "Resource": "*", **members}]})


@pytest.fixture(scope="module")
def moto():
    started: list[subprocess.Popen] = []

    def start(*arguments, **options):
        started.append(subprocess.Popen([str(argument) for argument in arguments], **options))

    try:
        yield Moto(start)
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.fixture
def bucket(moto):
    name = f"oidc-{free_port()}"
    moto.client("s3").create_bucket(Bucket=name)
    return name


# --- the command -----------------------------------------------------------------------------------------------------

def write_configuration(directory: Path, *places: dict) -> Path:
    """A configuration file; JSON is YAML."""
    file = directory / "publish.yaml"
    file.write_text(json.dumps({"publication": {"places": list(places)}}))
    return file


def publish(issuer, directory: Path, *places: dict, arguments=(), **environment) -> subprocess.CompletedProcess:
    file = write_configuration(directory, *places)
    return issuer.cli("publish", "--config", str(file), *arguments,
                      environment=harness.clean_environment(**environment))


def s3(moto, bucket, **more) -> dict:
    return {"name": "bucket", "s3": {"endpoint": moto.url, "bucket": bucket, "region": "us-east-1"}, **more}


def assert_published(done: subprocess.CompletedProcess, *names: str) -> None:
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert done.stdout == "".join(f"{name}  published and read back  4 keys\n" for name in names)
    assert done.stderr == ""


def assert_failed(done: subprocess.CompletedProcess, name: str, *words: str) -> None:
    assert done.returncode == 1, (done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith(f"jobsworth: {name}: ")]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], lines[0]
    assert f"{name}  failed: " in done.stdout


def served(issuer) -> dict[str, bytes]:
    return {path: issuer.get("/" + path).body for path in FILES}


def lying(root: Path) -> dict[str, bytes]:
    return {path: (root / path).read_bytes() for path in FILES}


# --- an issuer that verifiers cannot reach ---------------------------------------------------------------------------

def hidden_issuer(issuers, url: str, path: str = ""):
    """An issuer whose name is the public place's; runners reach it, verifiers do not."""
    issuer = issuers.make(path=path)
    issuer.url = url
    issuer.arguments = ("--runner-url", f"http://{HOST}:{issuer.port}")
    return issuer.start()


def assert_trusted_without_issuer(issuer) -> None:
    """Its tokens verify from the public place alone: the issuer is gone by then."""
    job = harness.Job(issuer, harness.call(
        issuer.port, "POST", "/v1/jobs", body=json.dumps(harness.registration()).encode(),
        headers={**harness.bearer(issuer.runner().credential), "Content-Type": "application/json"}))
    answer = harness.call(issuer.port, "GET", job.request_target + "&audience=vault",
                          headers=harness.bearer(job.request_token))
    token = answer.json()["value"]
    issuer.stop()
    assert verify_through_discovery(issuer.url, token, "vault")["iss"] == issuer.url
    for name in ("jwks", "jwks.json"):
        key = jwt.PyJWKClient(f"{issuer.url}/.well-known/{name}").get_signing_key_from_jwt(token)
        assert jwt.decode(token, key.key, algorithms=["RS256"], audience="vault", issuer=issuer.url)
    header, payload, signature = token.split(".")
    forged = ".".join((header, payload, ("A" if signature[0] != "A" else "B") + signature[1:]))
    with pytest.raises(jwt.InvalidSignatureError):
        verify_through_discovery(issuer.url, forged, "vault")


def test_tokens_of_a_hidden_issuer_verify_from_a_folder_that_a_web_server_serves(issuers, directory, nginx):
    web = nginx(FOLDER)
    issuer = hidden_issuer(issuers, web.url)
    place = {"name": "web", "directory": str(web.root), "url": web.url}
    assert_published(publish(issuer, directory, place), "web")
    assert lying(web.root) == served(issuer)
    assert_trusted_without_issuer(issuer)


def test_tokens_of_a_hidden_issuer_verify_from_a_webdav_server(issuers, directory, nginx):
    web = nginx(WEBDAV)
    issuer = hidden_issuer(issuers, web.url)
    secret = directory / "dav"
    secret.touch(mode=0o600)
    secret.write_text(OPEN_SESAME + "\n")
    place = {"name": "dav", "put": web.url, "authorizationFile": str(secret)}
    assert_published(publish(issuer, directory, place), "dav")
    assert lying(web.root) == served(issuer)
    without = {"name": "dav", "put": web.url}
    assert_failed(publish(issuer, directory, without), "dav", "401", "check the credentials")
    assert_trusted_without_issuer(issuer)


def test_tokens_of_a_hidden_issuer_verify_from_a_public_bucket_and_not_from_a_private_one(
        issuers, directory, nginx, moto, bucket):
    # The bucket under a domain of its own. moto takes an unsigned request for `.well-known/jwks.json` for one to
    # Cognito; this header, which it cannot read, makes it look no further than S3.
    front = nginx(f'location / {{ proxy_set_header Authorization "to S3"; proxy_pass {moto.url}/{bucket}/; }}')
    issuer = hidden_issuer(issuers, front.url)
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    direct = s3(moto, bucket, url=f"{moto.url}/{bucket}")
    assert_failed(publish(issuer, directory, direct, **keys), "bucket", f"/{JWKS} answers 403", "let everyone read")
    moto.client("s3").put_bucket_policy(Bucket=bucket, Policy=moto.policy("s3:GetObject", Principal="*"))
    assert requests.get(f"{moto.url}/{bucket}/{JWKS}", timeout=10).status_code == 200
    assert_published(publish(issuer, directory, s3(moto, bucket, url=front.url + "/"), **keys), "bucket")
    assert_trusted_without_issuer(issuer)


# --- buckets ---------------------------------------------------------------------------------------------------------

def test_objects_say_what_they_are_and_how_long_they_may_be_kept(issuer, directory, moto, bucket):
    keys = moto.user(f"writer-{bucket}", "s3:*")
    place = s3(moto, bucket)
    place["s3"]["prefix"] = "ci/prod"
    with moto.checking():
        assert_published(publish(issuer, directory, place, **keys), "bucket")
    for path, body in served(issuer).items():
        found = moto.client("s3").get_object(Bucket=bucket, Key=f"ci/prod/{path}")
        assert found["Body"].read() == body
        assert found["ContentType"] == "application/json"
        assert found["CacheControl"] == issuer.get("/" + path).header("Cache-Control")
        assert re.fullmatch(r"public, max-age=[1-9][0-9]*", found["CacheControl"])


def test_a_bucket_takes_nothing_that_is_not_rightly_signed(issuer, directory, moto, bucket):
    keys = moto.user(f"writer-{bucket}", "s3:*")
    reader = moto.user(f"reader-{bucket}", "s3:GetObject")
    place = s3(moto, bucket)
    with moto.checking():
        wrong = {**keys, "AWS_SECRET_ACCESS_KEY": keys["AWS_SECRET_ACCESS_KEY"][::-1]}
        assert_failed(publish(issuer, directory, place, **wrong), "bucket", "AWS_SECRET_ACCESS_KEY")
        unknown = {**keys, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}
        assert_failed(publish(issuer, directory, place, **unknown), "bucket", "AWS_ACCESS_KEY_ID")
        assert_failed(publish(issuer, directory, place, **reader), "bucket", "s3:PutObject")
        assert_published(publish(issuer, directory, place, **keys), "bucket")
    assert_failed(publish(issuer, directory, s3(moto, bucket + "-none"), **keys), "bucket", "NoSuchBucket")


def test_temporary_credentials_are_used_with_their_session_token(issuer, directory, moto, bucket):
    role = moto.client("iam").create_role(
        RoleName=f"publisher-{bucket}", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}))["Role"]
    moto.client("iam").put_role_policy(RoleName=role["RoleName"], PolicyName="p", PolicyDocument=moto.policy("s3:*"))
    given = moto.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="cron")["Credentials"]
    keys = {"AWS_ACCESS_KEY_ID": given["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"]}
    with moto.checking():
        assert_failed(publish(issuer, directory, s3(moto, bucket), **keys), "bucket")
        token = {**keys, "AWS_SESSION_TOKEN": given["SessionToken"]}
        assert_published(publish(issuer, directory, s3(moto, bucket), **token), "bucket")


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_bucket_without_credentials_is_wrong_configuration(issuer, directory, moto, bucket, missing):
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", missing: ""}
    web = directory / "web"
    web.mkdir(mode=0o755)
    done = publish(issuer, directory, {"name": "web", "directory": str(web)}, s3(moto, bucket), **keys)
    assert done.returncode == 78 and missing in done.stderr and "bucket" in done.stderr
    assert list(web.iterdir()) == [], "something was written before the configuration was known to be whole"


# --- what is read back -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("location, words", [
    (f'location = /{JWKS} {{ return 200 "{{}}"; }}', ["/.well-known/jwks ", "other bytes"]),
    (f'location = /{ALIAS} {{ return 404; }}', ["/.well-known/jwks.json ", "404"]),
    (f'location = /{METADATA} {{ default_type text/plain; }}',
     ["openid-configuration ", "text/plain", "application/json"]),
    (f'location = /{METADATA} {{ return 302 /{JWKS}; }}', ["openid-configuration ", "redirect"]),
    (f'location = /{JWKS} {{ return 206; }}', ["/.well-known/jwks ", "206"]),
], ids=["other-bytes", "missing", "type", "redirect", "partial"])
def test_what_verifiers_would_read_decides_and_not_what_was_written(issuer, directory, nginx, location, words):
    web = nginx("default_type application/json;\n" + location)
    done = publish(issuer, directory, {"name": "web", "directory": str(web.root), "url": web.url})
    assert_failed(done, "web", *words)
    assert lying(web.root) == served(issuer)


def test_a_place_that_fails_fails_alone_and_is_named(issuer, directory, nginx, moto, bucket):
    web, dav = nginx(), nginx(WEBDAV)
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    places = [
        {"name": "down", "put": f"http://{HOST}:{free_port()}"},
        {"name": "web", "directory": str(web.root)},
        {"name": "closed", "put": dav.url},
        s3(moto, bucket),
        {"name": "gone", "directory": str(directory / "gone")},
    ]
    done = publish(issuer, directory, *places, **keys)
    assert_failed(done, "down", "cannot be reached")
    assert_failed(done, "closed", "401")
    assert_failed(done, "gone", "make the folder first")
    assert len(done.stderr.splitlines()) == 3
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "down  failed", "web  published and read back  4 keys", "closed  failed",
        "bucket  published and read back  4 keys", "gone  failed"]
    assert lying(web.root) == served(issuer)

    rows = strict_json(publish(issuer, directory, *places, arguments=("--json",), **keys).stdout)["places"]
    assert [(row["name"], row["published"]) for row in rows] == [
        ("down", False), ("web", True), ("closed", False), ("bucket", True), ("gone", False)]
    kids = [key["kid"] for key in issuer.jwks()["keys"]]
    assert [row["kids"] for row in rows if row["published"]] == [kids, kids]
    assert [row["reason"] for row in rows if not row["published"]] == ["unreachable", "write_refused", "folder_missing"]
    assert all(row["message"] for row in rows if not row["published"])


# --- secrets ---------------------------------------------------------------------------------------------------------

class Talkative:
    """A server that tells back all that it was told; under 200 it also keeps the files it is given."""

    def __init__(self, status: int):
        outer = self
        files: dict[str, bytes] = {}
        self.heard: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                told = str(self.headers)
                outer.heard.append(told)
                body = f"<Error><Code>{told}</Code><Message>{told}</Message></Error>".encode()
                if self.command == "PUT":
                    files[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                elif status == 200:
                    body = files.get(self.path, body)
                self.send_response(status, told.replace("\n", " ")[:2000])
                self.send_header("Content-Type", self.headers.get("Authorization", "none"))
                self.send_header("Location", "http://127.0.0.1:1/?" + (self.headers.get("Authorization") or ""))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = answer

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize("status", [200, 302, 403, 500])
def test_no_secret_is_in_any_output_even_where_the_server_tells_it_back(issuer, directory, status):
    secrets = ["opensesamekey", "opensesamesecret", "opensesametoken", "opensesamebasic"]
    keys = {"AWS_ACCESS_KEY_ID": secrets[0], "AWS_SECRET_ACCESS_KEY": secrets[1], "AWS_SESSION_TOKEN": secrets[2]}
    file = directory / "dav"
    file.touch(mode=0o600)
    file.write_text(f"Bearer {secrets[3]}")
    with Talkative(status) as server:
        places = [
            {"name": "s3", "s3": {"endpoint": server.url, "bucket": "oidc", "region": "us-east-1"}},
            {"name": "dav", "put": server.url, "authorizationFile": str(file)},
        ]
        shown = ""
        for arguments in ((), ("--json",)):
            done = publish(issuer, directory, *places, arguments=arguments, **keys)
            assert done.returncode == 1
            shown += done.stdout + done.stderr
        heard = "\n".join(server.heard)
    assert secrets[0] in heard and secrets[2] in heard and secrets[3] in heard, "the server was not asked"
    assert secrets[1] not in heard
    for secret in secrets:
        assert secret not in shown and secret not in issuer.output(), secret


def test_a_credential_goes_to_nobody_whose_certificate_is_not_trusted(issuer, directory):
    certificate, key, _ = self_made_certificate(directory, "dav")
    file = directory / "authorization"
    file.touch(mode=0o600)
    file.write_text(OPEN_SESAME)
    with StandIn(lambda *_: (200, "application/json", "{}"), tls=(certificate, key)) as server:
        done = publish(issuer, directory, {"name": "dav", "put": server.url, "authorizationFile": str(file)})
        assert_failed(done, "dav", "certificate")
        assert server.requests == []


@pytest.mark.parametrize("text", ["", "\n", "Bearer a\nX-Other: b", "Bearer \x7f", " Bearer a", "Bearer é"])
def test_what_would_break_the_request_is_no_authorization(issuer, directory, text):
    file = directory / "dav"
    file.touch(mode=0o600)
    file.write_text(text)
    done = publish(issuer, directory, {"name": "dav", "put": f"http://{HOST}:1", "authorizationFile": str(file)})
    assert done.returncode == 78 and "one line" in done.stderr
    assert "X-Other" not in done.stderr


def test_an_authorization_that_others_can_read_is_refused(issuer, directory):
    file = directory / "dav"
    file.write_text("Bearer a")
    file.chmod(0o640)
    place = {"name": "dav", "put": f"http://{HOST}:1", "authorizationFile": str(file)}
    done = publish(issuer, directory, place)
    assert done.returncode == 78 and f"chmod 600 {file}" in done.stderr
    file.unlink()
    done = publish(issuer, directory, place)
    assert done.returncode == 78 and "cannot be read" in done.stderr


# --- the folder ------------------------------------------------------------------------------------------------------

@pytest.fixture
def web(directory) -> Path:
    made = directory / "web"
    made.mkdir(mode=0o755)
    return made


def test_a_folder_can_be_named_without_a_configuration_file(issuer, web):
    done = issuer.cli("publish", "--directory", "web", cwd=web.parent)
    assert_published(done, "directory")
    assert lying(web) == served(issuer)
    assert_published(issuer.cli("publish", "--directory", str(web)), "directory")
    assert {stat.S_IMODE((web / path).stat().st_mode) for path in FILES} == {0o644}
    assert stat.S_IMODE((web / ".well-known").stat().st_mode) == 0o755
    assert sorted(path.name for path in web.rglob("*")) == [
        ".well-known", "jwks", "jwks.json", "openid-configuration"]


KILLS = [(call, number) for call, numbers in {
    "mkdirat": (1,), "flock": range(1, 4), "fchmod": range(1, 5), "fsync": range(1, 8),
    "renameat,renameat2": range(1, 5),
}.items() for number in numbers]


def test_a_run_that_is_killed_leaves_every_file_whole_and_drafts_do_not_gather(issuers, web):
    two = [issuers.start(metrics=False), issuers.start(metrics=False)]
    whole = [served(issuer) for issuer in two]
    assert whole[0][JWKS] != whole[1][JWKS]
    killed = 0
    for number, (calls, occurrence) in enumerate(KILLS):
        names = ",".join("?" + call for call in calls.split(","))
        done = subprocess.run(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={names}",
             "-e", f"inject={names}:signal=KILL:when={occurrence}",
             str(harness.binary()), "publish", "--storage", two[number % 2].storage, "--directory", str(web)],
            env=harness.clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        killed += done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
        for path in FILES:
            if (web / path).exists():
                assert (web / path).read_bytes() in (whole[0][path], whole[1][path]), (calls, occurrence, path)
                assert stat.S_IMODE((web / path).stat().st_mode) == 0o644
        if (web / ".well-known").exists():
            assert stat.S_IMODE((web / ".well-known").stat().st_mode) == 0o755
            assert len(list((web / ".well-known").iterdir())) <= 2 * len(FILES)
    assert killed >= 10, f"only {killed} of {len(KILLS)} runs were killed"
    assert_published(two[0].cli("publish", "--directory", str(web)), "directory")
    assert lying(web) == whole[0]
    assert sorted(path.name for path in web.rglob("*")) == [".well-known", "jwks", "jwks.json", "openid-configuration"]


def test_runs_that_are_killed_at_any_time_leave_every_file_whole(issuers, web):
    two = [issuers.start(metrics=False), issuers.start(metrics=False)]
    whole = [served(issuer) for issuer in two]
    for number in range(20):
        process = subprocess.Popen(
            [str(harness.binary()), "publish", "--storage", two[number % 2].storage, "--directory", str(web)],
            env=harness.clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        time.sleep(0.02 + 0.006 * number)
        process.kill()
        process.wait()
        for path in FILES:
            if (web / path).exists():
                assert (web / path).read_bytes() in (whole[0][path], whole[1][path])
    assert_published(two[1].cli("publish", "--directory", str(web)), "directory")
    assert lying(web) == whole[1]


def test_two_runs_at_once_leave_whole_files(issuer, web):
    done = harness.in_parallel(lambda _: issuer.cli("publish", "--directory", str(web)), range(6), threads=6)
    for run in done:
        assert_published(run, "directory")
    assert lying(web) == served(issuer)
    assert len(list((web / ".well-known").iterdir())) == 3


def test_a_full_disk_leaves_the_former_files_and_no_draft(issuers, web):
    two = [issuers.start(metrics=False), issuers.start(metrics=False)]
    assert_published(two[0].cli("publish", "--directory", str(web)), "directory")
    for calls in ("fsync", "?renameat,?renameat2", "fchmod"):
        done = subprocess.run(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:error=ENOSPC",
             str(harness.binary()), "publish", "--storage", two[1].storage, "--directory", str(web)],
            env=harness.clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, text=True)
        assert done.returncode == 1 and "No space left" in done.stderr, (calls, done.stderr)
        assert lying(web) == served(two[0])
        assert len(list((web / ".well-known").iterdir())) == 3


@pytest.mark.parametrize("name", [".well-known", "..well-known.draft", f"{JWKS}", ".well-known/.jwks.draft"])
def test_a_link_that_somebody_laid_is_not_followed(issuer, directory, web, name):
    elsewhere = directory / "elsewhere"
    is_folder = "/" not in name
    elsewhere.mkdir() if is_folder else elsewhere.write_text("precious")
    (web / name).parent.mkdir(exist_ok=True)
    (web / name).symlink_to(elsewhere)
    done = issuer.cli("publish", "--directory", str(web))
    assert_failed(done, "directory", str(web / name), "link")
    assert list(elsewhere.iterdir()) == [] if is_folder else elsewhere.read_text() == "precious"


def test_a_link_to_the_place_itself_is_the_operators(issuer, directory, web):
    (directory / "current").symlink_to(web)
    assert_published(issuer.cli("publish", "--directory", str(directory / "current")), "directory")
    assert lying(web) == served(issuer)


@pytest.mark.parametrize("name", ["", ".well-known"])
def test_a_folder_where_everyone_could_replace_the_keys_is_refused(issuer, web, name):
    (web / ".well-known").mkdir()
    (web / name).chmod(0o1777)
    done = issuer.cli("publish", "--directory", str(web))
    assert_failed(done, "directory", "chmod o-w")
    assert list((web / ".well-known").iterdir()) == []


def test_what_another_user_laid_in_the_way_is_not_used(issuer, web):
    folder = web / ".well-known"
    folder.mkdir(mode=0o755)
    if os.getuid() == 0:  # only root can make what is somebody else's; for anybody else the modes are what can be seen
        os.chown(folder, NOBODY, NOBODY)
        done = issuer.cli("publish", "--directory", str(web))
        assert_failed(done, "directory", str(folder), "belongs to another user")
        os.chown(folder, 0, 0)
        draft = folder / ".jwks.draft"
        draft.write_text("bait")
        os.chown(draft, NOBODY, NOBODY)
        done = issuer.cli("publish", "--directory", str(web))
        assert_failed(done, "directory", str(draft), "belongs to another user")
        assert draft.read_text() == "bait"
        draft.unlink()
        os.chown(web, NOBODY, NOBODY)  # the web server's own folder, below which everything may be the web server's
        os.chown(folder, NOBODY, NOBODY)
    assert_published(issuer.cli("publish", "--directory", str(web)), "directory")


# --- the configuration -----------------------------------------------------------------------------------------------

def place(**members) -> dict:
    return {"name": "a", "directory": "/srv", **members}


def bucket_place(**members) -> dict:
    settings = {"endpoint": "https://s3.example.org", "bucket": "oidc", "region": "us-east-1", "prefix": "", **members}
    return {"name": "a", "s3": {name: value for name, value in settings.items() if value is not None}}


PROBLEMS = {
    "not-a-list": ({"a": 1}, "publication.places must be a list"),
    "not-a-mapping": (["a"], "publication.places[0] must be a mapping"),
    "unknown-key": ([place(color="red")], "publication.places[0].color is not a known key"),
    "no-name": ([{"directory": "/srv"}], "publication.places[0].name must be"),
    "upper-case-name": ([place(name="A")], "publication.places[0].name must be"),
    "empty-name": ([place(name="")], "publication.places[0].name must be"),
    "long-name": ([place(name="a" * 65)], "publication.places[0].name must be"),
    "same-name": ([place(), place(directory="/srv/b")], "publication.places[1].name a is taken"),
    "no-kind": ([{"name": "a"}], "publication.places[0] must have exactly one of s3, directory and put"),
    "two-kinds": ([place(put="https://dav.example.org")], "publication.places[0] must have exactly one of"),
    "relative-folder": ([place(directory="www")], "publication.places[0].directory must be an absolute path"),
    "folder-list": ([place(directory=["/srv"])], "publication.places[0].directory must be an absolute path"),
    "http-url": ([place(url="http://ci.example.org")],
                 "publication.places[0].url http://ci.example.org is refused: http://"),
    "http-put": ([{"name": "a", "put": "http://10.0.0.1/ci"}],
                 "publication.places[0].put http://10.0.0.1/ci is refused"),
    "ftp-put": ([{"name": "a", "put": "ftp://dav.example.org"}], "publication.places[0].put"),
    "put-query": ([{"name": "a", "put": "https://dav.example.org?a=b"}], "no query"),
    "authorization-without-put": ([place(authorizationFile="/etc/x")], "authorizationFile goes with put only"),
    "relative-authorization": ([{"name": "a", "put": "https://dav.example.org", "authorizationFile": "x"}],
                               "publication.places[0].authorizationFile must be an absolute path"),
    "s3-text": ([{"name": "a", "s3": "oidc"}], "publication.places[0].s3 must be a mapping"),
    "s3-unknown-key": ([bucket_place(acl="public-read")], "publication.places[0].s3.acl is not a known key"),
    "s3-credentials": ([bucket_place(accessKeyID="AKIA")], "publication.places[0].s3.accessKeyID is not a known key"),
    "s3-no-endpoint": ([bucket_place(endpoint=None)], "publication.places[0].s3.endpoint is missing"),
    "s3-no-bucket": ([bucket_place(bucket=None)], "publication.places[0].s3.bucket is missing"),
    "s3-http": ([bucket_place(endpoint="http://s3.example.org")],
                "publication.places[0].s3.endpoint http://s3.example.org"),
    "s3-bucket-path": ([bucket_place(bucket="a/b")], "publication.places[0].s3 must have a plain bucket"),
    "s3-prefix-up": ([bucket_place(prefix="../a")], "publication.places[0].s3 must have a plain bucket"),
    "s3-region": ([bucket_place(region="us east")], "publication.places[0].s3 must have a plain bucket"),
}


@pytest.mark.parametrize("places, problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_place_that_is_not_right_is_wrong_configuration_for_publish_and_for_serve(directory, places, problem):
    file = directory / "publish.yaml"
    file.write_text(json.dumps({"publication": {"places": places}}))
    storage = ("--storage", f"sqlite:{directory}/none.sqlite")
    for command in (("publish",), ("serve", "--issuer", f"http://{HOST}:1")):
        done = run_cli(*command, "--config", str(file), *storage)
        assert done.returncode == 78, (command, done.stderr)
        assert problem in done.stderr, done.stderr
    assert not (directory / "none.sqlite").exists()


def test_every_problem_is_told_and_no_password(directory):
    file = directory / "publish.yaml"
    places = [{"name": "a", "put": "https://u:sesame@dav.example.org"}, {"name": "b"},
              {"name": "C", "directory": "/srv"}]
    file.write_text(json.dumps({"publication": {"places": places, "every": "1m"}}))
    done = run_cli("publish", "--config", str(file))
    assert done.returncode == 78
    for problem in ("places[0].put is refused", "places[1] must", "places[2].name must", "publication.every is not a"):
        assert problem in done.stderr, done.stderr
    assert "sesame" not in done.stderr


def test_without_any_place_it_says_how_to_name_one(issuer, directory):
    done = issuer.cli("publish")
    assert done.returncode == 78 and done.stdout == ""
    assert "publication.places" in done.stderr and "--directory" in done.stderr
    done = publish(issuer, directory)
    assert done.returncode == 78 and "publication.places" in done.stderr


def test_the_documented_file_is_understood_and_its_folder_written(issuers, directory, web):
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.S)
    file = directory / "example.yaml"
    file.write_text(example.replace("/srv/www/ci", str(web)).replace("/etc/jobsworth/dav", str(directory / "dav"))
                    .replace("https://s3.eu-central-1.amazonaws.com", f"http://{HOST}:{free_port()}")
                    .replace("https://dav.example.org", f"http://{HOST}:{free_port()}"))
    (directory / "dav").touch(mode=0o600)
    (directory / "dav").write_text(OPEN_SESAME)
    issuer = issuers.start(arguments=("--config", str(file)))
    done = issuer.cli("publish", "--config", str(file), environment=harness.clean_environment(
        AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any"))
    assert_failed(done, "bucket", "cannot be reached")
    assert_failed(done, "dav", "cannot be reached")
    assert "web  published and read back  4 keys" in done.stdout
    assert lying(web) == served(issuer)


def test_serve_takes_a_file_with_places(issuers, directory):
    file = write_configuration(directory, place(), bucket_place() | {"name": "b"},
                               {"name": "c", "put": "https://dav.example.org/ci/", "url": "https://ci.example.org"})
    issuers.start(arguments=("--config", str(file))).assert_alive()
