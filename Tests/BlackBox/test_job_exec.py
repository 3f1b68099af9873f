"""`job exec`: one command from its job's registration to its end, with tokens and secrets, apart from the credential."""

from __future__ import annotations

import json
import os
import pty
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from standins import StandIn, verify_through_discovery
from test_real_clients import AWS_ANSWER

import harness
from harness import binary, claims_of, clean_environment, facts, full_facts, poll, registration, run_cli
from openbao import AUDIENCE, bao  # noqa: F401  a fixture

NOBODY = pwd.getpwnam("nobody")
PROVIDER = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/jobs"


@pytest.fixture
def shared(directory):
    """A folder that every user may use."""
    directory.chmod(0o755)
    folder = directory / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def arguments(issuer):
    """The command's beginning, for a job that may request tokens."""
    def make(*options: str, permission: bool = True, **stated: str) -> list[str]:
        given = [part for pair in facts(**stated).items() for part in ("--fact", "=".join(pair))]
        if permission:
            given += ["--permission", "id-token=write"]
        return ["job", "exec", "--issuer", issuer.url, *given, *map(str, options)]

    return make


@pytest.fixture
def execute(arguments, credential_file):
    """Runs a command as a job of root's, which is trusted unless a user is named."""
    def run(*command: str, options: tuple = ("--i-trust-the-job",), permission: bool = True, env=None, cwd=None,
            **stated: str):
        environment = clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file), **(env or {}))
        return run_cli(*arguments(*options, permission=permission, **stated), "--", *map(str, command),
                       environment=environment, cwd=cwd)

    return run


def request_token_status(issuer, url: str, token: str) -> int:
    target = url.removeprefix(issuer.url) + "&audience=a"
    return issuer.get(target, headers=harness.bearer(token)).status


def start(processes, arguments, credential_file, *command, options=("--i-trust-the-job",), **popen):
    return processes(
        binary(), *arguments(*options), "--", *command,
        env=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file)), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)


def ready(file):
    poll(lambda: file.exists() and file.read_text().endswith("\n"), seconds=30, what="the command's start")
    return file.read_text().split()


PRINT_REQUEST = 'printf "%s\\n%s\\n" "$ACTIONS_ID_TOKEN_REQUEST_URL" "$ACTIONS_ID_TOKEN_REQUEST_TOKEN"'


# --- from registration to end

def test_the_command_gets_its_tokens_and_the_job_ends_with_it(issuer, execute):
    done = execute("sh", "-c", PRINT_REQUEST + "; jobsworth=$0; $jobsworth job token --audience a", binary())
    assert done.returncode == 0, done.stderr
    url, request_token, token = done.stdout.split()
    assert claims_of(token)["aud"] == "a"
    assert request_token_status(issuer, url, request_token) == 401
    assert done.stderr == ""


def test_a_job_that_opts_in_to_nothing_gets_nothing(execute):
    done = execute("env", permission=False)
    assert done.returncode == 0 and "gets no token" in done.stderr
    assert "ACTIONS_" not in done.stdout and "eyJ" not in done.stdout


@pytest.mark.parametrize("command, code", [
    (("true",), 0), (("sh", "-c", "exit 7"), 7), (("sh", "-c", "kill -9 $$"), 137), (("sh", "-c", "kill -TERM $$"), 143),
    (("no-such-command",), 127), (("/no/such/command",), 127), (("/etc/hostname",), 126), (("/etc",), 126),
])
def test_the_exit_code_is_the_commands(issuer, execute, command, code):
    repository = f"acme/exit-{harness.uuid.uuid4().hex}"
    done = execute(*command, repository=repository)
    assert done.returncode == code, done
    assert done.stdout == ""
    (registered,) = issuer.audit(operation="registration", repository=repository)
    assert issuer.audit(operation="job_end", job=registered["job"])


def test_output_input_and_arguments_are_the_commands_own(arguments, credential_file):
    done = run_cli(*arguments("--i-trust-the-job"), "--", "sh", "-c", 'cat; echo "$1" >&2', "sh", "--issuer x",
                   environment=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file)),
                   stdin=b"in\x00put")
    assert (done.returncode, done.stdout_bytes, done.stderr) == (0, b"in\x00put", "--issuer x\n")


