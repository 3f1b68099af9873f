"""The runner's broker: agents register, beat and end jobs and hold nothing; nobody gets at what it holds."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import harness
from brokers import AGENT, BROKER, JOB, OTHER_AGENT, Broker, run_as, started_as
from harness import assert_error, clean_environment, poll, registration, run_cli

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")


@pytest.fixture(scope="module")
def broker(issuer):
    made = Broker(issuer, credential=issuer.runner("acme/*").credential, allowed=(AGENT, OTHER_AGENT)).start()
    yield made
    made.end()


@pytest.fixture
def brokers():
    made: list[Broker] = []

    def make(*arguments, **options) -> Broker:
        made.append(Broker(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.end()


def body_of(reference: str | None = None, **members) -> dict:
    return registration(**members, **({"reference": reference} if reference else {}))


def is_alive(issuer, started: dict) -> bool:
    job = harness.Job(issuer, harness.Answer(201, [], json.dumps(started).encode()))
    return job.ask().status == 200


# --- what an agent does

def test_an_agent_starts_a_job_keeps_it_alive_and_ends_it_holding_nothing(issuer, broker):
    started = broker.start_job(AGENT, "--lease", "30", repository="acme/by-broker")
    assert is_alive(issuer, started)
    status, text = broker.ask_as(AGENT, "POST", f"/v1/jobs/{started['id']}/heartbeat")
    assert status == 200 and json.loads(text)["lease_expires_at"]
    done = broker.job(AGENT, "end", "--id", started["id"])
    assert done.returncode == 0, done.stderr
    assert not is_alive(issuer, started)


def test_a_job_is_ended_by_its_reference(issuer, broker):
    started = broker.start_job(AGENT, "--reference", "ci/1 & more")
    done = broker.job(AGENT, "end", "--reference", "ci/1 & more")
    assert done.returncode == 0, done.stderr
    assert not is_alive(issuer, started)


def test_a_fact_is_set_through_the_broker(broker):
    started = broker.start_job(AGENT)
    status, text = broker.ask_as(AGENT, "PATCH", f"/v1/jobs/{started['id']}", {"job": {"sha": "0f" * 20}})
    assert status == 200 and json.loads(text)["job"]["sha"] == "0f" * 20


def test_the_same_reference_and_body_again_is_the_same_job(broker):
    first = broker.start_job(AGENT, "--reference", "again", repository="acme/again")
    second = broker.start_job(AGENT, "--reference", "again", repository="acme/again")
    assert first["id"] == second["id"]
    assert first["id_token_request"] == second["id_token_request"]


def test_the_issuers_refusals_come_back_as_they_are(issuer, broker):
    body = body_of(job=harness.facts(repository="elsewhere/widgets"))
    answer = broker.call("POST", "/v1/jobs", body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    assert_error(answer, 403, reason="repository_not_allowed")
    for sent in (b"", b"{", b'{"a":1}', b'{"job":{},"job":{}}'):
        answer = broker.call("POST", "/v1/jobs", body=sent, headers={"Content-Type": "application/json"})
        direct = issuer.runner("acme/*").post(sent)
        assert (answer.status, answer.body) == (direct.status, direct.body)
    done = broker.job(AGENT, "start", "--fact", "repository=elsewhere/widgets", "--fact", "ref=r", "--fact", "workflow=w",
                      "--fact", "run_id=1")
    assert done.returncode == 1 and done.stderr.startswith("jobsworth: repository_not_allowed")


def test_a_body_is_bounded_as_the_issuer_bounds_it(broker):
    sent = b" " * 70_000
    answer = broker.call("POST", "/v1/jobs", body=sent, headers={"Content-Type": "application/json"})
    assert_error(answer, 413, reason="body_too_large")


def test_no_header_goes_on_to_the_issuer(broker):
    body = json.dumps(body_of()).encode()
    answer = broker.call("POST", "/v1/jobs", body=body, headers={
        "Content-Type": "application/json", "Authorization": "Bearer jwr_" + "A" * 43, "X-Forwarded-For": "10.0.0.1"})
    assert answer.status == 201, "the caller's own credential went on"


def test_a_broker_and_a_credential_together_are_wrong_usage(broker, directory):
    file = directory / "credential"
    file.touch(mode=0o600)
    arguments = ("job", "end", "--id", "0" * 32)
    both = {"JOBSWORTH_RUNNER_BROKER": str(broker.socket), "JOBSWORTH_RUNNER_CREDENTIAL_FILE": str(file)}
    for extra, environment in (
            (("--broker", str(broker.socket), "--credential-file", str(file)), {}),
            (("--broker", str(broker.socket), "--credential-fd", "0"), {}), ((), both)):
        done = run_cli(*arguments, *extra, environment=clean_environment(**environment))
        assert done.returncode == 64, done
        assert "not both" in done.stderr


# --- who may use it

def test_a_user_who_is_not_allowed_is_disconnected_whatever_the_sockets_mode(broker):
    assert stat.S_IMODE(broker.socket.lstat().st_mode) == 0o666
    for uid in (JOB, 65534, BROKER):
        assert broker.ask_as(uid, "POST", "/v1/jobs", body_of()) == (0, "")
        assert broker.ask_as(uid, "GET", "/v1/jobs") == (0, "")
        done = broker.job(uid, "start", "--fact", "repository=acme/a", "--fact", "ref=r", "--fact", "workflow=w",
                          "--fact", "run_id=1")
        assert done.returncode == 1 and done.stdout == "" and f"uid {uid}" in done.stderr, done


def test_root_is_always_allowed(broker):
    status, _ = broker.ask_as(0, "POST", "/v1/jobs", body_of())
    assert status == 201


def test_a_user_may_be_given_by_name(issuer, brokers):
    broker = brokers(issuer, credential=issuer.runner("acme/*").credential, allowed=("nobody",)).start()
    assert broker.ask_as(65534, "POST", "/v1/jobs", body_of())[0] == 201
    assert broker.ask_as(AGENT, "POST", "/v1/jobs", body_of())[0] == 0


def test_without_a_named_user_only_its_own_and_root_may_and_the_log_warns(issuer, brokers):
    broker = brokers(issuer, credential=issuer.runner("acme/*").credential, allowed=()).start()
    assert broker.ask_as(BROKER, "POST", "/v1/jobs", body_of())[0] == 201
    assert broker.ask_as(AGENT, "POST", "/v1/jobs", body_of())[0] == 0
    assert "--allow-uid" in broker.output()


@pytest.mark.parametrize("method,target", [
    ("GET", "/v1/jobs"), ("PUT", "/v1/jobs"), ("PATCH", "/v1/jobs"), ("HEAD", "/v1/jobs"), ("OPTIONS", "/v1/jobs"),
    ("GET", "/v1/jobs/" + "0" * 32), ("POST", "/v1/jobs/" + "0" * 32), ("PUT", "/v1/jobs/" + "0" * 32),
    ("GET", "/v1/jobs/" + "0" * 32 + "/heartbeat"), ("DELETE", "/v1/jobs/" + "0" * 32 + "/heartbeat"),
])
def test_every_other_method_is_refused(broker, method, target):
    answer = broker.call(method, target)
    assert answer.status == 405 and answer.header("Allow")


@pytest.mark.parametrize("target", [
    "/", "/token", "/v1", "/v1/", "/v1/jobs/", "/v1/jobs/x", "/v1/jobs/" + "0" * 31, "/v1/jobs/" + "0" * 32 + "/",
    "/v1/jobs/" + "0" * 32 + "/id-token", "/v1/jobs/../jobs", "/v1//jobs", "//v1/jobs", "/v1/jobs;x", "/V1/jobs",
    "/v1/%6aobs", "/v1/jobs/" + "0" * 32 + "/heartbeat/x", "/.well-known/jwks", "/.well-known/openid-configuration",
    "/command", "/metrics", "/livez", "/v1/runners", "/v1/jobs/" + "A" * 32,
])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_every_other_path_is_refused(broker, method, target):
    assert_error(broker.call(method, target), 404, reason="path_not_found")


def test_a_query_is_refused_but_for_the_reference(broker):
    started = broker.start_job(AGENT)
    for method, target in (("POST", "/v1/jobs?a=b"), ("DELETE", f"/v1/jobs/{started['id']}?x"),
                           ("POST", f"/v1/jobs/{started['id']}/heartbeat?reference=a"), ("DELETE", "/v1/jobs"),
                           ("DELETE", "/v1/jobs?reference=a&reference=b"), ("DELETE", "/v1/jobs?reference=a&b=c"),
                           ("DELETE", "/v1/jobs?reference=")):
        body = b"{}" if target.startswith("/v1/jobs?a") else None
        answer = broker.call(method, target, body=body, headers={"Content-Type": "application/json"} if body else {})
        assert_error(answer, 400)


# --- whose job it is

def test_another_agent_cannot_touch_a_job(issuer, broker):
    started = broker.start_job(AGENT, "--reference", "mine", "--lease", "60")
    for method, target, body in (
            ("DELETE", f"/v1/jobs/{started['id']}", None), ("DELETE", "/v1/jobs?reference=mine", None),
            ("POST", f"/v1/jobs/{started['id']}/heartbeat", None),
            ("PATCH", f"/v1/jobs/{started['id']}", {"job": {"sha": "0f" * 20}})):
        status, text = broker.ask_as(OTHER_AGENT, method, target, body)
        assert status == 404 and json.loads(text)["reason"] == "not_found", (method, target)
    assert is_alive(issuer, started)
    assert broker.ask_as(0, "DELETE", f"/v1/jobs/{started['id']}")[0] == 204, "root may"
    assert not is_alive(issuer, started)


def test_another_agent_is_not_told_a_jobs_tokens_by_its_reference_and_body(issuer, broker):
    body = body_of("shared-reference")
    status, text = broker.ask_as(AGENT, "POST", "/v1/jobs", body)
    assert status == 201
    status, answer = broker.ask_as(OTHER_AGENT, "POST", "/v1/jobs", body)
    assert status == 409 and json.loads(answer)["reason"] == "reference_conflict"
    assert json.loads(text)["id_token_request"]["token"] not in answer
    assert broker.ask_as(AGENT, "POST", "/v1/jobs", body)[0] == 200


def test_after_a_restart_a_job_can_be_kept_alive_and_ended_but_not_taken_over(issuer, brokers):
    credential = issuer.runner("acme/*").credential
    broker = brokers(issuer, credential=credential, allowed=(AGENT, OTHER_AGENT)).start()
    body = body_of("before-the-restart")
    status, text = broker.ask_as(AGENT, "POST", "/v1/jobs", body)
    assert status == 201
    started = json.loads(text)
    assert broker.stop() == 0
    assert not broker.socket.exists()
    broker.start()
    for uid in (AGENT, OTHER_AGENT):
        status, answer = broker.ask_as(uid, "POST", "/v1/jobs", body)
        assert status == 409 and "jwj_" not in answer
        assert broker.ask_as(uid, "PATCH", f"/v1/jobs/{started['id']}", {"job": {"sha": "0f" * 20}})[0] == 404
        assert broker.ask_as(uid, "POST", f"/v1/jobs/{started['id']}/heartbeat")[0] == 200
    assert is_alive(issuer, started)
    assert broker.ask_as(AGENT, "DELETE", "/v1/jobs?reference=before-the-restart")[0] == 204
    assert not is_alive(issuer, started)


class LosingWay:
    """The way to an issuer, on which answers wait, and are lost."""

    def __init__(self, issuer):
        self.came, self.go_on, self.is_losing = threading.Event(), threading.Event(), True
        way = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                connection = http.client.HTTPConnection(harness.HOST, issuer.port, timeout=20)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                data = answer.read()
                if way.is_losing:
                    way.came.set()
                    way.go_on.wait(60)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_DELETE = answer

        self._server = ThreadingHTTPServer((harness.HOST, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{harness.HOST}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def end(self):
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


def test_a_reference_is_its_registrars_before_the_answer_and_after_it_is_lost(issuer, brokers):
    way = LosingWay(issuer)
    try:
        broker = brokers(issuer, credential=issuer.runner("acme/*").credential, allowed=(AGENT, OTHER_AGENT),
                         url=way.url).start()
        body = body_of("lost")
        with ThreadPoolExecutor() as pool:
            first = pool.submit(broker.ask_as, AGENT, "POST", "/v1/jobs", body)
            assert way.came.wait(30)
            assert broker.ask_as(OTHER_AGENT, "DELETE", "/v1/jobs?reference=lost")[0] == 404, "while it is under way"
            assert broker.ask_as(OTHER_AGENT, "POST", "/v1/jobs", body)[0] == 409
            assert broker.ask_as(AGENT, "POST", "/v1/jobs", body)[0] == 503
            way.go_on.set()
            assert first.result()[0] == 503
        way.is_losing = False
        assert broker.ask_as(OTHER_AGENT, "DELETE", "/v1/jobs?reference=lost")[0] == 404, "after it was lost"
        status, answer = broker.ask_as(OTHER_AGENT, "POST", "/v1/jobs", body)
        assert status == 409 and "jwj_" not in answer
        status, answer = broker.ask_as(AGENT, "POST", "/v1/jobs", body)
        assert status == 200, answer
        assert is_alive(issuer, json.loads(answer))
        assert broker.ask_as(AGENT, "DELETE", "/v1/jobs?reference=lost")[0] == 204
    finally:
        way.end()


# --- what it holds

def secret_in(credential: str, text: str | bytes) -> bool:
    data = text.encode() if isinstance(text, str) else text
    return credential.encode() in data


def test_nobody_reads_the_brokers_environment_memory_or_descriptors(broker):
    control = subprocess.Popen(["sleep", "60"], **started_as(BROKER))
    try:
        for uid in (BROKER, AGENT, JOB):
            for name in ("environ", "mem", "fd", "maps", "auxv"):
                script = ("import os, sys\npath = sys.argv[1]\n"
                          "print(len(os.listdir(path)) if path.endswith('/fd') else len(open(path, 'rb').read(1) or b'x')"
                          " if not path.endswith('/mem') else open(path, 'rb').fileno())")

                def looks(pid: int) -> bool:
                    return subprocess.run(["python3", "-c", script, f"/proc/{pid}/{name}"], capture_output=True,
                                          cwd="/", timeout=60, **started_as(uid)).returncode == 0

                if uid == BROKER and name != "mem":
                    assert looks(control.pid), f"{name} of another process of the same user cannot be read here anyway"
                assert not looks(broker.process.pid), f"uid {uid} reads {name}"
    finally:
        control.kill()
        control.wait()


def test_the_broker_leaves_no_core(broker):
    limits = Path(f"/proc/{broker.process.pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0\s", limits), limits


def test_the_credential_is_in_no_answer_no_output_and_no_argument(issuer, brokers):
    credential = issuer.runner("acme/*").credential
    broker = brokers(issuer, credential=credential, allowed=(AGENT,)).start()
    done = broker.job(AGENT, "start", "--fact", "repository=acme/quiet", "--fact", "ref=r", "--fact", "workflow=w",
                      "--fact", "run_id=1", "--permission", "id-token=write", "--output", "env")
    assert done.returncode == 0
    everything = [done.stdout, done.stderr]
    for method, target in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("DELETE", "/v1/jobs/" + "0" * 32), ("GET", "/")):
        answer = broker.call(method, target)
        everything += [answer.body, repr(answer.fields)]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            everything.append(process.read_bytes())
        except OSError:
            continue
    broker.process.send_signal(signal.SIGHUP)
    assert broker.stop() == 0
    everything.append(broker.output())
    assert not [text for text in everything if secret_in(credential, text)]
    token = re.search(r"jwj_\S+", done.stdout)[0]
    assert token not in broker.output()
    assert "listening" in broker.output()


def test_sighup_takes_the_new_credential_and_keeps_the_old_one_where_the_file_is_spoiled(issuer, brokers):
    first, second = issuer.runner("acme/*"), issuer.runner("acme/*")
    broker = brokers(issuer, credential=first.credential).start()
    broker.write_credential("nonsense")
    broker.process.send_signal(signal.SIGHUP)
    poll(lambda: "stays what it was" in broker.output(), seconds=30, what="the refusal of the new credential")
    assert broker.ask_as(AGENT, "POST", "/v1/jobs", body_of())[0] == 201
    issuer.operator("runner", "revoke", first.name)
    status, text = broker.ask_as(AGENT, "POST", "/v1/jobs", body_of())
    assert status == 401 and json.loads(text)["reason"] == "credential_invalid"
    assert "runner list" in broker.output()
    broker.write_credential(second.credential)
    broker.process.send_signal(signal.SIGHUP)
    poll(lambda: "credential read again" in broker.output(), seconds=30, what="the new credential")
    assert broker.ask_as(AGENT, "POST", "/v1/jobs", body_of())[0] == 201


# --- its start and its end

def test_an_issuer_that_is_down_is_said_and_the_broker_goes_on(issuers, brokers):
    issuer = issuers.start()
    broker = brokers(issuer, credential=issuer.runner("acme/*").credential).start()
    issuer.stop()
    status, text = broker.ask_as(AGENT, "POST", "/v1/jobs", body_of())
    assert status == 503 and json.loads(text)["reason"] == "issuer_unreachable"
    done = broker.job(AGENT, "end", "--id", "0" * 32)
    assert done.returncode == 1 and "issuer_unreachable" in done.stderr
    issuer.start()
    assert broker.ask_as(AGENT, "POST", "/v1/jobs", body_of())[0] == 201


def test_a_broker_that_is_not_there_is_said(broker):
    done = run_as(AGENT, "job", "end", "--id", "0" * 32, "--broker", broker.folder / "none.sock")
    assert done.returncode == 1 and "none.sock" in done.stderr and "--allow-uid" in done.stderr


def test_the_socket_of_a_dead_broker_is_replaced_and_that_of_a_live_one_is_not(issuer, brokers):
    broker = brokers(issuer, credential=issuer.runner("acme/*").credential).start()
    second = subprocess.run(broker.command(), capture_output=True, text=True, timeout=60, cwd="/",
                            env=clean_environment(), **started_as(BROKER))
    assert second.returncode == 1 and "another running jobsworth" in second.stderr
    assert broker.ask_as(AGENT, "POST", "/v1/jobs", body_of())[0] == 201
    broker.kill()
    assert broker.socket.exists()
    broker.spawn()
    poll(lambda: is_answered(broker), seconds=60, what="the new broker's answer")
    assert broker.ask_as(AGENT, "POST", "/v1/jobs", body_of())[0] == 201


def assert_not_started(broker: Broker, code: int, words: str) -> None:
    done = subprocess.run(broker.command(), capture_output=True, text=True, timeout=60, cwd="/",
                          env=clean_environment(), **started_as(broker.user))
    assert done.returncode == code and words in done.stderr, done
    assert done.stdout == ""


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_credential_file_that_others_read_is_refused(issuer, brokers, mode):
    broker = brokers(issuer, credential="jwr_" + "A" * 43)
    broker.credential_file.chmod(mode)
    assert_not_started(broker, 78, "chmod 600")


def test_a_file_without_a_credential_is_refused_and_not_shown(issuer, brokers):
    broker = brokers(issuer, credential="jwr_canary-7f3a")
    assert_not_started(broker, 78, "no runner credential")
    broker.credential_file.unlink()
    assert_not_started(broker, 78, "cannot be read")


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777])
def test_a_folder_in_which_others_may_write_is_refused(issuer, brokers, mode):
    broker = brokers(issuer, credential="jwr_" + "A" * 43)
    broker.folder.chmod(mode)
    assert_not_started(broker, 78, "others may write")


def test_a_folder_that_another_user_may_rename_is_refused(issuer, brokers):
    broker = brokers(issuer, credential="jwr_" + "A" * 43)
    os.chown(broker.directory, AGENT, AGENT)
    assert_not_started(broker, 78, "others may write")


def test_what_lies_at_the_sockets_path_and_is_none_is_left_alone(issuer, brokers):
    broker = brokers(issuer, credential="jwr_" + "A" * 43)
    broker.socket.write_text("precious")
    assert_not_started(broker, 78, "not a socket")
    assert broker.socket.read_text() == "precious"


def test_an_issuer_over_plain_http_elsewhere_is_refused(issuer, brokers):
    broker = brokers(issuer, credential="jwr_" + "A" * 43, url="http://ci.example.org")
    assert_not_started(broker, 78, "https only")


@pytest.mark.parametrize("user", ["no-such-user-7f3a", "-1", "4294967295", "4294967296", "1.5"])
def test_a_user_who_is_none_is_refused(issuer, brokers, user):
    broker = brokers(issuer, credential="jwr_" + "A" * 43, allowed=())
    command = broker.command() + [f"--allow-uid={user}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", env=clean_environment(),
                          **started_as(BROKER))
    assert done.returncode == 78 and "no user" in done.stderr, done


def test_a_request_under_way_is_answered_before_the_broker_ends(issuers, brokers):
    """The issuer is stopped like a program in a debugger, so that the request is surely under way."""
    issuer = issuers.start()
    broker = brokers(issuer, credential=issuer.runner("acme/*").credential).start()
    issuer.process.send_signal(signal.SIGSTOP)
    try:
        client = subprocess.Popen(
            [str(harness.binary()), "job", "start", "--broker", str(broker.socket), "--fact", "repository=acme/slow",
             "--fact", "ref=r", "--fact", "workflow=w", "--fact", "run_id=1", "--permission", "id-token=write"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
            env=clean_environment(), **started_as(AGENT))
        poll(lambda: has_connection_to(broker.process.pid, issuer.port), seconds=30, what="the forwarded request")
        broker.process.send_signal(signal.SIGTERM)
        poll(lambda: not broker.socket.exists() or not is_answered(broker), seconds=30, what="the drain")
    finally:
        issuer.process.send_signal(signal.SIGCONT)
    out, err = client.communicate(timeout=60)
    assert client.returncode == 0, err
    assert json.loads(out)["id_token_request"]
    assert broker.process.wait(60) == 0


def has_connection_to(pid: int, port: int) -> bool:
    inodes = {re.search(r"\d+", os.readlink(path))[0] for path in Path(f"/proc/{pid}/fd").iterdir()
              if os.readlink(path).startswith("socket:")}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[2].endswith(f":{port:04X}") and fields[3] == "01" and fields[9] in inodes:
            return True
    return False


def is_answered(broker: Broker) -> bool:
    try:
        return broker.call("GET", "/v1/jobs").status == 405
    except OSError:
        return False


# --- its document

DOCUMENT = (harness.REPOSITORY_ROOT / "docs/runner-broker.md").read_text("utf-8")


def test_the_documented_commands_work_for_the_agent_and_the_job(issuer, broker, directory):
    """The page's own words, with this broker's socket and issuer in the place of the page's."""
    agents, examination = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.S)
    os.chown(directory, AGENT, AGENT)
    programs = directory / "bin"
    programs.mkdir()
    (programs / "jobsworth").symlink_to(harness.binary())
    environment = clean_environment(PATH=f"{programs}:{os.environ['PATH']}", HOME="/nonexistent")
    script = agents.replace("/run/jobsworth-broker/broker.sock", str(broker.socket))
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60,
                          cwd=directory, env=environment, stdin=subprocess.DEVNULL, **started_as(AGENT))
    assert done.returncode == 0, done.stderr
    token = (directory / "job-4711" / "ACTIONS_ID_TOKEN_REQUEST_TOKEN").read_text()
    url = (directory / "job-4711" / "ACTIONS_ID_TOKEN_REQUEST_URL").read_text()
    assert issuer.get(url.removeprefix(issuer.url) + "&audience=a", headers=harness.bearer(token)).status == 401
    directory.chmod(0o755)
    done = subprocess.run(["bash", "-c", examination], capture_output=True, text=True, timeout=60, cwd="/",
                          env=environment, stdin=subprocess.DEVNULL, **started_as(JOB))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_documented_unit_starts_the_broker_with_options_that_there_are():
    (unit,) = re.findall(r"```ini\n(.*?)```", DOCUMENT, re.S)
    command = re.search(r"ExecStart=/usr/bin/jobsworth (.*(?:\\\n.*)*)", unit)[1].replace("\\\n", " ").split()
    assert command[:2] == ["runner", "broker"]
    shown = run_cli("runner", "broker", "--help").stdout
    for option in (part for part in command if part.startswith("--")):
        assert re.search(rf"{option}\b", shown), option
