"""docs/agent.md, docs/attestation.md, and what docs/svid.md and the README say of the agent: their commands run, their files are taken, and their keys are the agent's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from test_documents import run_script

import harness
from agents import AUDIENCE, document
from harness import claims_of, poll

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"
AGENT = (DOCUMENTS / "agent.md").read_text("utf-8")
ATTESTATION = (DOCUMENTS / "attestation.md").read_text("utf-8")
SVID = (DOCUMENTS / "svid.md").read_text("utf-8")
README = (DOCUMENTS.parent / "README.md").read_text("utf-8")
DOCUMENTED_ISSUER = "https://ci.example.org"


def block(text: str, kind: str, containing: str) -> str:
    """The one fenced block of this kind with this text in it."""
    (found,) = [found for found in re.findall(rf"```{kind}\n(.*?)```", text, re.S) if containing in found]
    return found


def keys_of(text: str, heading: str) -> set[str]:
    """The first column of the table below a heading."""
    section = text.split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall(r"`([A-Za-z.]+)", row)}


class Example:
    """The documented agent with its paths and its issuer moved to where a test may have them."""

    def __init__(self, directory: Path, issuer):
        self.directory = directory
        self.log = directory / "agent.log"
        self.places = {"/run/jobsworth": str(directory / "run"), "/var/lib/jobsworth": str(directory / "lib"),
                       "/run/user/1000": str(directory), DOCUMENTED_ISSUER: issuer.url}
        (directory / "agent.yaml").write_text(self.moved(block(AGENT, "yaml", "section: Agent")))

    def moved(self, text: str) -> str:
        for documented, here in self.places.items():
            text = text.replace(documented, here)
        return text

    def start(self, processes) -> None:
        *prepare, run = block(AGENT, "sh", "agent check").splitlines()
        done = run_script(self.moved("\n".join(prepare)), self.directory)
        assert (done.returncode, done.stderr) == (0, "")
        with open(self.log, "wb") as log:
            processes("bash", "-c", "exec " + self.moved(run), cwd=self.directory, stdin=subprocess.DEVNULL,
                      stdout=log, stderr=log, env=harness.clean_environment(PATH=f"{self.directory}/bin:/usr/bin:/bin"))
        poll((self.directory / "run/agent.sock").exists, seconds=20, what="the agent's socket")

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess:
        done = run_script(self.moved(script), self.directory, **environment)
        assert done.returncode == 0, (done.stderr, self.log.read_text())
        return done


@pytest.fixture
def example(directory, issuer, processes):
    example = Example(directory, issuer)
    example.start(processes)
    return example


@pytest.fixture
def job(issuer):
    """A job as the README starts one: no fact but the four that every job has."""
    return issuer.runner("acme/*").register(harness.registration(
        harness.facts(repository="acme/widgets")))


def test_the_documented_agent_gives_a_job_the_documented_identity(example, job):
    done = example.run(
        block(AGENT, "sh", "svid jwt"), ACTIONS_ID_TOKEN_REQUEST_URL=job.request_url,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN=job.request_token)
    (identity,) = re.findall(r"is `(spiffe://[^`]+)`", AGENT)
    assert claims_of(done.stdout.splitlines()[0])["sub"] == identity
    done = example.run("openssl verify -CAfile bundle.0.pem svid.0.pem && openssl x509 -in svid.0.pem -noout -ext "
                       "subjectAltName")
    assert f"URI:{identity}" in done.stdout


def test_the_readmes_commands_give_a_job_both_kinds_of_svid(example, job):
    done = example.run(
        block(README, "sh", "svid x509") + "openssl verify -CAfile bundle.0.pem svid.0.pem",
        ACTIONS_ID_TOKEN_REQUEST_URL=job.request_url, ACTIONS_ID_TOKEN_REQUEST_TOKEN=job.request_token)
    (identity,) = re.findall(r"# (spiffe://\S+?)…", README)
    assert "svid.0.pem: OK" in done.stdout
    (token,) = [line for line in done.stdout.splitlines() if line.startswith("eyJ")]
    assert claims_of(token)["sub"].startswith(identity)


def test_the_commands_of_the_clients_document_run_against_the_agent(example, job):
    (example.directory / "job.token").write_text(job.token(AUDIENCE))
    done = example.run(block(SVID, "sh", "svid validate"))
    assert "SVID is valid." in done.stdout and "svids/svid.0.pem: OK" in done.stdout
    (example.directory / "helper.yaml").write_text(block(SVID, "yaml", "cert_dir"))
    (example.directory / "certs").mkdir()
    example.run(block(SVID, "sh", "svid helper"), SPIFFE_ENDPOINT_SOCKET=f"unix://{example.directory}/run/agent.sock")


def test_the_documented_operators_commands_reach_the_running_agent(example):
    keys, audit = re.findall(r"`jobsworth ((?:keys|audit) [^`]*--storage [^`]+)`", AGENT.replace("\n", " "))
    storage = keys.split("--storage ")[1]
    shown = example.run("jobsworth " + keys.replace("show|rotate|revoke …", "show"))
    assert "certificates" in shown.stdout
    assert '"operation":"key_activate"' in example.run("jobsworth " + audit.replace("…", storage)).stdout


def test_the_documented_socket_of_one_job_needs_no_token_from_its_clients(example, job, processes):
    token = example.directory / "token"
    token.touch(mode=0o600)
    token.write_text(job.token(AUDIENCE))
    script = example.moved(block(AGENT, "sh", "agent socket"))
    processes("bash", "-c", "exec " + script, cwd=example.directory, stdin=subprocess.DEVNULL,
              env=harness.clean_environment(PATH=f"{example.directory}/bin:/usr/bin:/bin"))
    poll((example.directory / "spiffe.sock").exists, seconds=20, what="the job's socket")
    done = example.run("jobsworth svid jwt --audience https://api.example",
                       SPIFFE_ENDPOINT_SOCKET=f"unix://{example.directory}/spiffe.sock")
    assert claims_of(done.stdout.strip())["sub"].endswith("/repo/acme_2Fwidgets/ref/refs_2Fheads_2Fmain")


def test_the_documented_profiles_make_the_agent_trust_one_issuer_more(example):
    script = example.moved(block(AGENT, "sh", "ci-cd profile create"))
    assert run_script(script, example.directory).returncode == 78, "two issuers, and nothing that tells them apart"
    example.run("jobsworth ci-cd profile delete jenkins-profile --config agent.yaml")
    text = (example.directory / "agent.yaml").read_text()
    (example.directory / "agent.yaml").write_text(text.replace(
        "{{cluster.name}}/repo", "{{cluster.name}}/{{jwt.issuer}}/repo"))
    example.run(script)
    assert "my-jenkins.example.com" in example.run("jobsworth ci-cd profile list --config agent.yaml").stdout
    example.run("jobsworth agent check --config agent.yaml")


@pytest.mark.parametrize("text", [AGENT, ATTESTATION], ids=["agent", "attestation"])
def test_every_documented_file_is_taken(directory, text):
    base = {
        "Agent": document("Agent", {"trustDomain": "example.org", "cluster": {"name": "ci"}}),
        "WorkloadAttestation": document("WorkloadAttestation", {"jwt": {"enabled": True, "allowedIssuers": [
            {"issuer": DOCUMENTED_ISSUER}]}}),
        "SVIDIssuancePolicy": document("SVIDIssuancePolicy", {"policy": {"pathTemplate": "/{{jwt.claim.repo}}"}}),
    }
    examples = re.findall(r"```yaml\n(.*?)```", text, re.S)
    assert examples
    for example in examples:
        file = directory / "agent.yaml"
        missing = [section for name, section in base.items() if f"section: {name}\n" not in example]
        file.write_text("---\n" + example + "".join(missing))
        done = harness.run_cli("agent", "check", "--config", str(file))
        assert done.returncode == 0, done.stderr


def unknown_in(directory: Path, *sections: str) -> list[str]:
    file = directory / "agent.yaml"
    file.write_text("".join(sections))
    done = harness.run_cli("agent", "check", "--config", str(file))
    assert done.returncode == 78, done.stdout
    return [line for line in done.stderr.splitlines() if "not a known key" in line or "is not known" in line]


def test_every_documented_key_of_the_agent_is_known_and_no_other(directory):
    documented = keys_of(AGENT, "The section `Agent`")
    assert len(documented) > 15
    spec = {key.split(".")[0]: None for key in documented} | {"notAKey": None}
    (unknown,) = unknown_in(directory, document("Agent", spec))
    assert "notAKey" in unknown
    (row,) = [line for line in AGENT.splitlines() if line.startswith("| `keys.…`")]
    names = re.findall(r"`([a-zA-Z]+)` \(", row)
    assert len(names) == 6
    (unknown,) = unknown_in(directory, document("Agent", {"keys": dict.fromkeys([*names, "notAKey"])}))
    assert "notAKey" in unknown


@pytest.mark.parametrize(("text", "heading"), [(AGENT, "Who is trusted"), (ATTESTATION, "WorkloadAttestation")],
                         ids=["agent", "attestation"])
def test_every_documented_key_of_a_trusted_issuer_is_known_and_no_other(directory, text, heading):
    documented = keys_of(text, heading)
    assert len(documented) == 9, documented
    issuers = [{**dict.fromkeys(documented), "notAKey": None}]
    agent = document("Agent", {"trustDomain": "example.org", "cluster": {"name": "ci"}})
    (unknown,) = unknown_in(
        directory, agent, document("WorkloadAttestation", {"jwt": {"enabled": True, "allowedIssuers": issuers}}))
    assert "notAKey" in unknown