def test_without_a_command_or_with_a_refused_registration_nothing_runs(execute, arguments, credential_file, shared):
    assert execute().returncode == 64
    done = execute("touch", shared / "ran", repository="elsewhere/x")
    assert done.returncode == 1 and done.stderr.startswith("jobsworth: ") and not (shared / "ran").exists()


def test_no_token_is_ever_on_our_own_output(execute):
    done = execute("true", options=("--i-trust-the-job", "--id-token", "A_ID_TOKEN=a", "--sigstore-token",
                                    "--aws-token-file", "sts.amazonaws.com"))
    assert done.returncode == 0 and done.stdout == "" and done.stderr == "", done


def test_the_lease_is_kept_for_a_command_that_outlasts_it(issuer, execute):
    done = execute("sh", "-c", "sleep 6; " + PRINT_REQUEST + "; $0 job token --audience a", binary(),
                   options=("--i-trust-the-job", "--lease", "2"))
    assert done.returncode == 0, done.stderr
    assert claims_of(done.stdout.split()[2])["aud"] == "a"


# --- signals

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT])
def test_a_signal_reaches_the_command_and_the_job_ends(issuer, processes, arguments, credential_file, shared, number):
    script = (f"trap 'echo {number.name} > {shared}/got; exit 9' {number.name[3:]}; ({PRINT_REQUEST}) > {shared}/up.new;"
              f" mv {shared}/up.new {shared}/up; while :; do sleep 0.1; done")
    process = start(processes, arguments, credential_file, "sh", "-c", script)
    url, token = ready(shared / "up")
    assert request_token_status(issuer, url, token) == 200
    process.send_signal(number)
    assert process.wait(30) == 9, process.stderr.read()
    assert (shared / "got").read_text().strip() == number.name
    assert request_token_status(issuer, url, token) == 401


def test_what_the_command_started_is_told_too(processes, arguments, credential_file, shared):
    script = f"(sh -c 'trap \"touch {shared}/told; exit\" TERM; touch {shared}/armed; while :; do sleep 0.1; done')"
    process = start(processes, arguments, credential_file, "sh", "-c", script + "; true")
    poll((shared / "armed").exists, seconds=30)
    process.terminate()
    process.wait(30)
    poll((shared / "told").exists, seconds=10)


def test_the_command_is_told_when_the_wrapper_is_killed(processes, arguments, credential_file, shared):
    script = f"trap 'touch {shared}/told; exit' TERM; echo up > {shared}/up; while :; do sleep 0.1; done"
    process = start(processes, arguments, credential_file, "sh", "-c", script)
    ready(shared / "up")
    process.kill()
    poll((shared / "told").exists, seconds=10)


def test_the_lease_ends_the_job_of_a_wrapper_that_was_killed(issuer, processes, arguments, credential_file, shared):
    script = f"({PRINT_REQUEST}) > {shared}/new; mv {shared}/new {shared}/up; sleep 30"
    process = start(processes, arguments, credential_file, "sh", "-c", script,
                    options=("--i-trust-the-job", "--lease", "2"))
    url, token = ready(shared / "up")
    process.kill()
    poll(lambda: request_token_status(issuer, url, token) == 401, seconds=20)


