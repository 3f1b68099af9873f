"""The CI's own file says what a job opts in to: `job start --file F --job NAME`, hostile files included."""

from __future__ import annotations

import json

import pytest

import harness
from harness import claims_of, clean_environment, facts, registration, run_cli

GITLAB = """\
stages: [deploy]
default:
  id_tokens: {DEFAULT_ID_TOKEN: {aud: default.example}}
.cloud: &cloud
  id_tokens: &tokens
    CLOUD_PROVIDER_ID_TOKEN:
      aud: [AWS, "GCK"]
deploy:
  extends: .cloud
  environment: {name: production, url: https://x.example}
  id_tokens:
    VAULT_ID_TOKEN:
      aud: "Vault"
  script: [!reference [.setup, script], make]
merged:
  id_tokens:
    <<: *tokens
    VAULT_ID_TOKEN: {aud: 0x10}
plain:
  script: [make]
nothing:
  inherit: {default: false}
"""

GITHUB = """\
on: push
permissions: {contents: read}
jobs:
  build: {runs-on: linux}
  release:
    permissions:
      id-token: write
    environment: production
"""


@pytest.fixture
def start(issuer, runner, directory):
    credential = directory / "credential"
    credential.touch(mode=0o600)
    credential.write_text(runner.credential)

    def run(text: str | bytes, job: str, *arguments: str, **stated: str):
        file = directory / "ci.yml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        given = [part for pair in facts(**stated).items() for part in ("--fact", "=".join(pair))]
        return run_cli(
            "job", "start", "--issuer", issuer.url, "--file", str(file), "--job", job,
            *(arguments if "--facts" in arguments else (*given, *arguments)),
            environment=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential)))

    return run


def registered(done) -> dict:
    assert done.returncode == 0, done.stderr
    return harness.strict_json(done.stdout)


def refused(done, *words: str, code: int = 78) -> None:
    assert done.returncode == code, done
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_a_gitlab_job_gets_the_tokens_of_its_section_and_of_what_it_extends(start):
    tokens = registered(start(GITLAB, "deploy"))["id_tokens"]
    assert list(tokens) == ["CLOUD_PROVIDER_ID_TOKEN", "VAULT_ID_TOKEN"]
    assert claims_of(tokens["CLOUD_PROVIDER_ID_TOKEN"])["aud"] == ["AWS", "GCK"]
    assert claims_of(tokens["VAULT_ID_TOKEN"])["aud"] == "Vault"
    assert claims_of(tokens["VAULT_ID_TOKEN"])["environment"] == "production"


def test_merge_keys_bring_in_what_stands_at_their_anchor(start):
    tokens = registered(start(GITLAB, "merged"))["id_tokens"]
    assert list(tokens) == ["CLOUD_PROVIDER_ID_TOKEN", "VAULT_ID_TOKEN"]
    assert claims_of(tokens["VAULT_ID_TOKEN"])["aud"] == "0x10", "a scalar is what stands there"


def test_the_defaults_are_for_jobs_without_tokens_of_their_own(start):
    assert list(registered(start(GITLAB, "plain"))["id_tokens"]) == ["DEFAULT_ID_TOKEN"]


def test_a_job_that_opts_in_to_nothing_gets_nothing_and_is_told(start):
    done = start(GITLAB, "nothing")
    body = registered(done)
    assert body["environment"] == {} and "id_token_request" not in body
    assert "gets no token" in done.stderr


def test_a_github_job_gets_its_request_token_by_its_own_permissions(start):
    body = registered(start(GITHUB, "release"))
    assert "id_token_request" in body and body["id_tokens"] == {}
    assert "id_token_request" not in registered(start(GITHUB, "build"))


def test_the_files_environment_is_registered_unless_the_caller_says_another(start):
    job = registered(start(GITHUB, "release", environment="production"))
    assert job["id"]
    refused(start(GITHUB, "release", environment="staging"), "ci.yml:8", "jobs.release.environment", "staging")


def test_facts_from_a_file_are_completed_by_the_job_file(start, directory):
    given = directory / "facts.json"
    given.write_text(json.dumps(registration(facts(), permissions=None)))
    assert list(registered(start(GITLAB, "plain", "--facts", str(given)))["id_tokens"]) == ["DEFAULT_ID_TOKEN"]
    given.write_text(json.dumps(registration(facts())))
    refused(start(GITLAB, "plain", "--facts", str(given)), "opts in", code=64)