def test_a_terminal_interrupts_the_command_once(arguments, credential_file, shared):
    """On a terminal the command is in the wrapper's group, and the terminal signals both."""
    script = (f"trap 'echo got >> {shared}/got' INT; trap 'exit 5' TERM; echo up > {shared}/up;"
              f" while :; do sleep 0.1; done")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(str(binary()), [str(binary()), *arguments("--i-trust-the-job"), "--", "sh", "-c", script],
                  clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file)))
    try:
        ready(shared / "up")
        os.write(terminal, b"\x03")
        ready(shared / "got")
        os.kill(pid, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
        pid = None
        assert (shared / "got").read_text() == "got\n"
    finally:
        os.close(terminal)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


# --- secrets

@pytest.fixture
def vault(issuer, bao):  # noqa: F811
    """Facts whose job may read the secret on main, and the variables that lead there."""
    job = full_facts()
    mount = f"exec-{job['repository_id']}"
    bao.write(f"sys/auth/{mount}", type="jwt")
    bao.write(f"auth/{mount}/config", oidc_discovery_url=issuer.url, bound_issuer=issuer.url,
              jwt_supported_algs=["RS256"])
    bao.write(f"auth/{mount}/role/deploy", role_type="jwt", user_claim="sub", bound_audiences=[AUDIENCE],
              bound_claims={"repo": job["repository"], "ref": "refs/heads/main"}, token_policies=["deploy"],
              token_ttl="60s")
    return job, {"VAULT_SERVER_URL": bao.url, "VAULT_AUTH_ROLE": "deploy", "VAULT_AUTH_PATH": mount}


JOB_FILE = f"""\
deploy:
  id_tokens:
    VAULT_ID_TOKEN: {{aud: "{AUDIENCE}"}}
    OTHER_ID_TOKEN: {{aud: other.example}}
  secrets:
    DEPLOY_PASSWORD:
      vault: deploy/password@secret
      file: false
    DEPLOY_PASSWORD_FILE:
      vault: {{engine: {{name: kv-v2, path: secret}}, path: deploy, field: password}}
      token: $VAULT_ID_TOKEN
wrong-token:
  extends: deploy
  secrets:
    DEPLOY_PASSWORD: {{token: $OTHER_ID_TOKEN}}
wrong-field:
  extends: deploy
  secrets:
    DEPLOY_PASSWORD: {{vault: deploy/none@secret}}
"""


@pytest.fixture
def deploy(issuer, vault, credential_file, directory, shared):
    def run(*command: str, job: str = "deploy", options=("--i-trust-the-job",), env=None, **stated: str):
        file = directory / "ci.yml"
        file.write_text(JOB_FILE)
        given = directory / "facts.json"
        given.write_text(json.dumps({"job": {**vault[0], **stated}}))
        environment = clean_environment(
            JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file), TMPDIR=str(shared), **{**vault[1], **(env or {})})
        return run_cli("job", "exec", "--issuer", issuer.url, "--facts", str(given), "--file", str(file), "--job", job,
                       *options, "--", *map(str, command), environment=environment)

    return run


def test_a_command_gets_its_secrets_from_openbao(deploy, shared):
    done = deploy("sh", "-c", 'echo "$DEPLOY_PASSWORD"; cat "$DEPLOY_PASSWORD_FILE"; echo; stat -c %a '
                              '"$DEPLOY_PASSWORD_FILE" "$(dirname "$DEPLOY_PASSWORD_FILE")"')
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["for-main-only", "for-main-only", "600", "700"]
    assert done.stderr == "" and list(shared.iterdir()) == [], "the folder stayed"


def test_a_secrets_file_belongs_to_the_commands_user_in_a_folder_that_does_not(deploy, shared):
    done = deploy("sh", "-c", 'cat "$DEPLOY_PASSWORD_FILE"; echo; stat -c "%a %U" "$DEPLOY_PASSWORD_FILE" '
                              '"$(dirname "$DEPLOY_PASSWORD_FILE")"; touch "$(dirname "$DEPLOY_PASSWORD_FILE")/x"',
                  options=("--user", "nobody"))
    assert done.stdout.split() == ["for-main-only", "600", "nobody", "711", "root"], done
    assert done.returncode == 1 and list(shared.iterdir()) == []


@pytest.mark.parametrize("changes, words", [
    ({"ref": "refs/heads/other"}, ["DEPLOY_PASSWORD", "ref"]),
    ({"env": {"VAULT_AUTH_ROLE": "nobody"}}, ["DEPLOY_PASSWORD", "role"]),
    ({"job": "wrong-token"}, ["DEPLOY_PASSWORD", "aud"]),
    ({"job": "wrong-field"}, ["DEPLOY_PASSWORD", "none"]),
    ({"env": {"VAULT_SERVER_URL": "http://127.0.0.1:1"}}, ["DEPLOY_PASSWORD", "cannot be reached"]),
    ({"env": {"VAULT_SERVER_URL": "http://vault.example"}}, ["https"]),
    ({"env": {"VAULT_SERVER_URL": None}}, ["VAULT_SERVER_URL"]),
], ids=str)
def test_without_every_secret_nothing_starts(deploy, shared, changes, words):
    done = deploy("touch", shared / "ran", **changes)
    assert done.returncode in (1, 78) and done.stdout == "", done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert "eyJ" not in done.stderr and "for-main-only" not in done.stderr
    assert list(shared.iterdir()) == []


@pytest.mark.parametrize("words, shown", [
    (lambda jwt: ["no such role"], "Vault answered 400: no such role"),
    (lambda jwt: [f"bad token {jwt}"], "hold a token"),
    (lambda jwt: ["bad payload " + jwt.split(".")[1]], "hold a token"),
    (lambda jwt: ["bad signature " + jwt[-40:]], "hold a token"),
    (lambda jwt: ["x" * 190 + jwt[-60:]], "hold a token"),
    (lambda jwt: ["\x1b[31m\u009b31m\u202ered\r\n" + "y" * 500], "red"),
], ids=["harmless", "the token", "its payload", "its signature", "a piece at the end", "not printable"])
def test_what_vault_says_shows_no_token_and_no_control(execute, directory, words, shown):
    def respond(path, form):
        return 400, "application/json", json.dumps({"errors": words(json.loads(vault.bodies[-1])["jwt"])})

    with StandIn(respond) as vault:
        done = refused_by_vault(execute, directory, vault.url)
    [line] = done.stderr.splitlines()
    assert shown in line and "eyJ" not in line and line.isascii() and line.isprintable()
    assert len(line) < 400


def test_what_vault_says_shows_no_login(execute, directory):
    def respond(path, form):
        if path.endswith("/login"):
            return 200, "application/json", json.dumps({"auth": {"client_token": "s.TheLoginItself"}})
        return 403, "application/json", json.dumps({"errors": ["no: s.TheLoginItself"]})

    with StandIn(respond) as vault:
        done = refused_by_vault(execute, directory, vault.url)
    assert "hold a token" in done.stderr and "TheLoginItself" not in done.stderr


def refused_by_vault(execute, directory, url: str) -> subprocess.CompletedProcess:
    file = directory / "ci.yml"
    file.write_text("deploy:\n  id_tokens: {T: {aud: vault}}\n  secrets: {PASSWORD: {vault: a/b@kv}}\n")
    done = execute("true", options=("--i-trust-the-job", "--file", str(file), "--job", "deploy"), permission=False,
                   env={"VAULT_SERVER_URL": url})
    assert done.returncode == 1 and done.stdout == "", done
    return done


def test_a_stop_before_the_command_runs_ends_the_job(issuer, processes, vault, credential_file, directory):
    with socket.create_server((harness.HOST, 0)) as silent:
        file, given = directory / "ci.yml", directory / "facts.json"
        file.write_text(JOB_FILE)
        given.write_text(json.dumps({"job": vault[0]}))
        process = processes(
            binary(), "job", "exec", "--issuer", issuer.url, "--facts", given, "--file", file, "--job", "deploy",
            "--i-trust-the-job", "--", "true", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file),
                                  VAULT_SERVER_URL=f"http://{harness.HOST}:{silent.getsockname()[1]}"))
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)  # the login has begun, and gets no answer
            process.terminate()
            assert process.wait(20) == 128 + signal.SIGTERM
    (registered,) = issuer.audit(operation="registration", repository=vault[0]["repository"])
    assert issuer.audit(operation="job_end", job=registered["job"])


def test_the_logins_end_with_the_command(deploy, bao):  # noqa: F811
    def accessors() -> set[str]:
        answer = bao.call("LIST", "auth/token/accessors")
        return set(answer.json()["data"]["keys"])

    before = accessors()
    assert deploy("true").returncode == 0
    assert accessors() <= before


# --- token files

@pytest.fixture
def brief_issuer(module_issuers, directory):
    """Tokens that live five seconds."""
    issuer = module_issuers.make(environment={"JOBSWORTH_TOKENS_LIFETIME": "5"})
    return issuer.start()