@pytest.mark.parametrize("arguments", [("--permission", "id-token=write"), ("--id-token", "A=a")])
def test_two_sources_of_what_the_job_opts_in_to_are_wrong_usage(start, arguments):
    done = start(GITLAB, "plain", *arguments)
    assert done.returncode == 64 and done.stdout == "", done


def test_file_and_job_go_together(issuer):
    assert run_cli("job", "start", "--issuer", issuer.url, "--file", "x", "--fact", "a=b").returncode == 64
    assert run_cli("job", "start", "--issuer", issuer.url, "--job", "x", "--fact", "a=b").returncode == 64


def test_an_unknown_job_is_refused_with_the_jobs_there_are(start):
    refused(start(GITLAB, "deplyo"), "deplyo", "deploy, merged, plain, nothing")
    refused(start(GITLAB, ".cloud"), "deploy")
    refused(start(GITHUB, "test"), "build, release")


@pytest.mark.parametrize("text, words", [
    ("a:\n  id_tokens:\n    A: {aud: [x, {y: z}]}\n", ["ci.yml:3", "a.id_tokens.A.aud[1]"]),
    ("a:\n  id_tokens:\n    A: {aud: x}\n  secrets:\n    S: {vault: x}\n", ["ci.yml:5", "a.secrets.S.vault"]),
    ("a:\n  secrets: {S: {vault: a/b}}\n", ["ci.yml:2", "a.secrets.S", "id_tokens"]),
    ("a:\n  id_tokens: !reference [.x, id_tokens]\n", ["ci.yml:2", "!reference"]),
    ("a:\n  extends: .x\n", ["ci.yml:2", ".x"]),
    ("a: {\n", ["line"]),
    ("a: 1\na: 2\n", ["line", "twice"]),
    ("a: *nowhere\n", ["ci.yml"]),
    ("? [a, b]\n: c\n", ["one word"]),
    ("a: {<<: text}\n", ["<<"]),
    ("- a\n", ["mapping"]),
    ("", ["mapping"]),
    ("a: {}\n---\nb: {}\n", ["ci.yml"]),
    (b"a: \xff\xfe", ["UTF-8"]),
    (b"a: \x00", ["ci.yml"]),
    ("[" * 100_000, ["ci.yml"]),
    ("{a: " * 900, ["ci.yml"]),
    ("a: " * 5000, ["ci.yml"]),
    ("- " * 5000, ["ci.yml"]),
    ("x: y\n" * 200_000, ["ci.yml"]),
    ("".join(f"k{number}: v\n" for number in range(80_000)), ["ci.yml"]),
    ("a: &a {}\n" + "".join(f"b{n}: &b{n} {{<<: [{', '.join(['*' + (f'b{n - 1}' if n else 'a')] * 9)}]}}\n"
                            for n in range(9)), ["ci.yml"]),
    ("a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [{', '.join(['*' + (f'b{n - 1}' if n else 'a')] * 9)}]\n"
                                for n in range(9)), ["ci.yml"]),
], ids=lambda value: repr(value)[:30])
def test_a_hostile_file_gives_one_clear_line(start, text, words):
    refused(start(text, "a"), *words)


def test_a_file_that_would_take_for_ever_is_refused_at_once(start):
    bomb = "a: &a [x, x]\n" + "".join(
        f"b{n}: &b{n} [{', '.join(['*' + (f'b{n - 1}' if n else 'a')] * 9)}]\n" for n in range(20))
    refused(start(bomb + "? *b19\n: v\n", "a"), "ci.yml", "line 22", "a key must be one word")


def test_secrets_are_left_to_job_exec_and_that_is_said(start):
    text = "a:\n  id_tokens: {T: {aud: x}}\n  secrets: {S: {vault: a/b}}\n"
    done = start(text, "a")
    assert list(registered(done)["id_tokens"]) == ["T"] and "job exec" in done.stderr


def test_a_file_that_is_not_there_is_said(issuer, directory):
    done = run_cli("job", "start", "--issuer", issuer.url, "--file", str(directory / "none.yml"), "--job", "a",
                   "--fact", "repository=a/b", stdin="x")
    refused(done, "none.yml")