def test_a_token_file_is_renewed_while_the_command_runs(brief_issuer, directory, shared):
    credential = directory / "brief"
    credential.touch(mode=0o600)
    credential.write_text(brief_issuer.runner("acme/*").credential)
    given = [part for pair in facts().items() for part in ("--fact", "=".join(pair))]
    script = ('for i in 1 2 3 4 5 6 7 8 9; do cat "$AWS_WEB_IDENTITY_TOKEN_FILE"; echo " $(date +%s)"; sleep 1; done; '
              'stat -c %a "$AWS_WEB_IDENTITY_TOKEN_FILE" >&2; ls "$(dirname "$AWS_WEB_IDENTITY_TOKEN_FILE")" >&2')
    done = run_cli("job", "exec", "--issuer", brief_issuer.url, *given, "--permission", "id-token=write",
                   "--i-trust-the-job", "--aws-token-file", "sts.amazonaws.com", "--", "sh", "-c", script,
                   environment=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential), TMPDIR=str(shared)))
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len({token for token, _ in rows}) >= 3
    for token, second in rows:
        claims = claims_of(token)
        assert claims["aud"] == "sts.amazonaws.com"
        assert claims["exp"] >= int(second), "an expired token stood in the file"
    assert done.stderr.split() == ["600", "AWS_WEB_IDENTITY_TOKEN_FILE"]
    assert list(shared.iterdir()) == []


def test_a_token_file_outlives_a_restart_of_the_issuer(brief_issuer, processes, directory, shared):
    credential = directory / "brief"
    credential.touch(mode=0o600)
    credential.write_text(brief_issuer.runner("acme/*").credential)
    given = [part for pair in facts().items() for part in ("--fact", "=".join(pair))]
    process = processes(
        binary(), "job", "exec", "--issuer", brief_issuer.url, *given, "--permission", "id-token=write",
        "--i-trust-the-job", "--token-file", "T=a", "--", "sh", "-c",
        f'echo "$T" > {shared}/new; mv {shared}/new {shared}/up; while ! test -e {shared}/enough; do sleep 0.1; done',
        env=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential), TMPDIR=str(shared)),
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    token_file = Path(ready(shared / "up")[0])
    brief_issuer.stop()
    old = token_file.read_text()
    line = process.stderr.readline()
    assert "T has expired" in line and "eyJ" not in line
    assert token_file.read_text() == old
    brief_issuer.start()
    poll(lambda: token_file.read_text() != old, seconds=60, what="a new token")
    (shared / "enough").touch()
    assert process.wait(30) == 0
    assert process.stderr.read() == ""


def test_a_token_file_cannot_take_the_name_of_a_token(execute):
    done = execute("true", options=("--i-trust-the-job", "--id-token", "A=a", "--token-file", "A=b"))
    assert done.returncode == 64 and "A is a token" in done.stderr


def test_the_clouds_variables_name_files_that_their_clients_read(execute, shared):
    done = execute(
        "sh", "-c", 'cat "$AZURE_FEDERATED_TOKEN_FILE"; echo; cat "$GOOGLE_APPLICATION_CREDENTIALS"; echo; cat "$MY_TOKEN";'
                    'echo; cat "$SIGSTORE_ID_TOKEN_FILE"; echo; echo "$SIGSTORE_ID_TOKEN"; '
                    'cat "$(sed "s/.*\\"file\\":\\"\\([^\\"]*\\).*/\\1/" "$GOOGLE_APPLICATION_CREDENTIALS")"',
        options=("--i-trust-the-job", "--azure-token-file", harness.AZURE_AUDIENCE, "--google-credentials", PROVIDER,
                 "--google-service-account", "deploy@acme.iam.gserviceaccount.com", "--token-file", "MY_TOKEN=mine",
                 "--sigstore-token"), env={"TMPDIR": str(shared)})
    assert done.returncode == 0, done.stderr
    azure, google, mine, sigstore, variable, subject = done.stdout.split("\n")
    assert claims_of(azure)["aud"] == harness.AZURE_AUDIENCE
    assert claims_of(mine)["aud"] == "mine"
    assert claims_of(sigstore)["aud"] == claims_of(variable)["aud"] == "sigstore"
    assert claims_of(subject)["aud"] == "https:" + PROVIDER
    account = harness.strict_json(google)
    assert account["type"] == "external_account" and account["audience"] == PROVIDER
    assert account["service_account_impersonation_url"].endswith("deploy@acme.iam.gserviceaccount.com:generateAccessToken")


CLIENTS = """
import boto3, google.auth, os
from google.auth.transport.requests import Request
print(boto3.Session().get_credentials().get_frozen_credentials().access_key)
credentials, _ = google.auth.load_credentials_from_file(os.environ["GOOGLE_APPLICATION_CREDENTIALS"])
print(credentials.retrieve_subject_token(Request()))
"""


def test_the_clouds_own_clients_find_their_tokens(issuer, execute, directory):
    """boto3 and google-auth unmodified, as the command."""
    def sts(_, form):
        claims = verify_through_discovery(issuer.url, form["WebIdentityToken"], "sts.amazonaws.com")
        return 200, "text/xml", AWS_ANSWER.format(subject=claims["sub"])

    none = str(directory / "none")
    with StandIn(sts) as stand_in:
        done = execute(
            sys.executable, "-c", CLIENTS,
            options=("--i-trust-the-job", "--aws-token-file", "sts.amazonaws.com", "--google-credentials", PROVIDER),
            env={"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/deploy", "AWS_REGION": "us-east-1",
                 "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL_STS": stand_in.url, "AWS_CONFIG_FILE": none,
                 "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true"})
    assert done.returncode == 0, done.stderr
    key, token = done.stdout.split()
    assert key == "ASIASTANDIN"
    assert verify_through_discovery(issuer.url, token, "https:" + PROVIDER)


@pytest.mark.parametrize("options", [
    ("--token-file", "nothing"), ("--token-file", "1X=a"), ("--token-file", "../x=a"), ("--google-credentials", "x"),
    ("--google-service-account", "a@b"), ("--token-file", "A=a", "--token-file", "A=b"),
])
def test_a_token_file_that_is_none_is_wrong_usage(execute, options):
    assert execute("true", options=("--i-trust-the-job", *options)).returncode == 64


def test_token_files_need_the_request_token(execute, shared):
    done = execute("touch", shared / "ran", options=("--i-trust-the-job", "--aws-token-file", "a"), permission=False)
    assert done.returncode == 1 and "id-token: write" in done.stderr and not (shared / "ran").exists()


# --- the credential is out of reach

def test_a_credential_in_a_file_needs_another_user_or_trust(execute, shared):
    done = execute("touch", shared / "ran", options=())
    assert done.returncode == 64 and "--user" in done.stderr and "--i-trust-the-job" in done.stderr
    assert not (shared / "ran").exists()


def test_the_command_runs_as_its_user_with_its_groups_and_home(execute):
    done = execute("sh", "-c", 'id -u; id -g; id -G; echo "$HOME"; echo "$USER"; grep -E "^(Uid|Gid|NoNewPrivs)" '
                               "/proc/self/status", options=("--user", "nobody"), cwd="/")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    groups = os.getgrouplist("nobody", NOBODY.pw_gid)
    assert lines[:2] == [str(NOBODY.pw_uid), str(NOBODY.pw_gid)]
    assert sorted(map(int, lines[2].split())) == sorted(groups)
    assert lines[3:5] == [NOBODY.pw_dir, "nobody"]
    assert lines[5].split()[1:] == [str(NOBODY.pw_uid)] * 4


@pytest.mark.parametrize("user, code", [("root", 78), ("no-such-user", 78)])
def test_the_user_must_be_somebody_who_is_not_root(execute, user, code):
    assert execute("true", options=("--user", user)).returncode == code


def test_a_credential_file_of_the_commands_user_is_refused(execute, credential_file):
    os.chown(credential_file, NOBODY.pw_uid, NOBODY.pw_gid)
    done = execute("true", options=("--user", "nobody"))
    assert done.returncode == 78 and "belongs to nobody" in done.stderr


def test_the_credential_is_not_in_the_commands_environment_or_descriptors(arguments, runner, credential_file, shared):
    outer = shared / "outer"
    outer.write_text("x")
    with open(outer) as inherited:
        done = subprocess.run(
            [str(binary()), *arguments("--i-trust-the-job"), "--", "sh", "-c", "env; ls /proc/self/fd"],
            env=clean_environment(
                JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file), JOBSWORTH_RUNNER_URL="", SOMETHING="jwr_abc",
                ACTIONS_ID_TOKEN_REQUEST_TOKEN="outer") | {"JOBSWORTH_RUNNER_URL": arguments()[3]},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, pass_fds=[inherited.fileno()])
    assert done.returncode == 0, done.stderr
    assert "jwr_" not in done.stdout and "JOBSWORTH_RUNNER" not in done.stdout and "outer" not in done.stdout
    assert done.stdout.splitlines()[-4:] == ["0", "1", "2", "3"], "3 is ls's own"


# What is open in the parent process: opening these takes the same right as reading them.
PRY = """
for name in environ mem maps; do (: < /proc/$PPID/$name) 2>/dev/null && echo $name; done
for name in cwd exe root; do readlink /proc/$PPID/$name > /dev/null && echo $name; done
ls /proc/$PPID/fd > /dev/null 2>&1 && echo fd
echo "stdin $(cat)"
"""
AS_NOBODY: dict = {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid, "extra_groups": [], "cwd": "/"}


@pytest.fixture(scope="module")
def reachable():
    """The binary where every user may run it: a clone may lie in a closed home."""
    folder = harness.new_directory()
    folder.chmod(0o755)
    yield shutil.copy(binary(), folder / "jobsworth")
    shutil.rmtree(folder)


def test_what_pries_reaches_a_parent_that_is_not_closed():
    control = subprocess.run(["sh", "-c", 'sh -c "$0"; true', PRY], input="x", capture_output=True, text=True, timeout=30,
                             **AS_NOBODY)
    assert control.stdout.split() == ["environ", "mem", "maps", "cwd", "exe", "root", "fd", "stdin", "x"]


@pytest.mark.parametrize("how", ["pipe", "descriptor"])
def test_the_wrapper_is_closed_to_its_own_user(reachable, arguments, runner, shared, how):
    """The credential comes through a pipe to a user that also runs the command: nothing of the wrapper is open to it."""
    options: tuple = ("--i-trust-the-job",)
    passed = ()
    if how == "descriptor":
        reading, writing = os.pipe()
        os.write(writing, runner.credential.encode())
        os.close(writing)
        options, passed = (*options, "--credential-fd", str(reading)), (reading,)
    done = subprocess.run(
        [reachable, *arguments(*options), "--", "sh", "-c", PRY],
        input=runner.credential.encode() if how == "pipe" else b"", capture_output=True, timeout=60, pass_fds=passed,
        env=clean_environment(TMPDIR=str(shared)), **AS_NOBODY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split() == ["stdin"]


def test_a_credential_file_on_standard_input_is_a_file_all_the_same(reachable, arguments, runner, shared):
    file = shared / "credential"
    file.touch(mode=0o600)
    file.write_text(runner.credential)
    os.chown(file, NOBODY.pw_uid, NOBODY.pw_gid)
    with open(file) as stdin:
        done = subprocess.run(
            [reachable, *arguments(), "--", "true"], stdin=stdin, capture_output=True, text=True, timeout=60,
            env=clean_environment(), **AS_NOBODY)
    assert done.returncode == 64 and "where it comes from" in done.stderr


def test_a_pipe_needs_trust_too_for_it_can_be_filled_or_read_again(reachable, arguments, runner):
    done = subprocess.run([reachable, *arguments(), "--", "true"], input=runner.credential, capture_output=True,
                          text=True, timeout=60, env=clean_environment(), **AS_NOBODY)
    assert done.returncode == 64 and "--i-trust-the-job" in done.stderr


LEAVE_BEHIND = """
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
open(sys.argv[1], "w").write(f"{os.getpid()}\\n")
time.sleep(600)
"""


@pytest.mark.parametrize("options", [("--i-trust-the-job",), ("--user", "nobody")])
def test_what_the_command_leaves_behind_ends_with_the_job(execute, shared, options):
    note = shared / "left-behind"
    done = execute("sh", "-c", 'python3 -c "$0" "$1"; while ! grep -q . "$1"; do sleep 0.05; done', LEAVE_BEHIND, note,
                   options=options)
    assert done.returncode == 0, done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_files_of_tokens_are_not_made_where_the_commands_user_can_rename(execute, shared):
    shared.chmod(0o777)
    done = execute("true", options=("--user", "nobody", "--sigstore-token"), env={"TMPDIR": str(shared)})
    assert done.returncode == 78 and "set TMPDIR" in done.stderr


def test_only_root_can_run_a_command_as_somebody_else(reachable, arguments, runner):
    done = subprocess.run(
        [reachable, *arguments("--user", "daemon"), "--", "true"], input=runner.credential, capture_output=True,
        text=True, timeout=60, env=clean_environment(), **AS_NOBODY)
    assert done.returncode == 64 and "only root" in done.stderr
